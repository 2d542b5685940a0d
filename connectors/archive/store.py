"""The protocol of a store that keeps every version of a file, and what is known of a version."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A version of a file in a store.

    Attributes
    ----------
    version
        The store's own name of it.
    sha256
        Hex: what the store itself says of the content, or what was noted beside it when it was written.
    checked
        Whether the store itself computed the SHA-256 of what it keeps and it was the one wanted.
    latest
        Whether it is what the key stands for now.
    found
        Given back by ``put``: it was there before, and by what the store says of it; it was not read for that.
    metadata
        What was noted with it: ``sha256``, ``mtime-ns``, ``path``.
    """

    key: str
    version: str
    size_bytes: int
    sha256: str
    checked: bool
    latest: bool = True
    found: bool = field(default=False, compare=False)
    metadata: Mapping[str, str] = field(default_factory=dict)


class ArchiveStore(Protocol):
    """Keeps versions of files under keys. Safe for several threads.

    Every method raises ``RetryableError`` when the store is away or busy for now (``archive_store_away``,
    ``archive_store_full``, ``archive_store_garbled``), and ``FatalError`` for what an operator must mend
    (``archive_store_refused``, ``archive_store_login``, ``archive_store_missing``, ``archive_store_unversioned``).
    A key that it can't hold is a ``RecordError`` (``archive_key``).
    """

    @property
    def address(self) -> str:
        """``s3://BUCKET`` or ``file:///FOLDER``: names the store in the catalog and in sentences."""
        ...

    def is_there(self) -> bool:
        """Whether there is a bucket or folder of this name, used or not."""
        ...

    def prepare(self) -> None:
        """Make it if it is not there yet, and check it; called once, when an archive is set up.

        What was there before is a store that is away, not one that is to be made: whoever knows of copies in it calls
        ``check``.
        """
        ...

    def check(self) -> None:
        """Find out whether it can do what the archive needs: there, writable, keeps versions. Called at the start."""
        ...

    def put(
        self,
        key: str,
        source: Path,
        sha256: str,
        size_bytes: int,
        metadata: Mapping[str, str],
        besides: Collection[str] = (),
    ) -> StoredVersion:
        """Copy a file into the store, if a version with this content is not there already.

        What is there afterwards has been compared with ``sha256``. A broken attempt leaves no version behind that
        could be taken for whole, and is gone on with where that spares something.

        Parameters
        ----------
        besides
            Versions that were found damaged: they do not count as there, also where they can't be removed yet.

        Raises
        ------
        RecordError
            ``file_changed``: the source is not the content of this SHA-256 (any more); ``file_gone``,
            ``file_unreadable``.
        """
        ...

    def versions(self, key: str) -> list[StoredVersion]:
        """All versions of a key, the latest first; empty when there is none."""
        ...

    def read(self, key: str, version: str, into: BinaryIO) -> str:
        """Copy a version to the end of a stream; the SHA-256 (hex) of what came. It is the caller who compares.

        Raises
        ------
        RecordError
            ``copy_missing``; ``copy_damaged`` when the store itself can't read it.
        """
        ...

    def remove(self, key: str, version: str) -> None:
        """Remove one version for good; one that is gone is no failure.

        Raises
        ------
        RecordError
            ``copy_locked``: the store keeps it for some time yet (object lock).
        """
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with a prefix, in their order."""
        ...
