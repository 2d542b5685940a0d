"""The SHA-256 of a file: what the archive knows every content by."""

import hashlib
import os
from pathlib import Path


def file_sha256(path: Path, *, from_disk: bool = False) -> str:
    """SHA-256 of a file, hex.

    Parameters
    ----------
    from_disk
        Whether what the disk holds is wanted, not what memory still has of it; the file was synchronised before.

    Raises
    ------
    OSError
        It can't be read.
    """
    with path.open("rb", buffering=0) as stream:
        if from_disk:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(stream, "sha256").hexdigest()
