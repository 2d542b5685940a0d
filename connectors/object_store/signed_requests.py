"""Requests that the client does not make: a body that is read while it is sent, and parts with their SHA-256."""

import hashlib
from collections.abc import Mapping
from typing import Protocol, cast
from urllib.parse import urlunsplit

from minio import time
from minio.credentials.credentials import Credentials
from minio.error import InvalidResponseError, S3Error
from minio.helpers import BaseURL
from minio.signer import sign_v4_s3
from urllib3 import BaseHTTPResponse

from connectors.object_store.checksums import CHECKSUM, checksum_of
from connectors.object_store.client import asking_again, connections, secret
from connectors.object_store.settings import ObjectStoreSettings

# Hex SHA-256 of the body, as the signature has it.
_CONTENT = "x-amz-content-sha256"
_DONE = (200, 204)


class Body(Protocol):
    """What is sent as it is read; it may be sent again from its beginning."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""
        ...

    def tell(self) -> int:
        """How much was read."""
        ...

    def seek(self, position: int, /) -> int:
        """Go to where it was before."""
        ...


class SignedRequests:
    """Signs requests and sends them, for several threads.

    Raises
    ------
    FatalError
        When the secret or the certificates can't be read.
    """

    def __init__(self, settings: ObjectStoreSettings) -> None:
        key = secret(settings)
        self._url = BaseURL(f"{'https' if settings.secure else 'http'}://{settings.endpoint}", settings.region)
        self._login = None if key is None else Credentials(settings.access_key, key)
        self._region = settings.region
        self._again = asking_again(settings.retries)
        self._connections = connections(settings, self._again)

    def send(
        self,
        method: str,
        place: tuple[str, str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes | tuple[Body | bytes, int, str] = b"",
        *,
        once: bool = False,
    ) -> BaseHTTPResponse:
        """Send a request; what the client and its connections raise is the caller's.

        Parameters
        ----------
        place
            Bucket and key.
        content
            The body, or a body with its size and the SHA-256 (hex) that it must have: the store compares.
        once
            Whether it is not to be sent again by itself after a failure that may pass: it may have been done, and only
            the answer got lost.
        """
        if isinstance(content, bytes):
            body: Body | bytes = content
            size, signed_content, more = len(content), hashlib.sha256(content).hexdigest(), {}
        else:
            body, size, sha256 = content
            # The signature holds the checksum, so it holds the body, too; the store need not hash it twice.
            signed_content, more = "UNSIGNED-PAYLOAD", {CHECKSUM: checksum_of(bytes.fromhex(sha256))}
        url = self._url.build(
            method=method, region=self._region, bucket_name=place[0], object_name=place[1], query_params=dict(query)
        )
        date = time.utcnow()
        signed: dict[str, str | list[str] | tuple[str]] = {
            **headers,
            **more,
            "Host": url.netloc,
            "Content-Length": str(size),
            _CONTENT: signed_content,
            "x-amz-date": time.to_amz_date(date),
        }
        if self._login is not None:
            signed = sign_v4_s3(
                method=method,
                url=url,
                region=self._region,
                headers=signed,
                credentials=self._login,
                content_sha256=signed_content,
                date=date,
            )
        again = asking_again(0) if once else self._again
        response = self._connections.urlopen(
            method, urlunsplit(url), body=body, headers=cast(dict[str, str], signed), retries=again
        )
        # A store may begin to answer that all is well before it knows, and fill the time with blanks.
        if response.status in _DONE and b"<Error>" not in response.data:
            return response
        if "xml" not in response.headers.get("content-type", ""):
            said = response.data.decode(errors="replace")[:200]
            raise InvalidResponseError(response.status, response.headers.get("content-type"), said)
        raise S3Error.fromxml(response)
