"""What a replay begins with: the archived states, and what they know of the files before them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from connectors.state.commit import FileRecord, FileStatus
from connectors.state.stage_moment import RUNNER_KEY
from models.errors import FatalError
from models.snapshot_sequence import SnapshotSequence
from models.state import State, decode_state
from streams.archive.states.stage_states import StageStates
from streams.replay.plan import ReplayPlan
from streams.settings import Settings


def files_before(state: StageStates) -> list[FileRecord]:
    """The files before a state, with as many records as of each wait in the joins."""
    pending = {(path, sha256): number for path, sha256, number in state.pending}
    records = [
        replace(
            record,
            records_read=pending.pop((record.path, record.sha256), 0),
            dead_letters={},
            replaced_sha256=None,
        )
        for record in state.files
    ]
    return records + [
        FileRecord(
            path=path,
            root="",
            sha256=sha256,
            size_bytes=0,
            mtime_ns=0,
            status=FileStatus.ACCEPTED,
            records_read=number,
        )
        for (path, sha256), number in pending.items()
    ]


def runner_before(state: StageStates, settings: Settings) -> State:
    """What the runner knows of recorders and files, with the order of snapshots right after those that were read.

    The order that was saved may be ahead of them: whoever reads a whole day at once sorts all of it first.
    """
    sequence: SnapshotSequence[None] = SnapshotSequence(settings.sequence, settings.zone)
    for record in state.files:
        sequence.offer(None, record.path, 0)
    sequence.flush()
    return decode_state(state.states[RUNNER_KEY]) | {"sequence": sequence.state()}


@contextmanager
def taken_up(plan: ReplayPlan) -> Iterator[None]:
    """While the states are taken up: what stages save changes from version to version; archives are older than that.

    Raises
    ------
    FatalError
        ``replay_state`` when this program can't go on from them.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if plan.state is None or plan.state_file is None:
            raise
        raise FatalError(
            f"{plan.state_file.key} was saved by Petawatch {plan.state.program}, and this one can't go on from it "
            f"({type(error).__name__}: {error}); replay with that version, or with --fresh from the first snapshot on",
            reason="replay_state",
        ) from error
