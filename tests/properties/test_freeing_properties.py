"""Whatever `archive free` removes has all the copies that the settings want at that moment; and all such files go."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.archive.directory_store import DirectoryStore
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleCopy, BundleMember, CopyState, Damage, StoreCopy
from models.archive.volumes import Volume, VolumeState
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.freeing import Decision, Freeing
from streams.settings import load_settings
from tests.support.archived_contents import write_content
from tests.support.finished_files import FinishedFiles

UUIDS, BUNDLES = ("uuid-1", "uuid-2", "uuid-3"), ("bundle-1", "bundle-2")
EARLIER = "file:///an/earlier/store"
SIZE = 100


@dataclass(frozen=True)
class Drawn:
    """What is to be true of one file."""

    local: str
    cataloged: bool
    stored: str
    kept: str
    earlier: bool
    bundles: frozenset[str]


@dataclass
class World:
    """An archive of a few files, of which a catalog says more or less than there is."""

    folder: Path
    catalog: SqliteCatalog
    tape_copies: int
    wants_store: bool
    files: list[ArchivedFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = DirectoryStore(self.folder / "store")
        self.store.prepare()
        archive = {"store": str(self.folder / "store"), "free_store": not self.wants_store}
        self.archive = OpenedArchive(
            settings=load_settings(None, archive=archive, tape={"copies": self.tape_copies}),
            folder=self.folder,
            catalog=self.catalog,
            store=self.store,
        )

    def add(self, number: int, drawn: Drawn) -> None:
        root = self.folder / "data"
        file, content = write_content(self.folder, f"10Hz/2022-07-01/{number}.h5", SIZE, root=str(root))
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        content.rename(path)
        os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
        self.files.append(file)
        if drawn.cataloged:
            self.catalog.add_files([file])
        self._put(file, path, drawn)
        if drawn.earlier:
            self.catalog.add_store_copies([StoreCopy(file_id=file.id, store=EARLIER, version="1", checked_ns=1)])
        self._lay(file, path, drawn.local)

    def _put(self, file: ArchivedFile, path: Path, drawn: Drawn) -> None:
        version = file.sha256
        if drawn.kept != "nothing":
            version = self.store.put(file.key, path, file.sha256, file.size_bytes, {}).version
        if drawn.kept == "cut off":
            os.truncate(self.folder / "store" / file.key, SIZE // 2)
        if drawn.stored != "nothing":
            copy = StoreCopy(
                file_id=file.id,
                store=self.store.address,
                version=version,
                checked_ns=1 if drawn.stored == "checked" else None,
                read_back_ns=2 if drawn.stored == "read back" else None,
                damaged=Damage.UNREADABLE if drawn.stored == "damaged" else "",
            )
            self.catalog.add_store_copies([copy])

    def _lay(self, file: ArchivedFile, path: Path, local: str) -> None:
        kept = self.folder / "store" / file.key
        if local == "touched":
            os.utime(path)
        elif local == "rewritten":
            path.write_bytes(bytes(SIZE))
            os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
        elif local == "link":
            path.rename(self.folder / path.name)
            path.symlink_to(self.folder / path.name)
        elif local == "the store's" and kept.exists():
            path.unlink()
            os.utime(kept, ns=(file.mtime_ns, file.mtime_ns))
            os.link(kept, path)

    def bundle(self, id_: str, drawn: list[Drawn]) -> None:
        members = tuple(
            BundleMember(
                file_id=file.id, name=file.key, sha256=file.sha256, size_bytes=SIZE, mtime_ns=file.mtime_ns, offset=0
            )
            for file, each in zip(self.files, drawn, strict=True)
            if id_ in each.bundles
        )
        self.catalog.add_bundle(Bundle(id=id_, sha256="0" * 64, size_bytes=1, members=members))

    def keeps(self, file: ArchivedFile) -> bool:
        """Whether the store has the file, and the catalog knows that it was compared and found well."""
        path = self.folder / "store" / file.key
        there = path.is_file() and path.stat().st_size == SIZE and path.stat().st_nlink == 1
        compared = [
            copy
            for copy in self.catalog.store_copies([file.id]).get(file.id, [])
            if copy.store == self.store.address and not copy.damaged and (copy.checked_ns or copy.read_back_ns)
        ]
        return there and bool(compared)

    def proven_cartridges(self, file: ArchivedFile) -> int:
        """How many cartridges that count have it, read back."""
        volumes = {volume.uuid: volume for volume in self.catalog.volumes()}
        found = set()
        for copy in self.catalog.bundle_copies():
            volume = volumes[copy.volume]
            counts = volume.state is not VolumeState.RETIRED and (
                volume.state is not VolumeState.SUSPECT or volume.last_verified_ns is not None
            )
            holds = copy.bundle_id in self.catalog.bundles_of([file.id]).get(file.id, [])
            if counts and holds and copy.state is CopyState.SAFE and copy.read_back_ns is not None:
                found.add(copy.volume)
        return len(found)

    def is_own(self, file: ArchivedFile, drawn: Drawn) -> bool:
        """Whether the recorders' file lies there as it was archived, and is not the very one that the store has."""
        is_apart = drawn.kept != "cut off" and not (self.folder / "store" / file.key).exists()
        return drawn.local == "as archived" or (drawn.local == "the store's" and is_apart)

    def is_safe(self, file: ArchivedFile) -> bool:
        known = bool(self.catalog.known_files([file.id]))
        stored = self.keeps(file) or not self.wants_store
        return known and stored and self.proven_cartridges(file) >= self.tape_copies


