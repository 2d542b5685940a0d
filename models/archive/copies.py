"""Copies of archived files: in a store that is read at once, and in bundles on cartridges."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.archive.volumes import Volume


class Damage(StrEnum):
    """What the last reading of a copy found instead of its content; the catalog holds these words."""

    #: The version, or the bundle, is not there any more.
    MISSING = "missing"
    #: All of it can be read, and it is not what was written.
    OTHER_CONTENT = "other_content"
    #: The store itself says that it can't read it.
    UNREADABLE = "unreadable"
    #: A bundle that ends before its last file does.
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCopy:
    """A file's version in a store.

    Attributes
    ----------
    store
        The store's address: ``s3://BUCKET`` or ``file:///FOLDER``.
    version
        The store's own name of the version.
    checked_ns
        When the store itself confirmed the content's SHA-256, ns since 1970 by the clock; None when it never did.
    read_back_ns
        When all of it was last read back and compared; None when it never was.
    damaged
        What the last reading found instead of the content, a ``Damage``; empty when all was well.
    """

    file_id: str
    store: str
    version: str
    checked_ns: int | None = None
    read_back_ns: int | None = None
    damaged: str = ""

    @property
    def id(self) -> str:
        """One copy a store and file: a second upload of the same content is the same copy."""
        return f"{self.store}|{self.file_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMember:
    """A file in a bundle.

    Attributes
    ----------
    name
        Of the member in the tar.
    offset
        Of its content in the tar, bytes.
    """

    file_id: str
    name: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A tar of files that is written to cartridges as one; the same bytes on each.

    Attributes
    ----------
    id
        Computed from installation and members: ``sha256`` of the manifest's members, the first 32 hex digits.
    sha256
        Of the whole tar.
    """

    id: str
    sha256: str
    size_bytes: int
    members: tuple[BundleMember, ...]


class CopyState(StrEnum):
    """How far a bundle's copy on a cartridge has come."""

    #: Written and synchronised, but not read back after a remount: nothing may rely on it.
    WRITTEN = "written"
    #: Read back after a remount, or in a second drive, and the same as what was built.
    SAFE = "safe"
    #: The last reading found another content, or none.
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCopy:
    """A bundle on a cartridge.

    Attributes
    ----------
    volume
        ``Volume.uuid``.
    path
        Below the cartridge's root.
    mount_id
        What the mount was when it was written (``connectors.tape.mount``): a reading counts only under another one.
    written_ns, read_back_ns
        By the clock; the second is None until it was read back.
    partition, start_block
        Where it begins, as the volume says; requests are sorted by it.
    damaged
        A ``Damage``, with ``CopyState.DAMAGED``.
    """

    bundle_id: str
    volume: str
    path: str
    state: CopyState
    mount_id: str
    written_ns: int
    read_back_ns: int | None = None
    partition: str = ""
    start_block: int = 0
    damaged: str = ""

    @property
    def id(self) -> str:
        """One copy of a bundle a cartridge."""
        return f"{self.volume}|{self.bundle_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCopies:
    """What the catalog says of one file, read at one moment.

    Attributes
    ----------
    cataloged
        Whether the catalog has the file itself.
    bundles
        The ids of those that hold it.
    bundle_copies
        Of these bundles.
    volumes
        The inventory, by uuid.
    """

    file_id: str
    cataloged: bool
    store_copies: Collection[StoreCopy] = ()
    bundles: Collection[str] = ()
    bundle_copies: Collection[BundleCopy] = ()
    volumes: Mapping[str, Volume] = field(default_factory=dict)
