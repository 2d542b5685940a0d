"""One watch per state directory."""

import fcntl
import os
import socket
from pathlib import Path

from models.errors import FatalError


class DirectoryLock:
    """An exclusive lock that the system lets go when the process ends, however it ends.

    The file names its holder (process and host) for the sentence that a second watch ends with.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 200).decode(errors="replace").strip() or "an unknown process"
            os.close(self._descriptor)
            raise FatalError(
                f"the state directory {path.parent} is in use by {holder}; stop that watch, or give another --state",
                reason="state_in_use",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Let the directory go; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
