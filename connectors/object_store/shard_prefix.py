"""Shards of records below a prefix of a bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from connectors.object_store.address import ObjectAddress
from connectors.object_store.plain_bucket import PlainBucket
from connectors.object_store.settings import ObjectStoreSettings
from connectors.record_shards import ShardFile
from models.errors import FatalError


class ShardPrefix:
    """An object store as a target. A shard lies in a temporary file while it is written, and while it is read.

    Methods raise what ``PlainBucket`` raises, and ``FatalError`` (``tfrecord_target``) when there is no room for the
    temporary file.
    """

    def __init__(self, settings: ObjectStoreSettings, address: ObjectAddress) -> None:
        self._bucket = PlainBucket(settings, address.bucket)
        self._address = address

    @property
    def address(self) -> str:
        """``s3://BUCKET/PREFIX``."""
        return str(self._address)

    def names(self) -> list[str]:
        """The objects directly below the prefix, and how the deeper ones go on."""
        start = self._address.key("")
        return sorted(key.removeprefix(start).rstrip("/") for key in self._bucket.keys(start, deep=False))

    def create(self, name: str) -> ShardFile:
        """Begin an object; it is sent when it is committed."""
        return _ObjectFile(self._bucket, self._address.key(name))

    def open(self, name: str) -> BinaryIO:
        """A copy of an object, which is gone when it is closed."""
        with _room():
            copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            try:
                self._bucket.get(self._address.key(name), copy)
                copy.seek(0)
            except BaseException:
                copy.close()
                raise
        return copy

    @contextmanager
    def on_disk(self, name: str) -> Iterator[Path]:
        """A copy of an object with a path of its own, as long as the context lasts."""
        with _room():
            copy = tempfile.NamedTemporaryFile(suffix=f"-{Path(name).name}")  # noqa: SIM115 - closed below
        with copy:
            with _room():
                self._bucket.get(self._address.key(name), copy)
                copy.flush()
            yield Path(copy.name)

    def remove(self, name: str) -> None:
        """Remove an object."""
        self._bucket.remove(self._address.key(name))


class _ObjectFile:
    def __init__(self, bucket: PlainBucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        with _room():
            self._aside = tempfile.TemporaryFile()  # noqa: SIM115 - closed by commit or abort

    def write(self, data: bytes) -> None:
        with _room():
            self._aside.write(data)

    def commit(self) -> None:
        with _room():
            size = self._aside.tell()
            self._aside.seek(0)
            self._bucket.put(self._key, self._aside, size)
            self._aside.close()

    def abort(self) -> None:
        with suppress(OSError):
            self._aside.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FatalError(
            f"a shard has no place in {tempfile.gettempdir()} ({error.strerror or error}); make room, or name another "
            "folder by TMPDIR",
            reason="tfrecord_target",
        ) from error
