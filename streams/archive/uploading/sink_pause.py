"""When a store or a catalog that is away is tried again."""

from models.errors import PetawatchError

_FIRST_S = 1.0
# It is found to be back within this time.
_MOST_S = 60.0


class SinkPause:
    """Pauses that double with each failure in a row, up to a bound; nothing of it outlives the process."""

    def __init__(self) -> None:
        self._failures = 0
        self._until_s = 0.0
        self._told = ""

    @property
    def in_trouble(self) -> bool:
        """Whether the latest attempt failed: then only one is made at a time."""
        return self._failures > 0

    def is_over(self, now_s: float) -> bool:
        """Whether it may be tried."""
        return now_s >= self._until_s

    def failed(self, error: PetawatchError, now_s: float) -> bool:
        """An attempt failed; whether that is news."""
        self._failures += 1
        self._until_s = now_s + pause_s(self._failures, _FIRST_S, _MOST_S)
        news, self._told = error.reason != self._told, error.reason
        return news

    def worked(self) -> bool:
        """An attempt succeeded; whether that is news."""
        news = bool(self._told)
        self._failures, self._until_s, self._told = 0, 0.0, ""
        return news


def pause_s(failures: int, first_s: float, most_s: float) -> float:
    """The pause after so many failures in a row."""
    return min(most_s, first_s * 2.0 ** min(failures - 1, 60))
