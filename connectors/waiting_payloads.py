"""Images and spectra that wait until it is decided to which shot they belong: some in memory, the rest on the disk."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.errors import FatalError
from models.records import RecordBlock

_MEMORY_BYTES = 256 << 20


class _OnDisk(NamedTuple):
    """Where a payload lies in the file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class WaitingPayloads:
    """Payloads by file and path in it; each is taken once.

    Parameters
    ----------
    folder
        Where a nameless temporary file is made when more waits than fits.
    memory_bytes
        Of payloads that are kept in memory.

    Raises
    ------
    FatalError
        ``disk`` when the temporary file can't be written.
    """

    def __init__(self, folder: Path, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._folder = folder
        self._room_bytes = memory_bytes
        self._waiting: dict[tuple[str, str], NDArray[Any] | _OnDisk] = {}
        self._file: BinaryIO | None = None
        self._on_disk = self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def on_disk(self) -> int:
        """How many of them lie on the disk."""
        return self._on_disk

    def add(self, block: RecordBlock, rows: Iterable[int]) -> None:
        """Keep the payloads of these rows of a block."""
        for row in rows:
            payload = block.payload[row]
            kept: NDArray[Any] | _OnDisk
            if payload.nbytes <= self._room_bytes:
                # A copy: a view would hold the whole block as long as one of its rows waits.
                kept = payload.copy()
                self._room_bytes -= payload.nbytes
            else:
                kept = self._write(payload)
            self._waiting[block.source.file, block.hdf5_group[row]] = kept

    def take(self, file: str, hdf5_group: str) -> NDArray[Any]:
        """A payload, which waits no longer.

        Raises
        ------
        KeyError
            When it does not wait.
        """
        kept = self._waiting.pop((file, hdf5_group))
        if not isinstance(kept, _OnDisk):
            self._room_bytes += kept.nbytes
            return kept
        payload = self._read(kept)
        self._leave_disk()
        return payload

    def drop(self, file: str, hdf5_group: str) -> None:
        """Forget a payload, if it waits."""
        kept = self._waiting.pop((file, hdf5_group), None)
        if isinstance(kept, _OnDisk):
            self._leave_disk()
        elif kept is not None:
            self._room_bytes += kept.nbytes

    def _write(self, payload: NDArray[Any]) -> _OnDisk:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with this object
            data = payload.tobytes()
            self._file.seek(self._end)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise FatalError(
                f"{self._folder} has no room for images that wait for their shots ({error.strerror or error}); "
                "make room",
                reason="disk",
            ) from error
        place = _OnDisk(self._end, payload.shape, payload.dtype)
        self._end += len(data)
        self._on_disk += 1
        return place

    def _read(self, place: _OnDisk) -> NDArray[Any]:
        if self._file is None:
            raise RuntimeError("nothing was written")
        count = int(np.prod(place.shape)) * place.dtype.itemsize
        data = os.pread(self._file.fileno(), count, place.offset)
        return np.frombuffer(data, place.dtype).reshape(place.shape)

    def _leave_disk(self) -> None:
        """The file begins anew when nothing in it waits any more."""
        self._on_disk -= 1
        if self._on_disk == 0 and self._file is not None:
            self._file.truncate(0)
            self._end = 0
