"""Writes records into shards: each is written aside, and appears when it is full."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from connectors.record_shards import ShardFile, ShardTarget
from connectors.tfrecord.framing import framed
from connectors.tfrecord.schema import SHARD_SUFFIX, ShardEntry
from models.errors import FatalError, PetawatchError

_MEBIBYTE = 1 << 20
_LARGEST_SHARD_MB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSettings:
    """When a shard is full.

    Attributes
    ----------
    shard_mb
        A shard ends with the record by which it has so many mebibytes.
    shard_records
        It ends with so many records, too; 0: as many as fit.
    """

    shard_mb: int = 128
    shard_records: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.shard_mb <= _LARGEST_SHARD_MB:
            raise ValueError(f"shard_mb must lie between 1 and {_LARGEST_SHARD_MB}")
        if self.shard_records < 0:
            raise ValueError("shard_records must not be negative")


class ShardWriter:
    """Takes records one by one; ``close`` completes the last shard, ``abort`` removes all that was written.

    Raises
    ------
    FatalError
        ``tfrecord_not_empty`` when there is something in the target already; as the target when it can't be used.
    """

    def __init__(self, target: ShardTarget, settings: ShardSettings) -> None:
        if target.names():
            raise FatalError(
                f"{target.address} is not empty; name another folder, or remove it and export again",
                reason="tfrecord_not_empty",
            )
        self._target = target
        self._settings = settings
        self._written: list[ShardEntry] = []
        self._file: ShardFile | None = None
        self._hash = hashlib.sha256()
        self._records = self._bytes = 0

    def write(self, data: bytes) -> None:
        """Add one record."""
        if self._file is None:
            self._file = self._target.create(self._name)
            self._hash, self._records, self._bytes = hashlib.sha256(), 0, 0
        frame = framed(data)
        self._file.write(frame)
        self._hash.update(frame)
        self._records += 1
        self._bytes += len(frame)
        most = self._settings.shard_records
        if self._bytes >= self._settings.shard_mb * _MEBIBYTE or (most and self._records >= most):
            self._end_shard(self._file)

    def close(self) -> tuple[ShardEntry, ...]:
        """Complete the last shard; all that were written, in their order."""
        if self._file is not None:
            self._end_shard(self._file)
        return tuple(self._written)

    def abort(self) -> None:
        """Remove all shards, unless the target can't be used any more: whoever aborts has a better reason to tell."""
        if self._file is not None:
            self._file.abort()
        with suppress(PetawatchError):
            for entry in self._written:
                self._target.remove(entry.name)

    @property
    def _name(self) -> str:
        return f"triplets-{len(self._written):05d}{SHARD_SUFFIX}"

    def _end_shard(self, file: ShardFile) -> None:
        file.commit()
        self._written.append(
            ShardEntry(name=self._name, records=self._records, bytes=self._bytes, sha256=self._hash.hexdigest())
        )
        self._file = None
