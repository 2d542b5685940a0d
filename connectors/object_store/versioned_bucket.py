"""A bucket that keeps every version of an object; each is asked for by its name."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from minio.commonconfig import ENABLED
from minio.datatypes import Object
from minio.versioningconfig import VersioningConfig

from connectors.object_store.bucket import PIECE_BYTES, Bucket
from connectors.object_store.checksums import CHECKSUM, WITH_CHECKSUM, checksum_of, need_computed
from connectors.object_store.client import asking_again
from connectors.object_store.failures import one_sentence
from connectors.object_store.object_notes import noted_in
from connectors.object_store.part_uploads import PartUploads
from connectors.object_store.settings import ObjectStoreSettings
from connectors.object_store.signed_requests import Body, SignedRequests
from models.errors import FatalError, PetawatchError, RecordError, RetryableError

_TRIAL_KEY = ".trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """A version as the store describes it.

    Attributes
    ----------
    checksum
        As the store computed it (``connectors.object_store.checksums``); empty when it computed none.
    """

    key: str
    version: str
    size_bytes: int
    checksum: str
    latest: bool
    notes: Mapping[str, str]


class VersionedBucket(Bucket):
    """Versions of objects; what is written stays beside what was there.

    Every method raises ``FatalError`` or ``RetryableError`` as ``one_sentence`` has them.

    Attributes
    ----------
    uploads
        What is sent in parts.
    """

    def __init__(self, settings: ObjectStoreSettings, name: str) -> None:
        super().__init__(settings, name)
        with one_sentence(settings, self.address(""), "opened"):
            self._requests = SignedRequests(settings)
        self.uploads = PartUploads(settings, name, self._requests)

    def is_there(self) -> bool:
        """Whether there is a bucket of this name."""
        with one_sentence(self._settings, self.address(""), "looked for"):
            return self._client.bucket_exists(self._name)

    def make(self, *, locking: bool) -> None:
        """Make the bucket, with versions and, if wanted, locks; one that is there stays as it is."""
        with one_sentence(self._settings, self.address(""), "made"):
            if not self._client.bucket_exists(self._name):
                self._client.make_bucket(self._name, location=self._settings.region, object_lock=locking)
                self._client.set_bucket_versioning(self._name, VersioningConfig(ENABLED))

    def keeps_versions(self) -> bool:
        """Whether a replaced object stays as an earlier version."""
        with one_sentence(self._settings, self.address(""), "checked"):
            return self._client.get_bucket_versioning(self._name).status == ENABLED

    def locks(self) -> bool:
        """Whether a version can be locked until a time."""
        try:
            with one_sentence(self._settings, self.address(""), "checked"):
                self._client.get_object_lock_config(self._name)
        except PetawatchError as error:
            if "ObjectLockConfigurationNotFoundError" in str(error):
                return False
            raise
        return True

    def need_writable(self) -> None:
        """Find out whether objects may be written: one is begun and given up, so that none is there."""
        self.uploads.abort(_TRIAL_KEY, self.uploads.begin(_TRIAL_KEY, {}))

    def put(
        self, key: str, content: tuple[Body, int, str], headers: Mapping[str, str], besides: Collection[str] = ()
    ) -> str:
        """Write an object; its version. The store itself has checked its SHA-256.

        It is sent again after a failure that may pass, unless it turns out that it had arrived: nothing is there twice.

        Parameters
        ----------
        content
            Body, size, and SHA-256 (hex), which is known before.
        besides
            Versions with this content that were there before.

        Raises
        ------
        RetryableError
            ``object_garbled``, also when the content is not the one of this SHA-256.
        FatalError
            ``object_store_refused`` when the store checks nothing.
        """
        wanted, left = checksum_of(bytes.fromhex(content[2])), asking_again(self._settings.retries)
        while True:
            try:
                with one_sentence(self._settings, self.address(key), "written"):
                    response = self._requests.send("PUT", (self._name, key), {}, headers, content, once=True)
            except RetryableError as error:
                left = self._next_try(left, key, error)
                for found in self.versions(key):
                    if found.checksum == wanted and found.version not in besides:
                        return found.version
                content[0].seek(0)
            else:
                need_computed(self._settings, self.address(key), response.headers, wanted)
                return str(response.headers.get("x-amz-version-id", ""))

    def versions(self, key: str) -> Iterator[ObjectVersion]:
        """The versions of a key, the latest first."""
        with one_sentence(self._settings, self.address(key), "listed"):
            for found in self._client.list_objects(self._name, key, recursive=True, include_version=True):
                if found.object_name != key:
                    return
                if not found.is_delete_marker and (version := self._described(found)) is not None:
                    yield version

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with a prefix and have a version, in their order."""
        last = None
        with one_sentence(self._settings, self.address(prefix), "listed"):
            for found in self._client.list_objects(self._name, prefix, recursive=True, include_version=True):
                if found.object_name != last and not found.is_delete_marker:
                    last = found.object_name
                    yield str(last)

    def copy(self, key: str, version: str, into: BinaryIO) -> str:
        """Copy a version to the end of a stream; the SHA-256 (hex) of what came.

        After a broken connection it goes on where it stood: a version does not change.

        Raises
        ------
        RecordError
            ``object_missing``; ``object_damaged`` when the store, which answers, breaks off again and again at the same
            place.
        """
        digest, size, left = hashlib.sha256(), 0, asking_again(self._settings.retries)
        broke_at = -1
        while True:
            try:
                with self._opened(key, version, size) as response:
                    for piece in response.stream(PIECE_BYTES):
                        into.write(piece)
                        digest.update(piece)
                        size += len(piece)
            except RetryableError as error:
                if size == broke_at and self._answers(key, version):
                    raise self._damaged(key, size) from error
                broke_at = size
                left = self._next_try(left, key, error)
            else:
                return digest.hexdigest()

    def remove(self, key: str, version: str) -> None:
        """Remove a version; one that is gone already is no failure.

        Raises
        ------
        RecordError
            ``object_locked``.
        """
        try:
            with one_sentence(self._settings, self.address(key), "removed"):
                self._client.remove_object(self._name, key, version_id=version)
        except FatalError as error:
            # The answer is the same as to somebody who may not remove anything.
            until = self._locked_until(key, version)
            if until is None:
                raise
            raise RecordError(
                f"{self.address(key)} is kept by the object store until {until:%Y-%m-%d}; remove it after that",
                reason="object_locked",
            ) from error

    def _locked_until(self, key: str, version: str) -> datetime | None:
        with suppress(PetawatchError), one_sentence(self._settings, self.address(key), "read"):
            retention = self._client.get_object_retention(self._name, key, version_id=version)
            return None if retention is None else retention.retain_until_date
        return None

    def _described(self, found: Object) -> ObjectVersion | None:
        key, version = str(found.object_name), str(found.version_id)
        try:
            with one_sentence(self._settings, self.address(key), "read"):
                described = self._client.stat_object(
                    self._name, key, version_id=version, extra_headers=dict(WITH_CHECKSUM)
                )
        except RecordError:  # removed since it was listed
            return None
        headers = {name.lower(): str(value) for name, value in (described.metadata or {}).items()}
        return ObjectVersion(
            key=key,
            version=version,
            size_bytes=int(described.size or 0),
            checksum=headers.get(CHECKSUM, ""),
            latest=str(found.is_latest).lower() == "true",
            notes=noted_in(headers),
        )

    def _answers(self, key: str, version: str) -> bool:
        try:
            with one_sentence(self._settings, self.address(key), "read"):
                self._asks_once.stat_object(self._name, key, version_id=version)
        except PetawatchError:
            return False
        return True

    def _damaged(self, key: str, size: int) -> RecordError:
        return RecordError(
            f"the object store at {self._settings.endpoint} can't read {self.address(key)} beyond byte {size}; bring "
            "it back from another copy",
            reason="object_damaged",
        )
