"""Each fault, met by a keeper in the middle of its work, and by who restores: nothing is freed that is not safe."""

import random
from pathlib import Path

import pytest

from models.archive.safety import WhyNot
from tests.support.ltfs.archive_world import ArchiveWorld
from tests.support.ltfs.drive import TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.ltfs.tape_schedule import TapeSchedule

FAULTS = [
    Faults(full_at="write", full_after_bytes=30_000),
    Faults(full_at="fsync", full_after_bytes=30_000),
    Faults(full_at="close", full_after_bytes=30_000),
    Faults(full_at="open", full_after_bytes=0),
    Faults(error_at="write", error_after_bytes=30_000),
    Faults(error_at="fsync", error_after_bytes=30_000),
    Faults(error_at="close", error_after_bytes=30_000),
    Faults(error_at="sync"),
    Faults(dies_at="write", dies_after_bytes=30_000),
    Faults(dies_at="sync"),
    Faults(dies_at="end"),
    Faults(sync_loses="*.tar"),
    Faults(sync_loses="*.tar", dies_at="end"),
    Faults(sync_tears="*.tar"),
    Faults(no_index_at_unmount=True),
]


@pytest.mark.parametrize("faults", FAULTS, ids=lambda faults: faults.told)
def test_fault_while_a_bundle_is_written(ltfs: TapeShelf, faults: Faults) -> None:
    schedule = TapeSchedule(ltfs, random.Random(0))  # noqa: S311 - no secret
    schedule.meet(faults)
    schedule.check()
    schedule.settle()
    schedule.check()
    schedule.restore_from_tapes()


@pytest.fixture
def world(ltfs: TapeShelf) -> ArchiveWorld:
    """Three files, safe on two cartridges."""
    world = ArchiveWorld(ltfs)
    world.record(3, 20_000)
    world.archive.keep()
    assert len(world.safe_files()) == 3
    return world


def restored(world: ArchiveWorld, folder: Path) -> int:
    """How many files come back from the cartridges alone."""
    world.lose_all_but_tapes()
    into = folder / "restored"
    into.mkdir()
    report = world.restore(list(world.files), into, lambda _: None)
    assert not report.refused, report.problems
    return report.restored["tape"]


def test_restored_though_a_cartridge_can_not_be_read(world: ArchiveWorld, tmp_path: Path) -> None:
    world.drives[0].set(Faults(unreadable="*.tar"))
    assert restored(world, tmp_path) == 3


def test_restored_though_a_drive_died(world: ArchiveWorld, tmp_path: Path) -> None:
    world.drives[0].kill()
    assert restored(world, tmp_path) == 3


def test_restored_though_a_copy_rotted(world: ArchiveWorld, tmp_path: Path) -> None:
    copy = min(world.archive.all_copies(), key=lambda copy: copy.id)
    with world.archive.catalog() as catalog:
        bundle = catalog.bundle(copy.bundle_id)
    assert bundle is not None
    world.medium(copy).rot(copy.path, bundle.members[1].offset)
    for drive in world.drives:
        drive.remount()
    assert restored(world, tmp_path) == 3


def test_nothing_is_freed_while_a_cartridge_is_suspect(world: ArchiveWorld) -> None:
    world.record(1, 20_000)
    world.drives[0].set(Faults(error_at="fsync"))
    world.archive.keep()
    reasons = {obstacle.why for decision in world.free_recorders() for obstacle in decision.why_not}
    assert reasons == {WhyNot.TAPE_COPIES}
    world.free_store()
    assert all((world.archive.folder / "store" / file.key).exists() for file in world.files.values())


def test_what_is_safe_is_freed(world: ArchiveWorld) -> None:
    world.free_store()
    assert not [decision.path for decision in world.free_recorders() if decision.path.exists()]
    assert not any((world.archive.folder / "store" / file.key).exists() for file in world.files.values())
