"""A large file on its way into a bucket: in parts, and gone on with after a break."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from connectors.archive.archive_keys import UPLOADS
from connectors.archive.contents import file_changed
from connectors.archive.sent_file import SentFile, sent_file
from connectors.object_store.checksums import checksum_of, checksum_of_parts
from connectors.object_store.object_notes import note_headers
from connectors.object_store.part_uploads import SentPart
from connectors.object_store.versioned_bucket import VersionedBucket
from models.errors import RecordError, RetryableError

#: A part is held in memory. Ten thousand, which is all that the protocol has, make 160 GB.
PART_BYTES = 16 << 20
_MAX_PARTS = 10_000
# One is hashed while others are sent.
_AT_ONCE = 3
#: Noted with an object: it was sent in parts of so many bytes, and each was part of the content of its SHA-256.
PART_BYTES_NOTE = "part-bytes"


class LargeUpload:
    """Sends one file in parts.

    Each part is read once into memory; there it is hashed as a part, which the store compares, and as a piece of the
    whole. The parts are made one object only if the whole has the SHA-256 that is wanted. So an object of parts that is
    there at all is that content, although the store itself has no sum of the whole.

    The upload's id is noted in the bucket. Whoever comes after a break asks which parts have arrived, and sends those
    that are missing; parts that are there count if their SHA-256 is that of the file's.
    """

    def __init__(self, bucket: VersionedBucket, key: str, sha256: str, size_bytes: int) -> None:
        self._bucket = bucket
        self._key = key
        self._sha256 = sha256
        self._size_bytes = size_bytes
        self._part_bytes = max(PART_BYTES, -(-size_bytes // _MAX_PARTS))
        self._note = f"{UPLOADS}/{hashlib.sha256(f'{key}@{sha256}'.encode()).hexdigest()}"

    def send(self, source: Path, headers: Mapping[str, str]) -> str:
        """Send the file; the name of its version.

        Raises
        ------
        RecordError
            ``file_changed``, ``file_gone``, ``file_unreadable``.
        """
        with sent_file(source, self._size_bytes) as file:
            upload, there = self._begun()
            if not upload:
                upload, there = self._begin({**headers, **note_headers({PART_BYTES_NOTE: str(self._part_bytes)})}), {}
            try:
                parts = self._send_parts(source, file, upload, there)
                version, checksum = self._bucket.uploads.complete(self._key, upload, parts)
            except RecordError as error:
                self._give_up(upload, error)
                raise
        if checksum != checksum_of_parts([part.checksum for part in parts]):
            self._bucket.remove(self._key, version)
            raise RetryableError(
                f"what arrived at {self._bucket.address(self._key)} was not what was sent in parts; look at the "
                "network",
                reason="object_garbled",
            )
        self._forget()
        return version

    def _send_parts(self, source: Path, file: SentFile, upload: str, there: Mapping[int, SentPart]) -> list[SentPart]:
        whole, parts = hashlib.sha256(), list[SentPart | Future[SentPart]]()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for number, data in enumerate(self._pieces(file), 1):
                whole.update(data)
                digest = hashlib.sha256(data).digest()
                known = there.get(number)
                if known is not None and known.checksum == checksum_of(digest):
                    parts.append(known)
                    continue
                if len(parts) >= _AT_ONCE:
                    _arrived(parts[-_AT_ONCE])
                parts.append(pool.submit(self._bucket.uploads.send, self._key, upload, number, data, digest))
            arrived = [_arrived(part) for part in parts]
        if whole.hexdigest() != self._sha256:
            raise file_changed(source)
        return arrived

    def _give_up(self, upload: str, error: RecordError) -> None:
        self._forget()
        if error.reason == "upload_missing":
            raise RetryableError(
                f"the upload of {self._bucket.address(self._key)} was ended by somebody else; it is begun again",
                reason="object_store_away",
            ) from error
        # This content is not to be had any more: nobody will go on with it.
        with suppress(RecordError):
            self._bucket.uploads.abort(self._key, upload)

    def _pieces(self, file: SentFile) -> Iterator[bytes]:
        while data := file.read(self._part_bytes):
            yield data

    def _begun(self) -> tuple[str, dict[int, SentPart]]:
        """The upload that was begun, and the parts that have arrived; an empty id when there is none to go on with."""
        noted = next(self._bucket.versions(self._note), None)
        if noted is None:
            return "", {}
        into = io.BytesIO()
        try:
            self._bucket.copy(self._note, noted.version, into)
            note = json.loads(into.getvalue())
            if note["part_bytes"] == self._part_bytes:
                return note["upload"], self._bucket.uploads.parts(self._key, note["upload"])
        # Stores forget uploads that nobody ends; and a note that can't be read must not be in the way for ever.
        except (RecordError, ValueError, KeyError, TypeError):
            self._forget()
        return "", {}

    def _begin(self, headers: Mapping[str, str]) -> str:
        upload = self._bucket.uploads.begin(self._key, headers)
        note = json.dumps({"upload": upload, "part_bytes": self._part_bytes}).encode()
        self._bucket.put(self._note, (io.BytesIO(note), len(note), hashlib.sha256(note).hexdigest()), {})
        return upload

    def _forget(self) -> None:
        for noted in list(self._bucket.versions(self._note)):
            with suppress(RecordError):  # a bucket may lock whatever is written to it
                self._bucket.remove(self._note, noted.version)


def _arrived(part: SentPart | Future[SentPart]) -> SentPart:
    return part if isinstance(part, SentPart) else part.result()
