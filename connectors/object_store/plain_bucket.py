"""A bucket with one content under each key, checked by SHA-256 on its way there and on its way back."""

import hashlib
from collections.abc import Iterator
from typing import IO, BinaryIO

from connectors.object_store.bucket import PIECE_BYTES, Bucket
from connectors.object_store.checksums import CHECKSUM, checksum_of, content_sha256, need_computed
from connectors.object_store.client import asking_again
from connectors.object_store.failures import one_sentence
from models.errors import FatalError, RecordError, RetryableError

#: An object is sent in one piece, so it may not be larger (the protocol's limit), and it is held in memory.
MAX_OBJECT_BYTES = 5 << 30


class PlainBucket(Bucket):
    """Objects by their keys; what is written takes the place of what was there.

    Each method asks again after a failure that may pass, ``ObjectStoreSettings.retries`` times, and raises
    ``FatalError`` or ``RetryableError`` as ``one_sentence`` has them. The bucket must be there.
    """

    def put(self, key: str, source: BinaryIO, size: int) -> None:
        """Write an object: it is there whole or not at all, and the store itself has checked its SHA-256.

        Parameters
        ----------
        source
            The next ``size`` bytes of it are the object's.

        Raises
        ------
        FatalError
            ``object_store_refused``, also for more than ``MAX_OBJECT_BYTES`` and when the store checks nothing.
        """
        if size > MAX_OBJECT_BYTES:
            raise FatalError(
                f"{self.address(key)} would have {size} bytes, more than the {MAX_OBJECT_BYTES} of one object; make "
                "the pieces smaller",
                reason="object_store_refused",
            )
        start = source.tell()
        digest = _digest(source, size)
        expected = checksum_of(digest)
        for attempt in range(self._settings.retries + 1):
            source.seek(start)
            try:
                with one_sentence(self._settings, self.address(key), "written"):
                    written = self._client.put_object(
                        self._name, key, source, size, metadata={CHECKSUM: expected}, part_size=MAX_OBJECT_BYTES
                    )
            except RetryableError as error:
                if error.reason != "object_garbled" or attempt == self._settings.retries:
                    raise
            else:
                break
        need_computed(self._settings, self.address(key), written.http_headers, expected)

    def get(self, key: str, into: IO[bytes]) -> None:
        """Copy an object to the end of a stream, and check it against the store's SHA-256.

        Parameters
        ----------
        into
            Can be cut off: what came before a broken connection is removed.

        Raises
        ------
        RecordError
            ``object_missing``; ``object_damaged`` when it is not what was written.
        """
        start, left = into.tell(), asking_again(self._settings.retries)
        while True:
            into.seek(start)
            into.truncate()
            try:
                self._copy(key, into)
            except RetryableError as error:
                left = self._next_try(left, key, error)
            else:
                return

    def keys(self, prefix: str, *, deep: bool = True) -> Iterator[str]:
        """The keys that begin with a prefix, in their order.

        Parameters
        ----------
        deep
            Whether what lies behind one more slash is listed one by one, or its beginning once, up to that slash.
        """
        with one_sentence(self._settings, self.address(prefix), "listed"):
            for found in self._client.list_objects(self._name, prefix, recursive=deep):
                yield str(found.object_name)

    def remove(self, key: str) -> None:
        """Remove an object; one that is gone already is no failure."""
        with one_sentence(self._settings, self.address(key), "removed"):
            self._client.remove_object(self._name, key)

    def _copy(self, key: str, into: IO[bytes]) -> None:
        digest = hashlib.sha256()
        with self._opened(key) as response:
            for piece in response.stream(PIECE_BYTES):
                into.write(piece)
                digest.update(piece)
            stored = content_sha256(response.headers.get(CHECKSUM, ""))
        if stored and stored != digest.hexdigest():
            raise RecordError(
                f"{self.address(key)} is damaged: it does not fit its SHA-256; copy or export it again",
                reason="object_damaged",
            )


def _digest(source: BinaryIO, size: int) -> bytes:
    digest = hashlib.sha256()
    while size:
        piece = source.read(min(size, PIECE_BYTES))
        if not piece:
            raise ValueError("the source has fewer bytes than were named")
        digest.update(piece)
        size -= len(piece)
    return digest.digest()
