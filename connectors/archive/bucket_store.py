"""A bucket of an object store as a store of the archive."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from connectors.archive.archive_keys import UPLOADS, need_key
from connectors.archive.contents import file_changed, sha256_of_file
from connectors.archive.large_upload import PART_BYTES_NOTE, LargeUpload
from connectors.archive.sent_file import sent_file
from connectors.archive.store import StoredVersion
from connectors.clock import Clock
from connectors.object_store.checksums import content_sha256, is_of_parts
from connectors.object_store.object_notes import note_headers, notes_that_fit
from connectors.object_store.settings import ObjectStoreSettings
from connectors.object_store.versioned_bucket import ObjectVersion, VersionedBucket
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from models.event_time import DAY_NS, SECOND_NS

#: Larger files are sent in parts, so that little is sent twice after a break.
ONE_REQUEST_BYTES = 256 << 20
# What a bucket that keeps no versions calls the one content that it has.
_UNVERSIONED = frozenset({"", "null"})
# What a failure of the object store means to the archive; its sentence stays.
_REASONS = {
    "object_store_away": "archive_store_away",
    "object_store_full": "archive_store_full",
    "object_garbled": "archive_store_garbled",
    "object_store_login": "archive_store_login",
    "object_store_bucket": "archive_store_missing",
    "object_key": "archive_key",
    "object_missing": "copy_missing",
    "object_damaged": "copy_damaged",
    "object_locked": "copy_locked",
    "object_store_tls": "archive_store_refused",
    "object_store_rights": "archive_store_refused",
    "object_store_refused": "archive_store_refused",
}


class BucketStore:
    """Keeps each file as an object with versions; the store itself has compared each version's SHA-256.

    Parameters
    ----------
    retention_days
        With it nobody can remove a version before so many days have passed since it was written.

    Raises
    ------
    FatalError
        ``archive_store_login``, ``archive_store_refused``.
    """

    def __init__(self, settings: ObjectStoreSettings, bucket: str, retention_days: int, clock: Clock) -> None:
        self._name = bucket
        self._retention_days = retention_days
        self._clock = clock
        with _reasons():
            self._bucket = VersionedBucket(settings, bucket)

    @property
    def address(self) -> str:
        """``s3://BUCKET``."""
        return f"s3://{self._name}"

    def is_there(self) -> bool:
        """Whether the bucket is there."""
        with _reasons():
            return self._bucket.is_there()

    def prepare(self) -> None:
        """Make the bucket, with versions, and with locks if they are wanted, and check it."""
        with _reasons():
            self._bucket.make(locking=self._retention_days > 0)
        self.check()

    def check(self) -> None:
        """Whether it is there, may be written to, keeps versions, and locks them if that is wanted."""
        with _reasons():
            if not self._bucket.keeps_versions():
                raise FatalError(
                    f"the bucket {self._name} keeps no versions, so a replaced snapshot would be lost; switch them on "
                    f"(`mc version enable ALIAS/{self._name}`)",
                    reason="archive_store_unversioned",
                )
            if self._retention_days and not self._bucket.locks():
                raise FatalError(
                    f"the bucket {self._name} locks no objects, which can be had from the beginning only; name a new "
                    "bucket as archive.store, or set archive.retention_days = 0",
                    reason="archive_store_refused",
                )
            self._bucket.need_writable()

    def put(
        self,
        key: str,
        source: Path,
        sha256: str,
        size_bytes: int,
        metadata: Mapping[str, str],
        besides: Collection[str] = (),
    ) -> StoredVersion:
        """Send a file; the store refuses what has another SHA-256."""
        need_key(key)
        for version in self.versions(key):
            whole = (version.sha256, version.size_bytes) == (sha256, size_bytes) and version.checked
            if whole and version.version not in besides:
                if version.version in _UNVERSIONED:
                    self.check()  # it came while no versions were kept: if that is still so, the next one replaces it
                return replace(version, found=True)
        metadata = notes_that_fit(metadata)  # the longest is a path, which the key tells as well
        headers = {**self._lock(), **note_headers(metadata)}
        with _reasons():
            if size_bytes > ONE_REQUEST_BYTES:
                name = LargeUpload(self._bucket, key, sha256, size_bytes).send(source, headers)
                return next(version for version in self.versions(key) if version.version == self._need_name(name))
            name = self._send(key, source, (sha256, size_bytes), headers, besides)
        return StoredVersion(
            key=key,
            version=self._need_name(name),
            size_bytes=size_bytes,
            sha256=sha256,
            checked=True,
            metadata=metadata,
        )

    def versions(self, key: str) -> list[StoredVersion]:
        """All versions of a key, the latest first."""
        need_key(key)
        with _reasons():
            return [_stored(version) for version in self._bucket.versions(key)]

    def read(self, key: str, version: str, into: BinaryIO) -> str:
        """Copy a version to the end of a stream; the SHA-256 (hex) of what came."""
        try:
            with _reasons():
                return self._bucket.copy(key, version, into)
        except RecordError as error:
            if error.reason != "copy_missing":
                raise
            raise RecordError(
                f"{self._bucket.address(key)} has no version {version}; restore it from another copy",
                reason="copy_missing",
            ) from error

    def remove(self, key: str, version: str) -> None:
        """Remove one version for good."""
        with _reasons():
            self._bucket.remove(key, version)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, in their order."""
        with _reasons():
            yield from (key for key in self._bucket.keys(prefix) if not key.startswith(f"{UPLOADS}/"))

    def _send(
        self,
        key: str,
        source: Path,
        content: tuple[str, int],
        headers: Mapping[str, str],
        besides: Collection[str],
    ) -> str:
        sha256, size_bytes = content
        try:
            with sent_file(source, size_bytes) as file:
                return self._bucket.put(key, (file, size_bytes, sha256), headers, besides)
        except RetryableError as error:
            # The store tells that another content came, not why.
            if error.reason == "object_garbled" and sha256_of_file(source) != sha256:
                raise file_changed(source) from error
            raise

    def _lock(self) -> dict[str, str]:
        if not self._retention_days:
            return {}
        until_ns = self._clock.now_ns() + self._retention_days * DAY_NS
        until = datetime.fromtimestamp(until_ns // SECOND_NS, UTC)
        return {
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _need_name(self, version: str) -> str:
        if version in _UNVERSIONED:
            raise FatalError(
                f"the bucket {self._name} keeps no versions any more; switch them on "
                f"(`mc version enable ALIAS/{self._name}`)",
                reason="archive_store_unversioned",
            )
        return version


def _stored(found: ObjectVersion) -> StoredVersion:
    # Of an object in parts the store has sums of the parts; it was made one only if the whole was the one wanted.
    in_parts = is_of_parts(found.checksum) and PART_BYTES_NOTE in found.notes
    computed = content_sha256(found.checksum)
    return StoredVersion(
        key=found.key,
        version=found.version,
        size_bytes=found.size_bytes,
        sha256=computed or found.notes.get("sha256", ""),
        checked=in_parts or bool(computed),
        latest=found.latest,
        metadata=found.notes,
    )


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except PetawatchError as error:
        reason = _REASONS.get(error.reason)
        if reason is None:
            raise
        raise type(error)(str(error), reason=reason) from error
