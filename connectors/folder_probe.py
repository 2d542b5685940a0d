"""Asks whether folders answer, for a limited time: a mount that hangs holds up whoever asks it, maybe for ever."""

import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

from connectors.bounded_question import BoundedQuestion, HangsError

# A disk that wakes up may take so long.
_ANSWER_S = 5.0
# Whoever asks has other things to do meanwhile; without any pause it would ask all the time.
_ANSWER_AGAIN_S = 0.5


class FolderAnswer(StrEnum):
    """How watched folders stand."""

    #: All can be listed, and none is empty.
    THERE = "there"
    #: One is missing, empty (as the place of a mount without it) or can't be listed.
    AWAY = "away"
    #: One has not answered yet.
    HANGS = "hangs"


class FolderProbe:
    """Asks all folders at once; for any threads.

    Parameters
    ----------
    ask
        Looks at one folder, and raises ``OSError`` when it can't.
    """

    def __init__(self, paths: Sequence[Path], ask: Callable[[Path], bool] | None = None) -> None:
        self._paths = tuple(paths)
        self._ask = ask or _is_there
        self._asked_last = self._paths[0] if self._paths else Path()
        self._question = BoundedQuestion(self._look, _ANSWER_S, again_s=_ANSWER_AGAIN_S)

    def answer(self) -> FolderAnswer:
        """How they stand now; ``HANGS`` when that is not known in time."""
        try:
            return self._question.answer()
        except HangsError:
            return FolderAnswer.HANGS

    @property
    def asked_last(self) -> Path:
        """The folder that was asked last: the one that hangs, if one does."""
        return self._asked_last

    def _look(self) -> FolderAnswer:
        return FolderAnswer.THERE if all(map(self._is_good, self._paths)) else FolderAnswer.AWAY

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
