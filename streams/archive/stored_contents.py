"""Contents in a store, read to be compared; and what a reading showed, noted in the catalog."""

import io
from dataclasses import replace
from typing import BinaryIO, cast

from connectors.archive.store import ArchiveStore
from connectors.catalog.catalog import Catalog
from models.archive.copies import Damage, StoreCopy
from models.errors import RecordError


def damage_in(store: ArchiveStore, key: str, version: str, sha256: str, into: BinaryIO | None = None) -> Damage | None:
    """Read all of a version; what is wrong with it.

    Parameters
    ----------
    into
        Gets what is read; None when nothing but the comparison is wanted.

    Raises
    ------
    RetryableError, FatalError
        What the store raises: nothing was found out about the version.
    """
    try:
        found = store.read(key, version, cast("BinaryIO", _Nowhere()) if into is None else into)
    except RecordError as error:
        return damage_told_by(error)
    return None if found == sha256 else Damage.OTHER_CONTENT


def damage_told_by(error: RecordError) -> Damage:
    """What the failure of ``ArchiveStore.read`` says of the copy."""
    return Damage.MISSING if error.reason == "copy_missing" else Damage.UNREADABLE


def note_damage(catalog: Catalog, copy: StoreCopy, damage: Damage) -> None:
    """Note what reading all of a copy has shown."""
    catalog.add_store_copies([replace(copy, damaged=damage, checked_ns=None, read_back_ns=None)])


class _Nowhere(io.RawIOBase):
    """Takes whatever is written: for who only wants the SHA-256 that the store computes of what it gives."""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object, /) -> int:
        """All of it, and nothing is kept."""
        return memoryview(data).nbytes  # type: ignore[arg-type]
