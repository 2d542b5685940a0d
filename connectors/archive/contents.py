"""Contents on their way: read once, hashed on the way, and one sentence where a file can't be read."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from connectors.file_hash import file_sha256
from models.errors import RecordError

#: Read and written at once; above it nothing becomes faster.
PIECE_BYTES = 1 << 20


def file_pieces(source: Path) -> Iterator[memoryview]:
    """The content of a file; each piece is valid until the next is asked for.

    Raises
    ------
    RecordError
        ``file_gone``; ``file_unreadable``.
    """
    buffer = memoryview(bytearray(PIECE_BYTES))
    with readable(source), source.open("rb", buffering=0) as stream:
        while size := stream.readinto(buffer):
            # A failure of whoever takes the piece is not one of this file.
            yield buffer[:size]


def copy_pieces(pieces: Iterator[memoryview], into: BinaryIO) -> tuple[str, int]:
    """Write pieces to the end of a stream; their SHA-256 (hex) and how many bytes they were."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        into.write(piece)
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def file_changed(source: Path) -> RecordError:
    """A file whose content is not the one that was announced."""
    return RecordError(
        f"{source} has changed since it was first read, so nothing of it was archived; its new content is archived "
        "when it has been read again",
        reason="file_changed",
    )


def sha256_of_file(source: Path) -> str:
    """SHA-256 (hex) of a file; raises as ``file_pieces``."""
    with readable(source):
        return file_sha256(source)


@contextmanager
def readable(source: Path) -> Iterator[None]:
    """Turn what the system says of a file that is read into a failure of ours.

    Raises
    ------
    RecordError
        ``file_gone``: it is not there any more; ``file_unreadable``.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise RecordError(
            f"{source} is gone; it was moved or removed before it was copied", reason="file_gone"
        ) from error
    except OSError as error:
        raise RecordError(
            f"{source} can't be read ({error.strerror or error}); look at its rights and its disk",
            reason="file_unreadable",
        ) from error
