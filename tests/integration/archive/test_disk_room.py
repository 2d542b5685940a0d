"""The disk that bundles are built on is small: the archive leaves what it must of it, and never fills it."""

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.tape.bundle_layout import member_header
from models.archive.bundle_choice import with_room
from models.archive.bundle_manifest import ManifestMember
from models.archive.copies import CopyState
from models.errors import RetryableError
from streams.archive.places import TAPE_ALERTS_FOLDER
from streams.archive.safekeeping.repair import Repair
from tests.support.ltfs.drive import MIB, Drive, TapeShelf
from tests.support.tape_archive import BUNDLE_BYTES, KIB, TapeArchive

_FILE_BYTES = 100 * KIB
_DISK_FULL = ("tape_trouble", "tape", "disk_full")


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive() for _ in range(2)]


@pytest.fixture
def archive(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> Iterator[TapeArchive]:
    """Its folder is a disk of its own of 8 MiB; no cartridge is mounted."""
    disk = tmp_path / "site/archive"
    # The keeper's alerts lie on another one: how far their databases' logs grow while it runs is not looked at here.
    alerts = disk / TAPE_ALERTS_FOLDER
    for mount in (disk, alerts):
        mount.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], check=True)
    archive = TapeArchive(tmp_path / "site", [drive.mount for drive in drives], remount=ltfs.remount_command)
    archive.keep()  # its databases are there
    yield archive
    for mount in (alerts, disk):
        subprocess.run(["umount", "-l", str(mount)], check=True)


def free_bytes(archive: TapeArchive) -> int:
    space = os.statvfs(archive.folder / "archive")
    return space.f_bavail * space.f_frsize


def with_free(archive: TapeArchive, size_bytes: int) -> TapeArchive:
    """The same, whose disk has so much room besides the reserve."""
    return replace(archive, disk_reserve_bytes=free_bytes(archive) - size_bytes, told=[])


def fill(archive: TapeArchive, number: int) -> None:
    for index in range(number):
        archive.add(f"LA_R_60s_snapshot_2022-07-01_09-{index:02d}.h5", _FILE_BYTES)


def needed(archive: TapeArchive, number: int, *, fetched: int = 0) -> int:
    """What a bundle of so many of the files takes on the disk."""
    with archive.catalog() as catalog:
        files = catalog.unbundled_files(number)
    sources = [(file, file.size_bytes if place < fetched else 0) for place, file in enumerate(files)]
    return with_room(sources, free_bytes=1 << 60, smallest_bytes=0)[1]


def members(archive: TapeArchive) -> list[int]:
    with archive.catalog() as catalog:
        return sorted(len(bundle.members) for id_ in catalog.bundle_ids() if (bundle := catalog.bundle(id_)))


def test_without_room_it_waits_says_so_and_goes_on(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    fill(archive, 2)
    tight = with_free(archive, needed(archive, 1) - 1)
    for _ in range(2):
        tight.keep()
    (sentence,) = tight.told
    assert re.search(r"besides the reserve of \d+ \(tape.disk_reserve_bytes\)", sentence)
    assert tight.needs() == [_DISK_FULL]
    assert tight.bundles == []
    for drive in drives:
        drive.load(ltfs.cartridge())
    archive = replace(archive, told=[])
    archive.keep()
    assert (archive.copies_by_state(), archive.needs()) == ({CopyState.SAFE: 2}, [])


def test_with_little_room_bundles_are_smaller(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    fill(archive, 4)
    tight = with_free(archive, needed(archive, 4) - 1)
    for drive in drives:
        drive.load(ltfs.cartridge())
    replace(tight, bundle_bytes=8 * BUNDLE_BYTES).keep()
    made = members(archive)
    assert (max(made) < 4, sum(made)) == (True, 4)
    assert archive.copies_by_state() == {CopyState.SAFE: 2 * len(made)}


def test_contents_that_are_fetched_want_room_as_well(archive: TapeArchive) -> None:
    fill(archive, 1)
    (path,) = archive.data.rglob("*.h5")
    path.unlink()
    assert needed(archive, 1, fetched=1) == needed(archive, 1) + _FILE_BYTES
    with_free(archive, needed(archive, 1) + _FILE_BYTES // 2).keep()
    assert archive.needs() == [_DISK_FULL]
    with_free(archive, needed(archive, 1, fetched=1) + 100 * KIB).keep()
    assert members(archive) == [1]


def test_a_repair_looks_for_room_as_well(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    fill(archive, 1)
    drives[0].load(ltfs.cartridge())
    archive.keep()
    (tar,) = archive.bundles
    size_bytes = tar.stat().st_size
    tar.unlink()
    tight = with_free(archive, size_bytes - 1)
    with tight.opened() as opened, pytest.raises(RetryableError) as failure:
        Repair(opened, tight.clock, tight.told.append).bundles()
    assert failure.value.reason == "disk_full"
    tight = with_free(archive, size_bytes + 100 * KIB)
    with tight.opened() as opened:
        assert Repair(opened, tight.clock, tight.told.append).bundles() == [tar.stem]


def test_what_a_killed_keeper_fetched_takes_no_room(archive: TapeArchive) -> None:
    fill(archive, 1)
    fetched = archive.folder / "archive/fetched"
    fetched.mkdir()
    tight = with_free(archive, needed(archive, 1) + 100 * KIB)
    (fetched / "content").write_bytes(b"x" * MIB)
    tight.keep()
    assert members(archive) == [1]


def test_a_disk_that_others_fill_meanwhile_is_left_alone(archive: TapeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(archive, 2)
    tight = with_free(archive, 2 * MIB)
    taken = archive.folder / "archive/other"

    def header(member: ManifestMember) -> tarfile.TarInfo:
        taken.write_bytes(b"x" * 2 * MIB)
        return member_header(member)

    with tight.keeper() as keeper:
        monkeypatch.setattr("connectors.tape.bundle_file.member_header", header)
        keeper.run_once()
    assert tight.needs() == [_DISK_FULL]
    assert tight.bundles == []
