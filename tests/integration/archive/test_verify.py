"""`archive verify` finds what is damaged in the store and on tapes, and repairs it from what is good."""

import json
from pathlib import Path

import pytest

from connectors.archive.directory_store import DirectoryStore
from models.archive.archived_file import ArchivedFile
from models.archive.copies import CopyState
from models.archive.file_query import FileQuery
from models.archive.volumes import VolumeState
from tests.support.commands import Run
from tests.support.crashes import Crash, crash_at
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.tape_archive import TapeArchive

SAFE, WRITTEN, DAMAGED = CopyState.SAFE, CopyState.WRITTEN, CopyState.DAMAGED


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive(ltfs.cartridge()) for _ in range(2)]


@pytest.fixture
def archive(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> TapeArchive:
    """Five files in the store and in two bundles that are safe on two cartridges."""
    mounts = [drive.mount for drive in drives]
    archive = TapeArchive(tmp_path / "site", mounts)
    archive.fill(5)
    archive.keep()
    for drive in drives:
        drive.remount()
    archive.keep()
    archive = TapeArchive(tmp_path / "site", mounts, remount=ltfs.remount_command)
    assert archive.copies_by_state() == {SAFE: 4}
    return archive


def files_of(archive: TapeArchive) -> list[ArchivedFile]:
    with archive.catalog() as catalog:
        return list(catalog.find_files(FileQuery()))


def verify(command: Run, archive: TapeArchive, *options: str) -> tuple[int, list[dict[str, object]], str]:
    code, out, err = command("archive", "verify", "--config", archive.config, "--json", *options)
    return code, [json.loads(line) for line in out.splitlines()], err


def sums_of(
    read: int, *, damaged: int = 0, repaired: int = 0, unread: dict[str, int] | None = None, elsewhere: int = 0
) -> dict[str, object]:
    counts: dict[str, object] = {"read": read, "damaged": damaged, "repaired": repaired, "unread": unread or {}}
    return {**counts, "elsewhere": elsewhere, "brought": 0}


def rot(drive: Drive, archive: TapeArchive, number: int = 0) -> str:
    """A bundle on the cartridge of a drive goes bad; its id."""
    tar = sorted(drive.mount.rglob("*.tar"))[number]
    path = str(tar.relative_to(drive.mount))
    medium = drive.medium
    assert medium is not None
    drive.unmount()
    medium.rot(path)
    drive.load(medium)
    return tar.stem


def stored_path(archive: TapeArchive, file: ArchivedFile) -> Path:
    return archive.folder / "store" / file.key


def test_what_is_sound_is_told_so(archive: TapeArchive, command: Run) -> None:
    code, (sums,), _ = verify(command, archive, "--since", "2022-07-02")
    assert (code, sums["read"]) == (0, 0)
    code, _, err = command("archive", "verify", "--config", archive.config, "--volume", "NOPE")
    assert (code, "no cartridge 'NOPE'" in err) == (1, True)
    code, (sums,), err = verify(command, archive)
    assert (code, sums, err) == (0, sums_of(9), "")
    assert all(volume.last_verified_ns for volume in archive.volumes())
    with archive.catalog() as catalog:
        copies = catalog.store_copies([file.id for file in files_of(archive)])
        assert all(copy.read_back_ns for (copy,) in copies.values())


def test_a_damaged_version_in_the_store_is_found_and_put_again(archive: TapeArchive, command: Run) -> None:
    first, second, *_ = files_of(archive)
    for file in (first, second):
        path = stored_path(archive, file)
        path.chmod(0o644)
        path.write_bytes(bytes(file.size_bytes))
    (archive.data / second.path).unlink()  # its good copies are on tape alone
    code, (*damages, sums), _ = verify(command, archive)
    assert (code, sums) == (1, sums_of(9, damaged=2))
    assert {damage["subject"] for damage in damages} == {first.key, second.key}
    assert {damage["damage"] for damage in damages} == {"other_content"}
    with archive.catalog() as catalog:
        assert catalog.store_copies([first.id])[first.id][0].damaged == "other_content"
    code, documents, _ = verify(command, archive, "--repair")
    assert (code, documents[-1]) == (0, sums_of(9, damaged=2, repaired=2))
    assert verify(command, archive)[:2] == (0, [sums_of(9)])


def test_a_damaged_bundle_is_found_and_written_to_another_cartridge(
    archive: TapeArchive, command: Run, drives: list[Drive], ltfs: TapeShelf
) -> None:
    bundle = rot(drives[0], archive)
    code, (damage, sums), _ = verify(command, archive, "--volume", "PW0001L8")
    assert (code, sums["damaged"]) == (1, 1)
    assert damage == {"place": "PW0001L8", "subject": bundle, "damage": "other_content"}
    first, second = archive.volumes()
    assert (first.state, second.state) == (VolumeState.SUSPECT, VolumeState.FILLING)
    third = ltfs.drive(ltfs.cartridge())
    archive = TapeArchive(archive.folder, [*archive.mounts, third.mount], remount=archive.remount)
    verify(command, archive, "--repair")
    assert archive.bundles == []
    third_copies = [copy for copy in archive.all_copies() if copy.volume == archive.volumes()[2].uuid]
    assert {copy.state for copy in third_copies} == {SAFE}
    assert bundle in {copy.bundle_id for copy in third_copies}
    assert ("tape_trouble", "tape", "copies_missing") not in archive.needs()


def test_a_suspect_cartridge_counts_again_once_all_of_it_was_read_in_another_mount(
    archive: TapeArchive, command: Run, drives: list[Drive]
) -> None:
    bundle = rot(drives[0], archive)
    verify(command, archive, "--volume", "PW0001L8")
    code, _, err = verify(command, archive, "--volume", "PW0001L8")
    assert "remount it" in err
    assert archive.volumes()[0].last_verified_ns is None
    drives[0].remount()
    verify(command, archive, "--volume", "PW0001L8")
    assert archive.volumes()[0].last_verified_ns is not None
    on_first = {copy.bundle_id: copy.state for copy in archive.all_copies() if copy.volume == archive.volumes()[0].uuid}
    assert on_first.pop(bundle) is DAMAGED
    assert set(on_first.values()) == {SAFE}
    code, _, err = command("archive", "volumes", "--config", archive.config, "--clear", "PW0001L8")
    assert (code, "damaged copies" in err) == (1, True)


def test_without_a_good_copy_it_is_said_so(archive: TapeArchive, command: Run, drives: list[Drive]) -> None:
    (file, *_) = files_of(archive)
    path = stored_path(archive, file)
    path.chmod(0o644)
    path.write_bytes(b"")
    (archive.data / file.path).unlink()
    for drive in drives:
        drive.unmount()
    code, documents, err = verify(command, archive, "--repair")
    assert (code, documents[-1]["repaired"]) == (1, 0)
    assert "no good copy can be reached" in err
    assert "is not mounted" in err


def test_a_killed_run_goes_on_and_reads_nothing_twice(
    archive: TapeArchive, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crash_at(monkeypatch, "connectors.archive.directory_store", "DirectoryStore.read", 4), pytest.raises(Crash):
        verify(command, archive)
    assert verify(command, archive)[1][-1]["read"] == 9 - 3
    assert verify(command, archive)[1][-1]["read"] == 9


def test_a_cartridge_that_is_not_mounted_is_told_and_counted(
    archive: TapeArchive, command: Run, drives: list[Drive]
) -> None:
    drives[0].unmount()
    code, (sums,), err = verify(command, archive)
    assert (code, sums) == (1, sums_of(7, unread={"PW0001L8": 2}))
    assert "the cartridge PW0001L8 is not mounted: 2 copies on it were not read" in err
    code, out, _ = command("archive", "verify", "--config", archive.config)
    assert (code, out) == (1, "read 7, damaged 0, repaired 0, not read 2 (PW0001L8 2)\n")
    assert verify(command, archive, "--mounted")[:2] == (0, [sums_of(7)])
    assert command("archive", "volumes", "--config", archive.config, "--retire", "PW0001L8")[0] == 0
    assert verify(command, archive)[:2] == (0, [sums_of(7)])
    assert verify(command, archive, "--volume", "PW0001L8")[0] == 1
    code, out, err = command("archive", "verify", "--config", archive.config, "--volume", "PW0001L8", "--mounted")
    assert (code, out, "leave --mounted out" in err) == (2, "", True)


def test_a_store_that_is_away_is_told_and_read_by_the_same_run_when_it_is_back(
    archive: TapeArchive, command: Run
) -> None:
    store, away = archive.folder / "store", archive.folder / "away"
    store.rename(away)
    code, (sums,), err = verify(command, archive, "--repair")
    assert (code, sums) == (1, sums_of(4, unread={archive.store.address: 5}))
    assert f"5 copies in {archive.store.address} were not read: {store}" in err
    away.rename(store)
    assert verify(command, archive)[:2] == (0, [sums_of(5)])
    assert verify(command, archive)[:2] == (0, [sums_of(9)])


def test_what_lies_in_an_earlier_store_or_on_tape_only_is_told_once_and_brought_to_the_new_one(
    archive: TapeArchive, command: Run
) -> None:
    earlier, on_tape, here, *_ = files_of(archive)
    for file in files_of(archive):
        if file != here:
            (archive.data / file.path).unlink()
    stored_path(archive, on_tape).unlink()
    new = DirectoryStore(archive.folder / "new store")
    new.prepare()
    text = archive.config.read_text(encoding="utf-8")
    archive.config.write_text(text.replace(f"'{archive.folder}/store'", f"'{archive.folder}/new store'"))
    code, (sums,), err = verify(command, archive)
    assert (code, sums) == (1, sums_of(4, elsewhere=5))
    assert "5 files that were archived are not in the store of the settings" in err
    code, (sums,), err = verify(command, archive, "--repair")
    assert (code, sums) == (0, {**sums_of(4, elsewhere=5), "brought": 5})
    for file in (earlier, on_tape, here):
        assert [version.sha256 for version in new.versions(file.key)] == [file.sha256]
    assert verify(command, archive)[:2] == (0, [sums_of(9)])


def test_a_store_that_is_misspelt_is_told_also_where_all_files_lie_on_recorders_disks(
    tmp_path: Path, command: Run
) -> None:
    archive = TapeArchive(tmp_path / "site", [])
    archive.fill(2)
    text = archive.config.read_text(encoding="utf-8")
    archive.config.write_text(text.replace(f"'{archive.folder}/store'", f"'{archive.folder}/sotre'"))
    for options in ((), ("--repair",)):
        code, (sums,), err = verify(command, archive, *options)
        assert (code, sums) == (1, sums_of(0, unread={f"file://{archive.folder}/sotre": 0}, elsewhere=2))
        assert f"the catalog knows of no copy in file://{archive.folder}/sotre that is to be read" in err
    assert not (archive.folder / "sotre").exists()
    DirectoryStore(archive.folder / "sotre").prepare()
    code, (sums,), err = verify(command, archive)
    assert (code, sums) == (1, sums_of(0, elsewhere=2))
    assert "2 files that were archived are not in the store of the settings" in err


def test_what_the_store_has_and_a_catalog_made_anew_does_not_know_is_found_there(
    archive: TapeArchive, command: Run
) -> None:
    for file in files_of(archive):
        (archive.data / file.path).unlink()
    with archive.catalog() as catalog:
        for file in files_of(archive):
            catalog.remove_store_copy(f"{archive.store.address}|{file.id}")
    code, documents, _ = verify(command, archive, "--repair")
    assert (code, documents[-1]) == (0, {**sums_of(4, elsewhere=5), "brought": 5})
    with archive.catalog() as catalog:
        copies = catalog.store_copies([file.id for file in files_of(archive)])
        assert all(copy.read_back_ns for (copy,) in copies.values())
