"""An archive on cartridges that can truly be looked at: what lies on the tapes, whatever the archive says of it."""

import hashlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, StoreCopy
from models.archive.safety import SafetyRule, obstacles
from models.event_time import parse_iso
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.opened_archive import OpenedArchive
from streams.archive.restoring.restore import RestoreOptions, restore_files
from streams.archive.restoring.restore_report import RestoreReport
from streams.archive.restoring.restore_sources import RestoreSources
from streams.archive.restoring.restore_tape import Wanted
from streams.archive.safekeeping.freeing import Decision, Freeing
from streams.archive.safekeeping.repair import Repair
from streams.archive.safekeeping.store_freeing import free_store
from streams.archive.safekeeping.verification import DamagedCopy, Scope, Verification
from streams.settings import load_settings
from tests.support.finished_files import FinishedFiles
from tests.support.ltfs.drive import MIB, TapeShelf
from tests.support.ltfs.medium import Medium
from tests.support.manual_clock import ManualClock
from tests.support.tape_archive import TapeArchive

COPIES = 2
_LATER_NS = parse_iso("2100-01-01T00:00:00Z")


class ArchiveWorld:
    """An archive with drives, each with a cartridge; versions in its store may be freed.

    Parameters
    ----------
    shelf
        Its cartridges and drives.
    """

    def __init__(self, shelf: TapeShelf, *, drives: int = 2) -> None:
        self.shelf = shelf
        self.drives = [shelf.drive(shelf.cartridge(capacity_bytes=4 * MIB)) for _ in range(drives)]
        self.clock = ManualClock()
        self.archive = _QuickArchive(
            shelf.folder / "installation",
            [drive.mount for drive in self.drives],
            copies=COPIES,
            remount=shelf.remount_command,
            more="free_store = true",
            clock=self.clock,
        )
        self.files: dict[str, ArchivedFile] = {}

    def record(self, count: int, size_bytes: int) -> None:
        """New snapshots, which are in the store at once."""
        for _ in range(count):
            file = self.archive.add(f"LA_R_60s_snapshot_2022-07-01_{len(self.files):05d}.h5", size_bytes)
            self.files[file.id] = file

    def free_recorders(self) -> list[Decision]:
        """Remove all files of the recorders that may go; what was decided."""
        decisions: list[Decision] = []
        progress = cast("FileProgress", FinishedFiles(list(self.files.values())))
        with self.archive.opened() as archive:
            Freeing(archive, progress, to_percent=0.0).run(decisions.append)
        return decisions

    def free_store(self) -> None:
        """Remove all versions in the store that may go."""
        with self.archive.opened() as archive:
            free_store(archive, _LATER_NS, lambda _file, _why_not: None)

    def verify(self) -> list[DamagedCopy]:
        """Read all copies that can be reached; the damaged ones."""
        self.clock.advance(60)  # what was read before is due again
        with self.archive.opened() as archive:
            verification = Verification(archive, Scope(started_ns=self.clock.now_ns()), self.clock)
            return verification.run(lambda _: None, lambda _done, _total: None).damaged

    def repair(self, damages: Sequence[DamagedCopy] = ()) -> None:
        """Put damaged copies into the store again, and bundles with too few copies onto the disk."""
        with self.archive.opened() as archive:
            repair = Repair(archive, self.clock, self.archive.told.append)
            in_store = [damage.copy for damage in damages if isinstance(damage.copy, StoreCopy)]
            repair.stored(self.archive.store, in_store)
            repair.bundles()

    def restore(self, ids: Collection[str], into: Path, wanted: Wanted) -> RestoreReport:
        """Bring files back; ``wanted`` is the operator who is told of cartridges."""
        with self.archive.opened() as archive:
            return restore_files(
                [self.files[id_] for id_ in ids],
                into,
                RestoreSources.of(archive),
                RestoreOptions(wait_s=60.0),
                wanted=wanted,
                clock=self.clock,
            )

    def lose_all_but_tapes(self) -> None:
        """The disks of the recorders and of the store are gone."""
        shutil.rmtree(self.archive.data)
        shutil.rmtree(self.archive.folder / "store")
        self.archive.store.prepare()

    # --- what is true ---

    def safe_files(self) -> set[str]:
        """Those that the archive calls safe by their copies on tape alone."""
        rule = SafetyRule(store="", tape_copies=COPIES)
        with self.archive.catalog() as catalog:
            known = known_copies(catalog, list(self.files))
        return {id_ for id_, there in known.items() if not obstacles(there, rule)}

    def medium(self, copy: BundleCopy) -> Medium:
        """The cartridge of a copy."""
        return next(medium for medium in self.shelf.cartridges if medium.label.uuid == copy.volume)

    def is_on_tape(self, copy: BundleCopy, bundle: Bundle) -> bool:
        """Whether the cartridge, mounted anew, would give the bundle back as it was built."""
        return _sha256(self.medium(copy).content_of(copy.path) or b"") == bundle.sha256

    def is_near(self, file: ArchivedFile) -> bool:
        """Whether the recorders' own file, or the store, has the content."""
        places = [self.archive.data / file.path, self.archive.folder / "store" / file.key]
        return any(path.is_file() and _sha256(path.read_bytes()) == file.sha256 for path in places)

    def copies_with(self, file: ArchivedFile, catalog: Catalog) -> set[str]:
        """Ids of the copies whose cartridges, mounted anew, would give the content of a file."""
        bundles = catalog.bundles_of([file.id]).get(file.id, [])
        members = {
            id_: member
            for id_ in bundles
            if (bundle := catalog.bundle(id_)) is not None
            for member in bundle.members
            if member.file_id == file.id
        }
        found = set()
        for copy in catalog.bundle_copies(bundles):
            member = members[copy.bundle_id]
            content = self.medium(copy).content_of(copy.path) or b""
            if _sha256(content[member.offset : member.offset + member.size_bytes]) == file.sha256:
                found.add(copy.id)
        return found


@dataclass
class _QuickArchive(TapeArchive):
    """Reads its settings once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings = load_settings(self.config)

    @contextmanager
    def opened(self) -> Iterator[OpenedArchive]:
        folder = self.folder / "archive"
        folder.mkdir(exist_ok=True)
        with closing(open_catalog(self._settings.catalog, folder)) as catalog:
            yield OpenedArchive(settings=self._settings, folder=folder, catalog=catalog, store=self.store)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
