"""An archive with files, a store and drives, whose tapes are kept in the tests' own process or in one of its own."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.archive.directory_store import DirectoryStore
from connectors.catalog.catalog import Catalog
from connectors.clock import Clock, SystemClock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState, StoreCopy
from models.archive.keys import archive_key
from models.archive.volumes import Volume
from streams.archive.opened_archive import OpenedArchive, opened_archive
from streams.archive.tape.tape_keeper import TapeKeeper, open_keeper

KIB = 1 << 10
#: Of a bundle in the tests.
BUNDLE_BYTES = 256 * KIB


@dataclass
class TapeArchive:
    """An archive below one folder; ``config`` is its settings.

    Attributes
    ----------
    told
        Sentences of the keepers that ran in this process.
    """

    folder: Path
    mounts: Sequence[Path]
    copies: int = 2
    remount: Sequence[str] = ()
    disk_reserve_bytes: int = 0
    bundle_bytes: int = BUNDLE_BYTES
    more: str = ""
    told: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.store = DirectoryStore(self.folder / "store")
        self.store.prepare()
        mounts, remount = [str(mount) for mount in self.mounts], list(self.remount)
        self.config.write_text(
            f"[archive]\nstore = '{self.folder}/store'\nfolder = '{self.folder}/archive'\ninstallation = 'hpls'\n"
            f"{self.more}\n"
            f"[tape]\nmounts = {mounts}\ncopies = {self.copies}\nbundle_bytes = {self.bundle_bytes}\n"
            f"headroom_bytes = {64 * KIB}\ndisk_reserve_bytes = {self.disk_reserve_bytes}\n"
            f"remount = {remount}\nremount_timeout_s = 60.0\n",
            encoding="utf-8",
        )

    @property
    def data(self) -> Path:
        """The watched folder."""
        return self.folder / "data"

    @property
    def config(self) -> Path:
        """The settings."""
        return self.folder / "petawatch.toml"

    @property
    def bundles(self) -> list[Path]:
        """On the disk."""
        return sorted((self.folder / "archive/bundles").glob("*"))

    def add(self, name: str, content: bytes | int = 60 * KIB, *, stored: bool = True) -> ArchivedFile:
        """A file in the watched folder that the archive knows, in the store or not."""
        path = self.data / "10Hz/2022-07-01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            content = random.Random(name).randbytes(content)  # noqa: S311 - contents, no secrets
        path.write_bytes(content)
        status, relative = path.stat(), str(path.relative_to(self.data))
        file = ArchivedFile(
            key=archive_key(relative),
            path=relative,
            root=str(self.data),
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            interval="10Hz",
            date="2022-07-01",
        )
        with self.catalog() as catalog:
            catalog.add_files([file])
            if stored:
                version = self.store.put(file.key, path, file.sha256, file.size_bytes, {})
                copy = StoreCopy(file_id=file.id, store=self.store.address, version=version.version, checked_ns=1_000)
                catalog.add_store_copies([copy])
        return file

    def fill(self, number: int) -> list[ArchivedFile]:
        """So many files; four make a bundle."""
        return [self.add(f"LA_R_60s_snapshot_2022-07-01_09-{index:02d}.h5") for index in range(number)]

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """The catalog, for a moment."""
        with self.opened() as archive:
            yield archive.catalog

    @contextmanager
    def opened(self) -> Iterator[OpenedArchive]:
        """As commands open it."""
        with opened_archive(None, self.config) as archive:
            yield archive

    @contextmanager
    def keeper(self) -> Iterator[TapeKeeper]:
        """A keeper in this process."""
        with self.opened() as archive, open_keeper(archive, self.clock, self.told.append) as keeper:
            yield keeper

    def keep(self) -> None:
        """What ``petawatch archive tape --once`` does."""
        with self.keeper() as keeper:
            keeper.run_once()

    def copies_by_state(self) -> dict[CopyState, int]:
        """How many copies of bundles are in which state."""
        states = [copy.state for copy in self.all_copies()]
        return {state: states.count(state) for state in CopyState if state in states}

    def all_copies(self) -> list[BundleCopy]:
        """Of all bundles."""
        with self.catalog() as catalog:
            return catalog.bundle_copies()

    def volumes(self) -> list[Volume]:
        """The inventory."""
        with self.catalog() as catalog:
            return catalog.volumes()

    def needs(self) -> list[tuple[str, str, str]]:
        """Kind, cartridge or place, and reason of what a keeper says is wanted."""
        with self.opened() as archive, open_keeper(archive, self.clock, self.told.append) as keeper:
            return sorted((need.kind.value, need.where, need.reason.value) for need in keeper.needs)
