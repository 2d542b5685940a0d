"""What is replayed: which files, from which state."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.state.stage_moment import REMEMBERED_NS
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import MINUTE_NS, format_iso
from streams.archive.states.stage_states import StageStates, read_stage_states, settings_digests
from streams.replay.sources import ReplaySource, start_in_name
from streams.settings import Settings

#: Of these files the shots at the end of the stretch are decided as by a watch that goes on.
LEAD_OUT_NS = 2 * MINUTE_NS

#: Brings files to this computer and gives their places, by their ids.
Fetch = Callable[[Sequence[ArchivedFile]], dict[str, Path]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """A stretch of event time, and what is put through the pipeline for it.

    Attributes
    ----------
    from_ns, to_ns
        The stretch that is asked for: from the one on and before the other.
    state_file, state
        What it starts from; None when the devices learn anew.
    files
        From the state on, up to some minutes behind the stretch, in the order in which they are processed.
    changed_settings
        Parts of the settings that are not those of the state: its results may differ from the first ones.
    """

    from_ns: int
    to_ns: int
    state_file: ArchivedFile | None
    state: StageStates | None
    files: tuple[ArchivedFile, ...]
    changed_settings: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(file.size_bytes for file in self.files)

    def id(self, model: str, settings: Settings) -> str:
        """Computed: the same replay with the same model has the same id."""
        text = json.dumps(
            [
                *(self.from_ns, self.to_ns, "" if self.state_file is None else self.state_file.id, model),
                *(settings_digests(settings), [file.id for file in self.files]),
            ]
        )
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_plan(
    source: ReplaySource, fetch: Fetch, from_ns: int, to_ns: int, settings: Settings, *, fresh: bool = False
) -> ReplayPlan:
    """Find the latest state before a stretch, and all files from there to its end.

    Parameters
    ----------
    fresh
        Whether it is to start without a state, whatever there is.

    Raises
    ------
    FatalError
        ``replay_empty`` when no file of the stretch is known; ``archived_file_damaged``.
    """
    state_file = None if fresh else next(iter(source.states(from_ns)), None)
    state = None if state_file is None else read_stage_states(fetch([state_file])[state_file.id])
    since_ns = from_ns if state is None else min(from_ns, state.position_ns - REMEMBERED_NS)
    files = source.snapshots(since_ns, to_ns + LEAD_OUT_NS)
    if not any(_touches(file, from_ns, to_ns) for file in files):
        raise FatalError(
            f"no snapshot between {format_iso(from_ns)} and {format_iso(to_ns)} is known; look with petawatch catalog "
            "find, or name a folder with --from-folder",
            reason="replay_empty",
        )
    digests = settings_digests(settings)
    return ReplayPlan(
        from_ns=from_ns,
        to_ns=to_ns,
        state_file=state_file,
        state=state,
        files=tuple(_not_read_before(files, state, settings)),
        changed_settings=tuple(
            name for name, digest in digests.items() if state is not None and state.settings.get(name) != digest
        ),
    )


def _not_read_before(files: list[ArchivedFile], state: StageStates | None, settings: Settings) -> list[ArchivedFile]:
    """The files that were not read yet when the state was saved."""
    if state is None:
        return files
    done = {(record.path, record.sha256) for record in state.files}
    paths = {path for path, _ in done}

    def is_new(file: ArchivedFile) -> bool:
        if file.first_ns is None:
            return (start_in_name(file, settings.zone) or 0) >= state.position_ns
        # In a folder the name is all that is known of a file.
        return (file.path, file.sha256) not in done if file.sha256 else file.path not in paths

    return [file for file in files if is_new(file)]


def _touches(file: ArchivedFile, from_ns: int, to_ns: int) -> bool:
    return file.first_ns is not None and (file.first_ns < to_ns and (file.last_ns or file.first_ns) >= from_ns)
