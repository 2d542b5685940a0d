"""How often somebody may try to sign in."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from connectors.clock import Clock

# With twelve characters nobody guesses right within years; who mistypes has plenty.
_AT_ONCE_BY_BOTH, _EVERY_S_BY_BOTH = 20, 15.0
_AT_ONCE_BY_ADDRESS, _EVERY_S_BY_ADDRESS = 30, 5.0
# Wide: one address alone can't use it up, so that it keeps out nobody who signs in elsewhere.
_AT_ONCE_BY_USER, _EVERY_S_BY_USER = 300, 1.0
_MOST_KEPT = 10_000


class SignInLimit:
    """Counts attempts by address, by user, and by user at one address, also of users that do not exist; thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._both = _Attempts(clock, _AT_ONCE_BY_BOTH, _EVERY_S_BY_BOTH)
        self._addresses = _Attempts(clock, _AT_ONCE_BY_ADDRESS, _EVERY_S_BY_ADDRESS)
        self._users = _Attempts(clock, _AT_ONCE_BY_USER, _EVERY_S_BY_USER)

    def take(self, user: str, address: str) -> float:
        """Count one attempt; 0 when it may be made, else the seconds to wait."""
        with self._lock:
            wait_s = max(attempts.wait_s(key) for attempts, key in self._counted(user, address))
            if not wait_s:
                self._count(user, address, 1.0)
            return wait_s

    def give_back(self, user: str, address: str) -> None:
        """The attempt was right: it does not count."""
        with self._lock:
            self._count(user, address, -1.0)

    def _count(self, user: str, address: str, number: float) -> None:
        for attempts, key in self._counted(user, address):
            attempts.take(key, number)

    def _counted(self, user: str, address: str) -> tuple[tuple["_Attempts", str], ...]:
        # No address has a space.
        return (self._both, f"{address} {user}"), (self._addresses, address), (self._users, user)


@dataclass(slots=True)
class _Left:
    attempts: float
    at_s: float


class _Attempts:
    """So many at once, and one more every so many seconds."""

    def __init__(self, clock: Clock, at_once: int, every_s: float) -> None:
        self._clock = clock
        self._at_once = float(at_once)
        self._every_s = every_s
        self._left: OrderedDict[str, _Left] = OrderedDict()  # the key that was asked for longest ago comes first

    def wait_s(self, key: str) -> float:
        return max(0.0, (1.0 - self._now(key).attempts) * self._every_s)

    def take(self, key: str, attempts: float) -> None:
        left = self._now(key)
        left.attempts = min(left.attempts - attempts, self._at_once)
        self._left[key] = left
        self._left.move_to_end(key)
        if len(self._left) > _MOST_KEPT:
            self._left.popitem(last=False)

    def _now(self, key: str) -> _Left:
        now_s = self._clock.monotonic_s()
        left = self._left.get(key, _Left(self._at_once, now_s))
        return _Left(min(self._at_once, left.attempts + (now_s - left.at_s) / self._every_s), now_s)
