"""Archives the states of the stages at each full hour of event time, while the watch goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from pathlib import Path

from connectors.state.reader import StateReader
from connectors.state.stage_moment import StageMoment
from models.errors import PetawatchError
from models.event_time import SECOND_NS, format_iso
from streams.archive.states.stage_states import write_moment
from streams.settings import Settings

# Who watches a recorded day comes to the next hour within a second: the states before are waited for, but not for ever.
_PATIENCE_S = 30.0


class StateArchivist:
    """Asked before the commit of each unit; the states are read at once, and written by a thread of its own.

    A disk that hangs holds the watch up once, for half a minute. What can't be written is told, and tried again with
    the next snapshot.

    Parameters
    ----------
    folder
        The archive's.
    """

    def __init__(
        self,
        state: StateReader,
        folder: Path,
        settings: Settings,
        tell: Callable[[str], None],
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._state = state
        self._folder = folder
        self._settings = settings
        self._tell = tell
        self._every_ns = round(settings.archive.state_every_s * SECOND_NS)
        self._stretch: int | None = None
        self._due: tuple[int, Future[Path | None]] | None = None
        self._patience_s = patience_s
        self._hangs = False
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="states")

    def before(self, first_ns: int) -> None:
        """A snapshot is committed next whose first record has this event time."""
        if not self._every_ns:
            return
        stretch = first_ns // self._every_ns
        if (self._stretch is not None and stretch <= self._stretch) or self._is_being_written(stretch):
            return
        moment = self._state.stage_moment()
        if self._stretch is None:
            # Of the stretch in which it stopped, the state was archived when that began, if it was.
            self._stretch = stretch if moment is None else moment.position_ns // self._every_ns
        if moment is not None and stretch > self._stretch:
            self._due = stretch, self._writer.submit(self._write, moment)

    def close(self) -> None:
        """Wait for what is being written, unless it hangs."""
        self._writer.shutdown(wait=not self._hangs)

    def _is_being_written(self, stretch: int) -> bool:
        """Whether the state before this stretch is with the writer, or was written."""
        if self._due is None or (stretch <= self._due[0] and not self._due[1].done()):
            return self._due is not None
        due, written = self._due
        if not self._has_ended(written):
            return True
        self._due = None
        if written.result() is not None:
            self._stretch = due
        return self._stretch is not None and stretch <= self._stretch

    def _has_ended(self, written: "Future[Path | None]") -> bool:
        """Whether states are written, or can't be; waits for them once."""
        try:
            written.exception(0 if self._hangs else self._patience_s)
        except NotYetError:
            if not self._hangs:
                self._tell(f"the disk of {self._folder} hangs: no states are archived until it answers; look after it")
            self._hangs = True
            return False
        self._hangs = False
        return True

    def _write(self, moment: StageMoment) -> Path | None:
        try:
            return write_moment(moment, self._state.path, self._folder, self._settings)
        except (OSError, PetawatchError) as error:
            self._tell(
                f"the states of {format_iso(moment.position_ns)} are not archived ({error}); a replay starts from "
                "those before, and the next snapshot tries again"
            )
            return None
