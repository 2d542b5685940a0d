"""A bucket of an object store: every object is checked by SHA-256, on its way there and on its way back."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO

from connectors.object_store.client import asking_again, store_client
from connectors.object_store.failures import one_sentence
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, RecordError, RetryableError

#: An object is sent in one piece, so it may not be larger (the protocol's limit), and it is held in memory.
MAX_OBJECT_BYTES = 5 << 30
_CHECKSUM = "x-amz-checksum-sha256"
_WITH_CHECKSUM = {"x-amz-checksum-mode": "ENABLED"}
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as the store describes it.

    Attributes
    ----------
    sha256
        Hex, as the store computed it; empty when it did not: another program wrote the object without it.
    """

    key: str
    size: int
    sha256: str


class Bucket:
    """Objects by their keys. Each method asks again after a failure that may pass, ``settings.retries`` times.

    Every method raises ``FatalError`` or ``RetryableError`` as ``one_sentence`` has them.

    Parameters
    ----------
    name
        The bucket's; it must be there.

    Raises
    ------
    FatalError
        When the secret or the certificates can't be read, or there is no such endpoint.
    """

    def __init__(self, settings: ObjectStoreSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        with one_sentence(settings, self.address(""), "opened"):
            self._client = store_client(settings, asking_again(settings.retries))
            # What is read is asked for anew also when it broke off: all attempts together are counted in one place.
            self._asks_once = store_client(settings, asking_again(0))

    def address(self, key: str) -> str:
        """An object's address, for sentences."""
        return f"s3://{self._name}/{key}"

    def put(self, key: str, source: BinaryIO, size: int) -> StoredObject:
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
        expected = base64.b64encode(digest).decode()
        for attempt in range(self._settings.retries + 1):
            source.seek(start)
            try:
                with one_sentence(self._settings, self.address(key), "written"):
                    written = self._client.put_object(
                        self._name, key, source, size, metadata={_CHECKSUM: expected}, part_size=MAX_OBJECT_BYTES
                    )
            except RetryableError as error:
                if error.reason != "object_garbled" or attempt == self._settings.retries:
                    raise
            else:
                break
        if written.http_headers.get(_CHECKSUM) != expected:
            raise FatalError(
                f"the object store at {self._settings.endpoint} does not check SHA-256, so {self.address(key)} is not "
                "known to be whole; name a store that does",
                reason="object_store_refused",
            )
        return StoredObject(key=key, size=size, sha256=digest.hex())

    def get(self, key: str, into: IO[bytes]) -> StoredObject:
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
                return self._copy(key, into)
            except RetryableError as error:
                if error.reason != "object_store_away" or not left.total:
                    raise
            left = left.increment("GET", key)
            left.sleep()

    def stat(self, key: str) -> StoredObject | None:
        """What the store says of an object; None when there is none.

        Raises
        ------
        FatalError
            ``object_store_bucket``: there is no such bucket.
        """
        try:
            with one_sentence(self._settings, self.address(key), "read"):
                found = self._client.stat_object(self._name, key, extra_headers=dict(_WITH_CHECKSUM))
        except RecordError:
            self._need_bucket(key)
            return None
        checksum = (found.metadata or {}).get(_CHECKSUM, "")
        return StoredObject(key=key, size=int(found.size or 0), sha256=_hex(checksum))

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

    def _need_bucket(self, key: str) -> None:
        # The answer to this question has no words: it does not tell a missing bucket from a missing object. A listing's
        # has, and who may not list has been refused before.
        with one_sentence(self._settings, self.address(key), "read"):
            next(iter(self._client.list_objects(self._name, key)), None)

    def _copy(self, key: str, into: IO[bytes]) -> StoredObject:
        digest, size = hashlib.sha256(), 0
        with one_sentence(self._settings, self.address(key), "read"):
            response = self._asks_once.get_object(self._name, key, request_headers=dict(_WITH_CHECKSUM))
            try:
                for piece in response.stream(_PIECE_BYTES):
                    into.write(piece)
                    digest.update(piece)
                    size += len(piece)
                stored = _hex(response.headers.get(_CHECKSUM, ""))
            finally:
                response.close()
                response.release_conn()
        if stored and stored != digest.hexdigest():
            raise RecordError(
                f"{self.address(key)} is damaged: it does not fit its SHA-256; copy or export it again",
                reason="object_damaged",
            )
        return StoredObject(key=key, size=size, sha256=digest.hexdigest())


def _digest(source: BinaryIO, size: int) -> bytes:
    digest = hashlib.sha256()
    while size:
        piece = source.read(min(size, _PIECE_BYTES))
        if not piece:
            raise ValueError("the source has fewer bytes than were named")
        digest.update(piece)
        size -= len(piece)
    return digest.digest()


def _hex(checksum: str) -> str:
    # Of an object in parts it is that of the parts' checksums, with their number behind it: not of the content.
    return "" if not checksum or "-" in checksum else base64.b64decode(checksum).hex()
