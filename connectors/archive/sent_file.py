"""A file as the body of a request: read while it is sent."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from connectors.archive.contents import PIECE_BYTES, file_changed, readable


class SentFile:
    """The first bytes of an open file, as many as it had when it was first read.

    Whatever goes wrong with the file is not taken for a failure of the network that it is sent through.

    Raises
    ------
    RecordError
        ``file_changed`` when it has another size; ``file_unreadable``.
    """

    def __init__(self, source: Path, stream: BinaryIO, size_bytes: int) -> None:
        self._source = source
        self._stream = stream
        self._size_bytes = size_bytes
        if os.fstat(stream.fileno()).st_size != size_bytes:
            raise file_changed(source)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, a piece at most where no number is given."""
        left = self._size_bytes - self._stream.tell()
        wanted = min(left, PIECE_BYTES if size < 0 else size)
        with readable(self._source):
            data = self._stream.read(wanted)
        if len(data) < wanted:
            raise file_changed(self._source)
        return data

    def tell(self) -> int:
        """How much was read."""
        return self._stream.tell()

    def seek(self, position: int, /) -> int:
        """Go to where it was before."""
        return self._stream.seek(position)


@contextmanager
def sent_file(source: Path, size_bytes: int) -> Iterator[SentFile]:
    """Open a file that is to be sent.

    Raises
    ------
    RecordError
        ``file_gone``; and as ``SentFile``.
    """
    with readable(source):
        stream = source.open("rb")
    with stream:
        yield SentFile(source, stream, size_bytes)
