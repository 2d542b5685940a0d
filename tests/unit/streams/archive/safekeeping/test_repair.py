"""A repair is never held up by a cartridge that does not answer: others are read in its place."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from connectors.tape.bundle_file import BuiltBundle, build_bundle
from connectors.tape.cartridge import Cartridge
from connectors.tape.mount import probe_volume
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, CopyState, Damage
from models.archive.volumes import Volume, VolumeState
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.repair import Repair
from streams.archive.tape.tape_drives import Mounted
from tests.support.plain_volumes import PlainVolumes
from tests.support.tape_archive import KIB, TapeArchive

SILENT, GOOD = "aaa-silent", "bbb-good"


@dataclass
class World:
    """An archive with bundles, of one file each, on two cartridges; the first one hangs when a bundle is opened."""

    archive: TapeArchive
    system: PlainVolumes
    cartridges: dict[str, Cartridge] = field(default_factory=dict)
    hung: list[Path] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def mount(self, opened: OpenedArchive, uuid: str) -> None:
        root = self.system.mount(self.archive.folder / uuid, uuid)
        volume = probe_volume(root, self.system)
        self.cartridges[uuid] = Cartridge(volume, "hpls", system=self.system, silence_s=0.2)
        opened.catalog.put_volume(Volume(uuid=uuid, barcode=volume.barcode, state=VolumeState.FILLING))

    def bundle(self, opened: OpenedArchive, file: ArchivedFile) -> BuiltBundle:
        """A bundle that is on both cartridges, and not on the disk."""
        folder = self.archive.folder / "built"
        folder.mkdir(exist_ok=True)
        built = build_bundle(folder, "hpls", [(file, self.archive.data / file.path)])
        opened.catalog.add_bundle(built.bundle)
        for uuid in self.cartridges:
            place = self.cartridges[uuid].root / built.path.name
            if uuid == SILENT:
                os.mkfifo(place)
                self.hung.append(place)
            else:
                place.write_bytes(built.path.read_bytes())
            copy = BundleCopy(
                bundle_id=built.bundle.id,
                volume=uuid,
                path=place.name,
                state=CopyState.SAFE,
                mount_id="before",
                written_ns=1,
                read_back_ns=2,
            )
            opened.catalog.put_bundle_copy(copy)
        return built


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    archive = TapeArchive(tmp_path / "site", [tmp_path / "drive"], copies=3)
    world = World(archive, PlainVolumes())
    monkeypatch.setattr(
        "streams.archive.safekeeping.repair.TapeDrives.look", lambda _: Mounted(cartridges=dict(world.cartridges))
    )
    yield world
    for fifo in world.hung:  # what still hangs there is let go
        with suppress(OSError):
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


def test_bundles_come_from_a_cartridge_that_answers(world: World) -> None:
    with world.archive.opened() as opened:
        world.mount(opened, SILENT)
        world.mount(opened, GOOD)
        built = [world.bundle(opened, world.archive.add(f"{number}.h5", 5 * KIB)) for number in range(2)]
        brought = Repair(opened, world.archive.clock, world.told.append).bundles()
    assert set(brought) == {each.bundle.id for each in built}
    assert {path.name: path.read_bytes() for path in world.archive.bundles} == {
        each.path.name: each.path.read_bytes() for each in built
    }
    assert sum("does not answer" in sentence for sentence in world.told) == 1, "it is waited for once only"


def test_a_content_comes_from_a_cartridge_that_answers(world: World) -> None:
    with world.archive.opened() as opened:
        world.mount(opened, SILENT)
        world.mount(opened, GOOD)
        file = world.archive.add("0.h5", 5 * KIB)
        world.bundle(opened, file)
        (world.archive.data / file.path).unlink()
        (copy,) = opened.catalog.store_copies([file.id])[file.id]
        opened.catalog.add_store_copies([replace(copy, damaged=Damage.OTHER_CONTENT)])
        store = opened.store
        assert store is not None
        assert Repair(opened, world.archive.clock, world.told.append).stored(store, [copy]) == 1
    assert world.told[0].startswith(str(world.cartridges[SILENT].root))
    assert world.told[1:] == [f"{file.key} is in {copy.store} again"]


def test_no_more_bundles_are_brought_back_than_may_wait_on_the_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.archive.safekeeping.repair.MOST_LOCAL", 2)
    with world.archive.opened() as opened:
        world.mount(opened, GOOD)
        for number in range(3):
            world.bundle(opened, world.archive.add(f"{number}.h5", 5 * KIB))
        assert len(Repair(opened, world.archive.clock, world.told.append).bundles()) == 2
        assert Repair(opened, world.archive.clock, world.told.append).bundles() == []
    assert world.told[2:] == ["bundles that lack copies, too: 1; repair again when these are on cartridges"] * 2