drawn_files = st.builds(
    Drawn,
    local=st.sampled_from(["as archived"] * 4 + ["touched", "rewritten", "link", "the store's"]),
    cataloged=st.sampled_from([True, True, True, False]),
    stored=st.sampled_from(["checked", "read back"] * 2 + ["unverified", "damaged", "nothing"]),
    kept=st.sampled_from(["whole"] * 4 + ["cut off", "nothing"]),
    earlier=st.booleans(),
    bundles=st.frozensets(st.sampled_from(BUNDLES)),
)
volume_states = st.sampled_from([VolumeState.FILLING, VolumeState.FULL, VolumeState.SUSPECT, VolumeState.RETIRED])


@contextmanager
def opened_world(tape_copies: int, *, wants_store: bool) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp())
    try:
        with closing(SqliteCatalog(folder / "catalog.sqlite")) as catalog:
            yield World(folder, catalog, tape_copies, wants_store)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    drawn=st.lists(drawn_files, min_size=1, max_size=4),
    tape_copies=st.integers(0, 2),
    wants_store=st.booleans(),
    data=st.data(),
)
def test_what_is_removed_was_safe_at_that_moment(
    drawn: list[Drawn], tape_copies: int, wants_store: bool, data: st.DataObject
) -> None:
    with opened_world(tape_copies or int(not wants_store), wants_store=wants_store) as world:
        for number, each in enumerate(drawn):
            world.add(number, each)
        for id_ in BUNDLES:
            world.bundle(id_, drawn)
        for uuid in UUIDS:
            state, verified = data.draw(volume_states), data.draw(st.sampled_from([None, 5]))
            world.catalog.put_volume(Volume(uuid=uuid, state=state, last_verified_ns=verified))
            for id_ in BUNDLES:
                draw_copy(world, id_, uuid, data)
        by_path = dict(zip((world.folder / "data" / file.path for file in world.files), drawn, strict=True))
        files = {world.folder / "data" / file.path: file for file in world.files}

        def decided(decision: Decision) -> None:
            file = files[decision.path]
            may_go = world.is_own(file, by_path[decision.path]) and world.is_safe(file)
            assert os.path.lexists(decision.path) != may_go
            assert bool(decision.why_not) != may_go
            something_fails(world, data)

        progress = cast("FileProgress", FinishedFiles(world.files))
        Freeing(world.archive, progress, to_percent=0.0).run(decided)


def draw_copy(world: World, bundle: str, uuid: str, data: st.DataObject) -> None:
    state = data.draw(st.sampled_from([CopyState.SAFE, CopyState.SAFE, CopyState.WRITTEN, CopyState.DAMAGED, None]))
    if state is not None:
        copy = BundleCopy(
            bundle_id=bundle,
            volume=uuid,
            path=f"{bundle}.tar",
            state=state,
            mount_id="before",
            written_ns=1,
            read_back_ns=2 if state is CopyState.SAFE else None,
            damaged=Damage.OTHER_CONTENT if state is CopyState.DAMAGED else "",
        )
        world.catalog.put_bundle_copy(copy)


def something_fails(world: World, data: st.DataObject) -> None:
    """Between one file and the next a cartridge or a version in the store may be lost."""
    what = data.draw(st.sampled_from(["nothing", "cartridge", "version"]))
    if what == "cartridge":
        volume = data.draw(st.sampled_from(world.catalog.volumes()))
        world.catalog.put_volume(replace(volume, state=VolumeState.RETIRED))
    elif what == "version":
        file = data.draw(st.sampled_from(world.files))
        world.store.remove(file.key, file.sha256)
