"""The watched folders, looked into only while they answer: a mount that hangs must not stop who is to tell of it."""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from connectors.clock import Clock
from connectors.folder_probe import FolderAnswer, FolderProbe
from connectors.spool_listing import SpoolFile, SpoolNotice
from connectors.spool_watcher import IsTaken, SpoolSettings, SpoolWatcher


class Unknown(Enum):
    """Why a look can't say whether anything has come."""

    #: What lay there at the start is worked off. What has come since waits in the same queue, perhaps for hours.
    BACKLOG = "backlog"
    #: Files are found by looking through all folders, which is not at its end: a later look knows.
    NOT_YET = "not_yet"


#: What has come since the last look, and how the folders stand.
Looked = Callable[[Sequence[SpoolFile] | Unknown, FolderAnswer], None]


class WatchedFolders:
    """A spool watcher that asks the folders first; for one thread.

    Parameters
    ----------
    is_taken
        As ``SpoolWatcher`` takes it.
    looked
        Called after each look, also when the folders did not answer.
    tell
        Called with a sentence when a folder hangs, and when all answer again.
    probe
        Asks the folders; one of its own without.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        clock: Clock,
        settings: SpoolSettings,
        is_taken: IsTaken,
        *,
        looked: Looked,
        tell: Callable[[str], None],
        probe: FolderProbe | None = None,
    ) -> None:
        self._spool = SpoolWatcher(paths, clock, settings, is_taken)
        self._probe = probe or FolderProbe(self._spool.roots)
        self._looked = looked
        self._tell = tell
        self._has_caught_up = False
        self._hang = False
        self._passes = 0

    @property
    def hang(self) -> bool:
        """Whether a folder did not answer when they were asked last."""
        return self._hang

    @property
    def queue_depth(self) -> int:
        """How many snapshots and notices wait to be taken."""
        return self._spool.queue_depth

    @property
    def unfinished(self) -> list[str]:
        """The files that were seen and are not known to be complete, below their roots; in no order."""
        return self._spool.unfinished

    def take(self, timeout_s: float) -> list[SpoolFile | SpoolNotice]:
        """What is new; waits for it at most ``timeout_s`` seconds, and for folders that hang some more."""
        answer = self._probe.answer()
        self._note(answer)
        if self._hang:
            self._looked((), answer)
            return []
        found = self._spool.take(timeout_s)
        files = [item for item in found if isinstance(item, SpoolFile)]
        self._looked(self._seen(files), answer)
        self._has_caught_up = self._has_caught_up or self._spool.has_caught_up
        return found

    def wake(self) -> None:
        """Let a waiting ``take`` come back now; may be called from any thread."""
        self._spool.wake()

    def stop(self) -> None:
        """Stop watching."""
        self._spool.stop()

    def _seen(self, files: Sequence[SpoolFile]) -> Sequence[SpoolFile] | Unknown:
        if not self._has_caught_up:
            return Unknown.BACKLOG
        spool = self._spool
        if not files and spool.finds_by_looking and (spool.passes == self._passes or spool.has_settling):
            return Unknown.NOT_YET
        self._passes = spool.passes
        return files

    def _note(self, answer: FolderAnswer) -> None:
        hung, self._hang = self._hang, answer is FolderAnswer.HANGS
        if self._hang and not hung:
            self._tell(
                f"{self._probe.asked_last} does not answer: is its server, its disk or the network away? Nothing is "
                "watched until it does"
            )
        elif hung and not self._hang:
            self._tell("the watched folders answer again")
