"""What the two uses of a bucket share: how it is reached, how an object is read, and when it is asked for again."""

from collections.abc import Iterator
from contextlib import contextmanager

from urllib3 import BaseHTTPResponse
from urllib3.util import Retry

from connectors.object_store.address import address_of
from connectors.object_store.checksums import WITH_CHECKSUM
from connectors.object_store.client import asking_again, store_client
from connectors.object_store.failures import one_sentence
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import RetryableError

#: Bytes; what is read of an object at once.
PIECE_BYTES = 1 << 20


class Bucket:
    """A bucket by its name; ``PlainBucket`` has one content under each key, ``VersionedBucket`` every version of it.

    Parameters
    ----------
    name
        The bucket's.

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
        return address_of(self._name, key)

    @contextmanager
    def _opened(self, key: str, version: str | None = None, start: int = 0) -> Iterator[BaseHTTPResponse]:
        """The answer that an object is read from; it is asked for once, see ``_next_try``."""
        with one_sentence(self._settings, self.address(key), "read"):
            response = self._asks_once.get_object(
                self._name, key, offset=start, version_id=version, request_headers=dict(WITH_CHECKSUM)
            )
            try:
                yield response
            finally:
                response.close()
                response.release_conn()

    @staticmethod
    def _next_try(left: Retry, key: str, error: RetryableError) -> Retry:
        """Pause before an object is asked for again; raises ``error`` when that is of no use, or was done enough."""
        if error.reason != "object_store_away" or not left.total:
            raise error
        left = left.increment("GET", key)
        left.sleep()
        return left
