"""One replay: a watch with a state directory of its own goes through the planned files, and sends nothing out."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.clock import Clock
from connectors.file_hash import file_sha256
from connectors.model_files import install_model, write_model
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.stage_moment import RUNNER_KEY
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import SECOND_NS
from models.model_bundle import ModelBundle
from models.snapshot_sequence import SnapshotSequence
from models.state import decode_state, encode_state
from streams.archive.settings import ArchiveSettings
from streams.archive.states.stage_states import StageStates
from streams.replay.plan import ReplayPlan
from streams.settings import Settings
from streams.watch import Watch, open_watch


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayModels:
    """The model that a replay uses, and those that the cameras of its state still belong to."""

    in_use: ModelBundle
    of_state: tuple[ModelBundle, ...] = ()


class EventTimePace:
    """Holds each file back until event time has come to its end, at a speed; called from one thread.

    Parameters
    ----------
    speed
        Seconds of event time in a second of the clock.
    """

    def __init__(self, clock: Clock, speed: float, ends_ns: Mapping[str, int]) -> None:
        self._clock = clock
        self._speed = speed
        self._ends_ns = ends_ns
        self._began: tuple[float, int] | None = None

    def __call__(self, file: SpoolFile) -> None:
        """Wait."""
        end_ns = self._ends_ns[file.relative]
        if self._began is None:
            self._began = self._clock.monotonic_s(), end_ns
        began_s, began_ns = self._began
        due_s = began_s + (end_ns - began_ns) / SECOND_NS / self._speed
        self._clock.sleep(due_s - self._clock.monotonic_s())


def run_replay(
    plan: ReplayPlan,
    models: ReplayModels,
    places: Mapping[str, Path],
    directory: Path,
    settings: Settings,
    *,
    clock: Clock,
    speed: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Replay into a state directory; one that was cut off goes on where it stood.

    Parameters
    ----------
    places
        Where the files lie on this computer, by their ids.
    directory
        Of this replay and model alone.
    settings
        Only the addresses in ``webhook_urls`` are sent anything, and nothing is archived.
    speed
        Of event time against the clock; None: as fast as it goes.

    Raises
    ------
    FatalError
        ``replay_differs`` when a file is not what was archived (any more), ``replay_state`` when this program can't go
        on from the state, and as ``open_watch``.
    """
    _install(models, directory)
    with StateDirectory.open(directory) as state:
        if plan.state is not None and not state.sequence:
            state.commit(_beginning(plan.state, settings))
    files = [_spool_file(file, places[file.id], clock.now_ns()) for file in plan.files]
    ends_ns = {file.path: file.last_ns if file.last_ns is not None else plan.from_ns for file in plan.files}
    own = settings.model_copy(update={"archive": ArchiveSettings()})
    with ExitStack() as stack:
        running = _open(stack, plan, directory, own, clock, tell)
        pace = None if speed is None else EventTimePace(clock, speed, ends_ns)
        running.run_files(files, progress, wait_for=pace)
    compare_files(plan.files, places, directory)


def _open(
    stack: ExitStack,
    plan: ReplayPlan,
    directory: Path,
    settings: Settings,
    clock: Clock,
    tell: Callable[[str], None] | None,
) -> Watch:
    try:
        return stack.enter_context(open_watch([], directory, settings, clock=clock, tell=tell))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        if plan.state is None or plan.state_file is None:
            raise
        # What stages save changes from version to version; archives are older than that.
        raise FatalError(
            f"{plan.state_file.key} was saved by Petawatch {plan.state.program}, and this one can't go on from it "
            f"({type(error).__name__}: {error}); replay with that version, or with --fresh from the first snapshot on",
            reason="replay_state",
        ) from error


def _install(models: ReplayModels, directory: Path) -> None:
    for bundle in models.of_state:
        write_model(directory / "models" / bundle.name, bundle)
    install_model(directory, models.in_use)


def _beginning(state: StageStates, settings: Settings) -> Commit:
    """What the replay's state directory holds before its first file: the states, and what they know of files."""
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
    records += [
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
    runner = decode_state(state.states[RUNNER_KEY]) | {"sequence": _sequence_after(state, settings)}
    return Commit(stage_states={**state.states, RUNNER_KEY: encode_state(runner)}, files=records)


def _sequence_after(state: StageStates, settings: Settings) -> dict[str, object]:
    """The order of snapshots right after those that were read.

    Its own state may be ahead of them: whoever reads a whole day at once sorts all of it first.
    """
    sequence: SnapshotSequence[None] = SnapshotSequence(settings.sequence, settings.zone)
    for record in state.files:
        sequence.offer(None, record.path, 0)
    sequence.flush()
    return sequence.state()


def _spool_file(file: ArchivedFile, place: Path, now_ns: int) -> SpoolFile:
    status = place.stat()
    return SpoolFile(
        root=place.parents[file.path.count("/")],
        path=place,
        relative=file.path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        closed_ns=now_ns,
    )


def compare_files(files: Iterable[ArchivedFile], places: Mapping[str, Path], directory: Path) -> None:
    """Every file that was read is the one that was archived; of a mere folder's files nothing is known before.

    Raises
    ------
    FatalError
        ``replay_differs``.
    """
    with StateReader.open(directory) as state:
        for file in files:
            known = state.known_file(file.path)
            if known is None or (file.sha256 and _read_sha256(known, places[file.id]) != file.sha256):
                raise FatalError(
                    f"{file.path} is not the file that was archived, so that its results are none of {directory}; "
                    "restore it, and replay into another folder",
                    reason="replay_differs",
                )


def _read_sha256(known: FileRecord, place: Path) -> str:
    """What was read; a file that can't be read as a snapshot is an archived one all the same."""
    return known.sha256 or file_sha256(place)
