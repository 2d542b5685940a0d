"""Asks whether folders answer, on a thread of its own: a mount that hangs holds up whoever asks it, maybe for ever."""

import os
import threading
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path


class FolderAnswer(StrEnum):
    """How watched folders stand."""

    #: All can be listed, and none is empty.
    THERE = "there"
    #: One is missing, empty (as the place of a mount without it) or can't be listed.
    AWAY = "away"
    #: One has not answered yet.
    HANGS = "hangs"


class FolderProbe:
    """Asks all folders at once; for one caller.

    A question that was not answered in time stays the question: no other thread is begun while a folder hangs.

    Parameters
    ----------
    ask
        Looks at one folder, and raises ``OSError`` when it can't.
    """

    def __init__(self, paths: Sequence[Path], ask: Callable[[Path], bool] | None = None) -> None:
        self._paths = tuple(paths)
        self._ask = ask or _is_there
        self._asked_last = self._paths[0] if self._paths else Path()
        self._asked, self._answered = threading.Event(), threading.Event()
        self._answer = FolderAnswer.THERE
        self._waits = self._stopping = False
        self._thread = threading.Thread(target=self._run, name="folders", daemon=True)
        self._thread.start()

    def answer(self, within_s: float) -> FolderAnswer:
        """How they stand now; ``HANGS`` when that is not known within ``within_s`` seconds."""
        if not self._waits:
            self._waits = True
            self._answered.clear()
            self._asked.set()
        if not self._answered.wait(within_s):
            return FolderAnswer.HANGS
        self._waits = False
        return self._answer

    @property
    def asked_last(self) -> Path:
        """The folder that was asked last: the one that hangs, if one does."""
        return self._asked_last

    def stop(self) -> None:
        """End; a thread that hangs is left to the end of the process."""
        self._stopping = True
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stopping:
                return
            self._answer = FolderAnswer.THERE if all(map(self._is_good, self._paths)) else FolderAnswer.AWAY
            self._answered.set()

    def _is_good(self, path: Path) -> bool:
        self._asked_last = path
        try:
            return self._ask(path)
        except OSError:
            return False


def _is_there(path: Path) -> bool:
    os.statvfs(path)  # unlike a listing it is never answered from memory by network file systems
    with os.scandir(path) as entries:
        return next(entries, None) is not None
