"""Room on the disk that bundles are built on: perhaps the watch's own, which an archive must never fill."""

import os
from collections.abc import Sequence
from pathlib import Path

from connectors.disk_failures import disk_failures
from models.errors import RetryableError


class DiskRoom:
    """What may be written below some folders, besides what is left free for others.

    Parameters
    ----------
    folders
        They are there; what they share may be counted once only, so the least of them counts.
    reserve_bytes
        ``tape.disk_reserve_bytes``.
    """

    def __init__(self, folders: Sequence[Path], reserve_bytes: int) -> None:
        self._folders = folders
        self._reserve_bytes = reserve_bytes

    def free_bytes(self) -> int:
        """How much may be written; 0 or more."""
        free = []
        for folder in self._folders:
            with disk_failures(folder):
                space = os.statvfs(folder)
            free.append(space.f_bavail * space.f_frsize)
        return max(min(free) - self._reserve_bytes, 0)

    def require(self, size_bytes: int) -> None:
        """Look before so much is written.

        Raises
        ------
        RetryableError
            ``disk_full``.
        """
        free = self.free_bytes()
        if size_bytes > free:
            raise RetryableError(
                f"a bundle wants {size_bytes} bytes of the disk of {self._folders[0]}, and {free} may be used there "
                f"besides the reserve of {self._reserve_bytes} (tape.disk_reserve_bytes); make room, for example with "
                "`petawatch archive free`",
                reason="disk_full",
            )
