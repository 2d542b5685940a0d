"""What goes wrong with a folder on the local disk, as one sentence each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import RetryableError

#: No room, or no more of it for this user.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_failures(folder: Path) -> Iterator[None]:
    """Turn what the system answers into a failure that is waited out.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_failed``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_FULL:
            raise RetryableError(f"the disk under {folder} is full; make room", reason="disk_full") from error
        raise RetryableError(
            f"{error.filename or folder}: {error.strerror or error}; look at the disk and its rights",
            reason="disk_failed",
        ) from error
