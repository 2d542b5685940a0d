"""A bundle is lost before any cartridge had it: its files are bundled anew, and the one that is lost, too, is named."""

import os
import random
from pathlib import Path

import pytest

from connectors.tape.bundle_file import BuiltBundle
from models.archive.archived_file import ArchivedFile
from models.archive.copies import CopyState
from streams.archive.safekeeping.repair import Repair
from streams.archive.tape.local_bundles import LocalBundles
from tests.support.killed_keeper import KilledKeepers
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.tape_archive import TapeArchive

#: To forget a bundle, build another one and write it to two cartridges takes fewer steps.
_MOST_STEPS = 500


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive() for _ in range(2)]


@pytest.fixture
def archive(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> TapeArchive:
    return TapeArchive(tmp_path / "site", [drive.mount for drive in drives], remount=ltfs.remount_command)


def lose_bundle_and_file(archive: TapeArchive) -> tuple[list[ArchivedFile], ArchivedFile]:
    """Bundle four files, then lose the bundle and all that there was of one of them; the others, and that one."""
    *others, lost = archive.fill(4)
    archive.keep()
    (tar,) = archive.bundles
    tar.unlink()
    lose_file(archive, lost)
    return others, lost


def lose_file(archive: TapeArchive, file: ArchivedFile) -> None:
    (archive.data / file.path).unlink()
    archive.store.remove(file.key, file.sha256)


def check(archive: TapeArchive, others: list[ArchivedFile], lost: ArchivedFile) -> None:
    """All but the lost one are safe, each once; the lost one is named."""
    archive.keep()
    assert archive.copies_by_state() == {CopyState.SAFE: 2}
    assert archive.bundles == []
    with archive.catalog() as catalog:
        held = catalog.bundles_of([file.id for file in [*others, lost]])
        assert held.keys() == {file.id for file in others}
        assert {len(bundles) for bundles in held.values()} == {1}
        assert len(catalog.bundle_ids()) == 1
        assert catalog.store_copies([lost.id])[lost.id][0].damaged == "missing"
    assert archive.needs() == [("tape_trouble", "tape", "content_missing")]
    assert any(sentence.startswith(f"{lost.path} is neither in") for sentence in archive.told)


def test_the_other_files_are_bundled_anew(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    others, lost = lose_bundle_and_file(archive)
    for drive in drives:
        drive.load(ltfs.cartridge())
    check(archive, others, lost)
    assert sum("was lost from the disk before any cartridge had it" in sentence for sentence in archive.told) == 1


def test_a_bundle_that_a_cartridge_claims_is_not_forgotten(
    archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf
) -> None:
    archive.fill(4)
    drives[0].load(ltfs.cartridge())
    archive.keep()
    assert archive.copies_by_state() == {CopyState.SAFE: 1}
    (tar,) = archive.bundles
    tar.unlink()
    with archive.catalog() as catalog:
        (copy,) = catalog.bundle_copies()
        before = catalog.bundle_ids()
    drives[0].medium.rot(copy.path, 40_000)
    archive.keep()
    with archive.catalog() as catalog:
        assert catalog.bundle_ids() == before
    assert ("tape_trouble", "tape", "copies_missing") in archive.needs()


def test_bundles_on_another_keepers_disk_are_not_forgotten(archive: TapeArchive, tmp_path: Path) -> None:
    """It shares the catalog, and has a folder of its own."""
    archive.fill(4)
    archive.keep()
    elsewhere = TapeArchive(tmp_path / "elsewhere", archive.mounts)
    text = elsewhere.config.read_text() + f"[catalog]\naddress = '{archive.folder}/archive/catalog.sqlite'\n"
    elsewhere.config.write_text(text)
    elsewhere.keep()
    with archive.catalog() as catalog:
        assert len(catalog.bundle_ids()) == 1


def test_a_repair_forgets_what_was_lost_with_the_archives_folder(
    archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf
) -> None:
    others, lost = lose_bundle_and_file(archive)
    (archive.folder / "archive/bundles.here").unlink()
    archive.keep()
    assert ("tape_trouble", "tape", "copies_missing") in archive.needs()
    with archive.opened() as opened:
        assert Repair(opened, archive.clock, archive.told.append).bundles() == []
    assert any("is on no cartridge and can't be made again" in sentence for sentence in archive.told)
    for drive in drives:
        drive.load(ltfs.cartridge())
    check(archive, others, lost)


def test_a_bundle_that_goes_bad_at_once_is_forgotten(
    archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the very round in which it was built."""
    others = archive.fill(2)
    for drive in drives:
        drive.load(ltfs.cartridge())
    opened = LocalBundles.opened

    def spoiled(local: LocalBundles, id_: str) -> BuiltBundle | None:
        monkeypatch.setattr(LocalBundles, "opened", opened)
        with (local.folder / f"{id_}.tar").open("r+b") as stream:
            stream.seek(-40_000, os.SEEK_END)
            stream.write(b"rotten")
        return opened(local, id_)

    monkeypatch.setattr(LocalBundles, "opened", spoiled)
    archive.keep()
    assert any("was lost from the disk" in sentence for sentence in archive.told)
    assert (archive.copies_by_state(), archive.needs()) == ({CopyState.SAFE: 2}, [])
    with archive.catalog() as catalog:
        assert len(catalog.bundles_of([file.id for file in others])) == 2


def test_what_was_forgotten_makes_no_catalog_older(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    """Its copies were on the cartridges, and are gone from them."""
    archive.fill(4)
    for drive in drives:
        drive.load(ltfs.cartridge())
    unread = TapeArchive(archive.folder, archive.mounts)
    unread.keep()
    for drive in drives:
        for path in drive.mount.rglob("*.tar"):
            path.unlink()
        drive.remount()
    unread.bundles[0].unlink()
    archive = TapeArchive(archive.folder, archive.mounts, remount=ltfs.remount_command)
    archive.keep()
    assert archive.copies_by_state() == {CopyState.SAFE: 2}
    assert archive.needs() == []


def test_a_keeper_is_killed_while_it_forgets(archive: TapeArchive, drives: list[Drive], ltfs: TapeShelf) -> None:
    others, lost = lose_bundle_and_file(archive)
    for drive in drives:
        drive.load(ltfs.cartridge())
    chance = random.Random(7)  # noqa: S311 - steps, no secrets
    with KilledKeepers() as keepers:
        for _ in range(2):
            keepers.run(archive.config, chance.randrange(1, _MOST_STEPS))
    check(archive, others, lost)
