"""Objects that are sent in parts, each checked by its SHA-256; what has arrived is known after a break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from minio.xml import findall, findtext

from connectors.object_store.address import address_of
from connectors.object_store.checksums import checksum_of, need_computed
from connectors.object_store.failures import one_sentence
from connectors.object_store.settings import ObjectStoreSettings
from connectors.object_store.signed_requests import SignedRequests

_XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """A part that the store has.

    Attributes
    ----------
    checksum
        Its checksum as the store computed it; empty when it did not.
    """

    number: int
    etag: str
    checksum: str


class PartUploads:
    """Uploads in parts into one bucket. Every method raises what ``one_sentence`` has, ``upload_missing`` among it."""

    def __init__(self, settings: ObjectStoreSettings, bucket: str, requests: SignedRequests) -> None:
        self._settings = settings
        self._bucket = bucket
        self._requests = requests

    def begin(self, key: str, headers: Mapping[str, str]) -> str:
        """Begin to send an object; the upload's id. Nothing is there before ``complete``."""
        with one_sentence(self._settings, self._address(key), "written"):
            response = self._requests.send(
                "POST", (self._bucket, key), {"uploads": ""}, {**headers, "x-amz-checksum-algorithm": "SHA256"}
            )
        return _text(_parsed(response.data), "UploadId")

    def parts(self, key: str, upload: str) -> dict[int, SentPart]:
        """The parts that have arrived, by their numbers from 1 on."""
        found: dict[int, SentPart] = {}
        marker = "0"
        while True:
            with one_sentence(self._settings, self._address(key), "read"):
                response = self._requests.send(
                    "GET", (self._bucket, key), {"uploadId": upload, "part-number-marker": marker}, {}
                )
            listing = _parsed(response.data)
            for element in findall(listing, "Part"):
                number = int(_text(element, "PartNumber"))
                found[number] = SentPart(
                    number=number,
                    etag=_text(element, "ETag").strip('"'),
                    checksum=findtext(element, "ChecksumSHA256") or "",
                )
            if findtext(listing, "IsTruncated") != "true":
                return found
            marker = _text(listing, "NextPartNumberMarker")

    def send(self, key: str, upload: str, number: int, data: bytes, digest: bytes) -> SentPart:
        """Send a part; the store itself has checked its SHA-256, which is given."""
        expected = checksum_of(digest)
        query = {"uploadId": upload, "partNumber": str(number)}
        content = (data, len(data), digest.hex())
        with one_sentence(self._settings, self._address(key), "written"):
            response = self._requests.send("PUT", (self._bucket, key), query, {}, content)
        need_computed(self._settings, self._address(key), response.headers, expected, of=" of parts")
        return SentPart(number=number, etag=response.headers.get("etag", "").strip('"'), checksum=expected)

    def complete(self, key: str, upload: str, parts: Sequence[SentPart]) -> tuple[str, str]:
        """Make one object of the parts; the name of its version, and the checksum of the parts' checksums."""
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{part.etag}</ETag>"
            f"<ChecksumSHA256>{part.checksum}</ChecksumSHA256></Part>"
            for part in parts
        )
        order = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        with one_sentence(self._settings, self._address(key), "written"):
            response = self._requests.send("POST", (self._bucket, key), {"uploadId": upload}, _XML, order, once=True)
        checksum = findtext(_parsed(response.data), "ChecksumSHA256") or ""
        return response.headers.get("x-amz-version-id", ""), checksum

    def abort(self, key: str, upload: str) -> None:
        """Forget an upload and its parts."""
        with one_sentence(self._settings, self._address(key), "removed"):
            self._requests.send("DELETE", (self._bucket, key), {"uploadId": upload}, {})

    def _address(self, key: str) -> str:
        return address_of(self._bucket, key)


def _parsed(answer: bytes) -> ET.Element:
    return ET.fromstring(answer)  # noqa: S314 - of the store that is trusted with the archive


def _text(element: ET.Element, name: str) -> str:
    return findtext(element, name, strict=True) or ""
