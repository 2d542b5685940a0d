"""Passwords, as argon2id keeps them: each check takes time and memory, which is what makes guessing dear."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models.errors import RecordError, RetryableError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
# RFC 9106, section 4, the second recommended option, on one thread: some 0.1 s and 64 MiB.
_PASSES, _MEMORY_KIB, _THREADS = 3, 64 * 1024, 1
# So many checks at once; so many more wait, each at most so long: whoever tries many keeps no others from the console.
_AT_ONCE, _WAITING, _WAIT_S = 2, 6, 5.0


class Passwords:
    """Keeps and checks them; for any threads, of which only a few work at once.

    Parameters
    ----------
    memory_kib
        That one check takes.
    """

    def __init__(self, *, passes: int = _PASSES, memory_kib: int = _MEMORY_KIB) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=_THREADS)
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._queue = threading.BoundedSemaphore(_AT_ONCE + _WAITING)
        # Of nobody: checking it takes as long as somebody's.
        self._nobody = self._hasher.hash("nobody has this password")

    def keep(self, password: str) -> str:
        """What may be written down of a password.

        Raises
        ------
        RecordError
            ``bad_password``: too short or too long.
        RetryableError
            ``busy``.
        """
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise RecordError(
                f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another one",
                reason="bad_password",
            )
        with self._place():
            return self._hasher.hash(password)

    def fits(self, password: str, kept: str | None) -> bool:
        """Whether this is the password that was kept; None, of nobody, takes as long and fits nothing.

        Raises
        ------
        RetryableError
            ``busy``.
        """
        if len(password) > LONGEST_PASSWORD:
            return False
        with self._place():
            try:
                return self._hasher.verify(kept or self._nobody, password) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    @contextmanager
    def _place(self) -> Iterator[None]:
        busy = RetryableError("too many people sign in at once; try again in a few seconds", reason="busy")
        if not self._queue.acquire(blocking=False):
            raise busy
        try:
            if not self._places.acquire(timeout=_WAIT_S):
                raise busy
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._queue.release()
