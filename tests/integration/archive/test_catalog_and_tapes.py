"""Keepers that share a catalog, and a catalog that forgot what is on the tapes."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.archive.copies import CopyState
from models.errors import FatalError, RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape import bundling_lease
from streams.archive.tape.bundling_lease import LENGTH_S, BundlingLease
from streams.archive.tape.remembered_bundles import RememberedBundles
from streams.archive.tape.tape_keeper import TapeKeeper, open_keeper
from tests.support.commands import run_with
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.tape_archive import TapeArchive
from tests.support.watching import wait_until

SAFE, WRITTEN = CopyState.SAFE, CopyState.WRITTEN
OLDER = ("tape_trouble", "tape", "catalog_older")


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive(ltfs.cartridge()) for _ in range(2)]


@pytest.fixture
def archive(tmp_path: Path, drives: list[Drive]) -> TapeArchive:
    return TapeArchive(tmp_path / "site", [drive.mount for drive in drives])


def bundle_ids(archive: TapeArchive) -> list[str]:
    with archive.catalog() as catalog:
        return catalog.bundle_ids()


def needs_of(keeper: TapeKeeper) -> list[tuple[str, str, str]]:
    return [(need.kind.value, need.where, need.reason.value) for need in keeper.needs]


def elsewhere(opened: OpenedArchive, tmp_path: Path) -> OpenedArchive:
    """The same catalog, seen from another computer."""
    return replace(opened, folder=tmp_path / "elsewhere")


def test_a_second_keeper_of_a_catalog_makes_no_bundles_while_the_first_one_does(
    archive: TapeArchive, tmp_path: Path
) -> None:
    archive.fill(4)
    with archive.opened() as opened, BundlingLease.opened(elsewhere(opened, tmp_path)) as first:
        with first.held():
            archive.keep()
        assert any(str(tmp_path / "elsewhere") in sentence for sentence in archive.told)
        assert archive.bundles == []
    archive.keep()  # the first one has let go
    assert len(archive.bundles) == 1


def test_a_keeper_that_lost_its_lease_stops_before_the_next_bundle(archive: TapeArchive, tmp_path: Path) -> None:
    archive.fill(4)
    with archive.keeper() as keeper, archive.opened() as opened:
        keeper.run_once()
        made = bundle_ids(archive)
        holder = opened.catalog.take_lease("bundling", "nobody", LENGTH_S).holder
        with BundlingLease.opened(elsewhere(opened, tmp_path)) as other:
            with pytest.raises(RetryableError, match=re.escape(holder)), other.held():
                pass
            opened.catalog.end_lease("bundling", holder)  # as if the clock had jumped ahead
            with other.held():
                pass
            archive.add("LA_R_60s_snapshot_2022-07-01_10-00.h5")
            keeper.run_once()
            assert "elsewhere" in archive.told[-1]
            assert bundle_ids(archive) == made
        keeper.run_once()
        assert len(bundle_ids(archive)) == len(made) + 1


def test_a_lease_is_renewed_while_a_bundle_is_built(archive: TapeArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling_lease, "_RENEW_S", 0.05)
    with archive.opened() as opened, BundlingLease.opened(opened) as lease, lease.held():
        before = opened.catalog.take_lease("bundling", "nobody", LENGTH_S)
        wait_until(lambda: opened.catalog.take_lease("bundling", "nobody", LENGTH_S).until_ns > before.until_ns)
    with archive.opened() as opened:
        assert opened.catalog.take_lease("bundling", "nobody", LENGTH_S).holder == "nobody", "it was let go"


def test_a_keeper_that_has_no_room_lets_the_lease_go(archive: TapeArchive, tmp_path: Path, drives: list[Drive]) -> None:
    full = TapeArchive(tmp_path / "site", [drive.mount for drive in drives], disk_reserve_bytes=1 << 60)
    full.fill(4)
    with full.keeper() as keeper, full.opened() as opened:
        keeper.run_once()
        assert needs_of(keeper) == [("tape_trouble", "tape", "disk_full")]
        with BundlingLease.opened(elsewhere(opened, tmp_path)) as other, other.held():
            pass


def test_a_keeper_remembers_what_others_have_taped(archive: TapeArchive, tmp_path: Path) -> None:
    archive.fill(4)
    archive.keep()
    with archive.opened() as opened:
        other = elsewhere(opened, tmp_path)
        other.folder.mkdir()
        with BundlingLease.opened(opened) as first, first.held(), open_keeper(other, archive.clock, print) as keeper:
            keeper.run_once()
        assert RememberedBundles(other.folder, opened.catalog).compare() == ""
        known = (other.folder / "bundles.known").read_text().split()
    assert known == bundle_ids(archive)


def test_what_is_mounted_is_taken_in_when_the_catalog_is_exchanged_under_a_keeper(
    archive: TapeArchive, drives: list[Drive], tmp_path: Path
) -> None:
    archive.fill(4)
    file, backup = archive.folder / "archive/catalog.sqlite", tmp_path / "backup.sqlite"
    shutil.copy(file, backup)
    with archive.keeper() as keeper:
        keeper.run_once()
        for drive in drives:
            drive.remount()
        keeper.run_once()
        assert archive.copies_by_state() == {SAFE: 2}
        made = bundle_ids(archive)
        for log in ("-wal", "-shm"):
            file.with_name(file.name + log).unlink(missing_ok=True)
        Path(shutil.copy(backup, tmp_path / "again.sqlite")).replace(file)
        keeper.run_once()
        assert (bundle_ids(archive), archive.copies_by_state()) == (made, {WRITTEN: 2})
        assert OLDER not in needs_of(keeper)


def test_what_a_keeper_remembers_may_be_damaged(archive: TapeArchive) -> None:
    archive.fill(4)
    archive.keep()
    (archive.folder / "archive/bundles.here").write_bytes(b"\xff")
    archive.keep()
    (archive.folder / "archive/bundles.known").write_bytes(b"\xff")
    with pytest.raises(FatalError, match=r"bundles\.known can't be read"):
        archive.keep()


def test_nothing_is_taped_twice_for_an_older_catalog(
    archive: TapeArchive, drives: list[Drive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.fill(4)
    file, backup = archive.folder / "archive/catalog.sqlite", tmp_path / "backup.sqlite"
    shutil.copy(file, backup)
    archive.keep()
    for drive in drives:
        drive.remount()
    archive.keep()
    assert (archive.copies_by_state(), archive.bundles) == ({SAFE: 2}, [])
    made = bundle_ids(archive)
    for drive in drives:
        drive.unmount()
    shutil.copy(backup, file)
    archive.keep()
    assert (bundle_ids(archive), archive.bundles) == ([], [])
    assert OLDER in archive.needs()
    assert any("petawatch archive rebuild-catalog MOUNT..." in sentence for sentence in archive.told)
    for drive in drives:
        drive.load(drive.medium)
    mounts = [drive.mount for drive in drives]
    assert run_with(capsys)("archive", "rebuild-catalog", *mounts, "--config", archive.config)[0] == 0
    archive.add("LA_R_60s_snapshot_2022-07-01_10-00.h5")
    archive.keep()
    assert OLDER not in archive.needs()
    assert set(made) < set(bundle_ids(archive))
    assert len(bundle_ids(archive)) == len(made) + 1


def test_bundles_that_wait_on_the_disk_are_told_to_an_older_catalog(archive: TapeArchive, tmp_path: Path) -> None:
    files = archive.fill(4)
    file, backup = archive.folder / "archive/catalog.sqlite", tmp_path / "backup.sqlite"
    shutil.copy(file, backup)
    archive.keep()
    made = bundle_ids(archive)
    shutil.copy(backup, file)
    damaged = archive.folder / "archive/bundles/0123456789abcdef0123456789abcdef.tar"
    damaged.write_bytes(b"no bundle")
    archive.keep()
    assert bundle_ids(archive) == made
    assert [path.stem for path in archive.bundles] == made
    assert archive.copies_by_state() == {WRITTEN: 2}
    assert OLDER not in archive.needs()
    with archive.catalog() as catalog:
        assert set(catalog.bundles_of([each.id for each in files])) == {each.id for each in files}
