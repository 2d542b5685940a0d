"""Bundles of ours on a cartridge that the catalog does not know: they are taken in, and no file is taped twice."""

import shutil
from pathlib import Path

import pytest

from models.archive.copies import CopyState
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.tape_archive import TapeArchive

SAFE, WRITTEN = CopyState.SAFE, CopyState.WRITTEN


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive(ltfs.cartridge()) for _ in range(2)]


@pytest.fixture
def archive(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> TapeArchive:
    """Four files, safe on two cartridges; the catalog is one of before they were bundled."""
    archive = TapeArchive(tmp_path / "site", [drive.mount for drive in drives], remount=ltfs.remount_command)
    archive.fill(4)
    shutil.copy(archive.folder / "archive/catalog.sqlite", tmp_path / "backup.sqlite")
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    shutil.copy(tmp_path / "backup.sqlite", archive.folder / "archive/catalog.sqlite")
    return archive


def by_hand(archive: TapeArchive) -> TapeArchive:
    """The same, where an operator remounts."""
    return TapeArchive(archive.folder, archive.mounts)


def on_tape(drives: list[Drive]) -> list[list[str]]:
    return [sorted(path.name for path in drive.mount.rglob("*.tar")) for drive in drives]


def test_they_count_once_they_were_read_back(archive: TapeArchive, drives: list[Drive]) -> None:
    before = on_tape(drives)
    unread = by_hand(archive)
    unread.keep()
    assert unread.copies_by_state() == {WRITTEN: 2}
    assert unread.bundles == []
    assert sum("1 bundles that the catalog did not know" in sentence for sentence in unread.told) == 2
    for drive in drives:
        drive.remount()
    unread.keep()
    assert unread.copies_by_state() == {SAFE: 2}
    assert unread.needs() == []
    assert on_tape(drives) == before


def test_they_are_taken_in_before_a_bundle_is_made(archive: TapeArchive, drives: list[Drive]) -> None:
    """Also by a keeper on a new computer, which remembers nothing."""
    (archive.folder / "archive/bundles.known").unlink()
    before = on_tape(drives)
    new = archive.add("LA_R_60s_snapshot_2022-07-01_10-00.h5")
    archive.keep()
    with archive.catalog() as catalog:
        bundles = {id_: catalog.bundle(id_) for id_ in catalog.bundle_ids()}
        assert sorted(len(bundle.members) for bundle in bundles.values() if bundle) == [1, 4]
        assert len(catalog.bundles_of([new.id])[new.id]) == 1
    assert archive.copies_by_state() == {SAFE: 4}
    assert all(set(tars) > set(earlier) for tars, earlier in zip(on_tape(drives), before, strict=True))


def test_what_is_no_bundle_of_ours_is_told_and_left_out(archive: TapeArchive, drives: list[Drive]) -> None:
    folder = drives[0].mount / "petawatch/hpls"
    (folder / "0123456789abcdef0123456789abcdef.tar").write_bytes(b"no bundle")
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    assert any("0123456789abcdef0123456789abcdef.tar is damaged" in sentence for sentence in archive.told)


def test_cartridges_of_others_are_not_looked_into(archive: TapeArchive, drives: list[Drive]) -> None:
    config = archive.config.read_text()
    archive.config.write_text(config.replace("installation = 'hpls'", "installation = 'elsewhere'"))
    archive.keep()
    assert archive.all_copies() == []
    assert ("tape_trouble", str(drives[0].mount), "wrong_cartridge") in archive.needs()
    assert not any("did not know" in sentence for sentence in archive.told)


def test_a_cartridge_that_can_not_be_read_is_distrusted(archive: TapeArchive, drives: list[Drive]) -> None:
    drives[0].remount()  # else the system would still know what it has read
    drives[0].set(Faults(unreadable="*.tar"))
    unread = by_hand(archive)
    unread.keep()
    assert unread.copies_by_state() == {WRITTEN: 1}
    assert ("tape_trouble", "PW0001L8", "read_failed") in unread.needs()
