"""A control room beside the watch's own: it may come and go, and its disk, often another one, may hang."""

import os
from contextlib import suppress
from pathlib import Path

from connectors.bounded_question import BoundedQuestion, HangsError
from connectors.control_room.reader import ControlRoomReader
from connectors.state.database import missing_state
from models.errors import RetryableError

# As long as nobody minds on a page; a disk that wakes up takes longer, and is looked into again when it has.
_ANSWER_S = 1.0


class OtherRoom:
    """Its disk is asked before each look, for a limited time; for any threads.

    What stops just when it is looked into, or written, holds up who does that until it goes on: no call of the system
    that waits for a disk can be given up. That is one thread each, and nobody comes after it.

    Parameters
    ----------
    state
        Its state directory.
    own
        That of the watch: when it is the same one this is none.
    """

    def __init__(self, state: Path, own: Path) -> None:
        self._reader = ControlRoomReader(state)
        self._own = own
        self._there = BoundedQuestion(self._is_there, _ANSWER_S)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self._reader.state

    def reader(self) -> ControlRoomReader | None:
        """Who looks into it; None when there is none.

        Raises
        ------
        RetryableError
            ``disk_error``: its disk hangs.
        """
        try:
            return self._reader if self._there.answer() else None
        except HangsError:
            raise RetryableError(
                f"the disk under {self.state} does not answer; look after it, or after its mount", reason="disk_error"
            ) from None

    def has_lost_its_decisions(self) -> bool:
        """Whether there is a state without a file of decisions.

        Raises
        ------
        RetryableError
            As ``reader``.
        """
        return self.reader() is None and lost_its_decisions(self._reader)

    def _is_there(self) -> bool:
        with suppress(OSError):
            os.statvfs(self.state)  # it is never answered from memory by network file systems
        return self._reader.is_there() and os.path.realpath(self.state) != os.path.realpath(self._own)


def lost_its_decisions(room: ControlRoomReader) -> bool:
    """Whether there is a state without a file of decisions: who keeps alarms makes both at the start."""
    return missing_state(room.state) is None and not room.is_there()
