"""Which records of a device came before: a connector may send a file again, wholly or in part, cut in another way."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from models.records import SourceReference
from models.state import State

# At a file a minute this is longer than the topics keep records.
_CLOSED_FILES = 2048
_OPEN_FILES = 64
_PATH_SHIFT = 32


class FileMemory:
    """The files of one device: how far the open ones have come, and the last 2,048 that are closed.

    A file is remembered as 8 bytes: 4 of its path, 4 of its content. When a path comes with other content, what it held
    before is forgotten, so that it may come back.
    """

    def __init__(self) -> None:
        self._closed: NDArray[np.uint64] = np.zeros(0, np.uint64)  # the oldest first
        self._open: dict[int, int] = {}  # the next record by file, the file begun last at the end

    def known_records(self, source: SourceReference, first_record: int, count: int) -> int:
        """How many of the first of these records came before; from now on all of them have.

        Parameters
        ----------
        first_record
            The position of the first of them in the file.
        """
        file = _digest(source)
        if self._is_closed(file):
            return count
        position = self._open.get(file)
        if position is None:
            self._begin(file)
            position = 0
        self._open[file] = max(position, first_record + count)
        return min(max(position - first_record, 0), count)

    def close(self, source: SourceReference) -> bool:
        """Nothing more comes of this file; whether that is new."""
        file = _digest(source)
        if self._is_closed(file):
            return False
        self._forget_other_content(file)
        self._open.pop(file, None)
        self._closed = np.append(self._closed, np.uint64(file))[-_CLOSED_FILES:]
        return True

    def state(self) -> State:
        """All that later answers depend on: 16 kB at most, but for the open files."""
        return {
            "closed": self._closed,
            "open": np.array(list(self._open), np.uint64),
            "next_records": list(self._open.values()),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._closed = np.asarray(state["closed"], np.uint64)
        self._open = dict(zip(state["open"].tolist(), map(int, state["next_records"]), strict=True))

    def _is_closed(self, file: int) -> bool:
        return bool((self._closed == np.uint64(file)).any())

    def _begin(self, file: int) -> None:
        self._forget_other_content(file)
        if len(self._open) >= _OPEN_FILES:
            del self._open[next(iter(self._open))]

    def _forget_other_content(self, file: int) -> None:
        path = file >> _PATH_SHIFT
        same_path = self._closed >> np.uint64(_PATH_SHIFT) == np.uint64(path)
        if same_path.any():
            self._closed = self._closed[~same_path]
        self._open = {own: record for own, record in self._open.items() if own == file or own >> _PATH_SHIFT != path}


def _digest(source: SourceReference) -> int:
    path = hashlib.blake2b(source.file.encode(), digest_size=4).digest()
    content = hashlib.blake2b(source.sha256.encode(), digest_size=4).digest()
    return int.from_bytes(path + content)
