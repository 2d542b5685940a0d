"""Keepers that share a catalog, and a catalog that forgot what is on the tapes."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.archive.copies import CopyState
from models.errors import RetryableError
from streams.archive.opened_archive import OpenedArchive
from streams.archive.tape import bundling_lease
from streams.archive.tape.bundling_lease import LENGTH_S, BundlingLease
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


def elsewhere(opened: OpenedArchive, tmp_path: Path) -> OpenedArchive:
    """The same catalog, seen from another computer."""
    return replace(opened, folder=tmp_path / "elsewhere")


def test_a_second_keeper_of_a_catalog_makes_no_bundles_while_the_first_one_does(
    archive: TapeArchive, tmp_path: Path
) -> None:
    archive.fill(4)
    with archive.opened() as opened, BundlingLease.opened(elsewhere(opened, tmp_path)) as first:
        with first.held(), pytest.raises(RetryableError) as caught:
            archive.keep()
        assert caught.value.reason == "bundled_elsewhere"
        assert str(tmp_path / "elsewhere") in str(caught.value)
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
            with pytest.raises(RetryableError, match="elsewhere"):
                keeper.run_once()
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
