"""A file with all that is known of its copies."""

from dataclasses import dataclass

from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, StoreCopy
from models.archive.volumes import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeCopy:
    """A copy of a file in a bundle on a cartridge.

    Attributes
    ----------
    volume
        None when the inventory does not know the cartridge.
    """

    copy: BundleCopy
    volume: Volume | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """What the catalog answers.

    Attributes
    ----------
    bundles
        The ids of all bundles that hold it, those without a copy, too.
    """

    file: ArchivedFile
    stored: tuple[StoreCopy, ...] = ()
    bundles: tuple[str, ...] = ()
    on_tape: tuple[TapeCopy, ...] = ()
