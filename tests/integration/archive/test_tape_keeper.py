"""The keeper of the tapes on real mounts that behave as LTFS does."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from connectors.state.reader import StateReader
from models.archive.copies import CopyState
from models.archive.volumes import VolumeState
from models.errors import FatalError, RetryableError
from tests.support.commands import run_with
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.receiver import receiving
from tests.support.tape_archive import KIB, TapeArchive
from tests.support.watching import wait_until

SAFE, WRITTEN, DAMAGED = CopyState.SAFE, CopyState.WRITTEN, CopyState.DAMAGED


@pytest.fixture
def drives(ltfs: TapeShelf) -> list[Drive]:
    return [ltfs.drive(ltfs.cartridge()) for _ in range(2)]


def archive_of(tmp_path: Path, drives: list[Drive], **more: object) -> TapeArchive:
    return TapeArchive(tmp_path / "site", [drive.mount for drive in drives], **more)  # type: ignore[arg-type]


def tars(drive: Drive) -> list[str]:
    return sorted(path.name for path in drive.mount.rglob("*.tar"))


def test_bundles_count_once_they_were_read_back_after_a_remount(
    tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]
) -> None:
    archive = archive_of(tmp_path, drives)
    archive.fill(5)
    archive.keep()
    assert archive.copies_by_state() == {WRITTEN: 4}
    assert len(archive.bundles) == 2
    assert archive.needs() == [("tape_wanted", "PW0001L8", "remount"), ("tape_wanted", "PW0002L8", "remount")]
    archive.keep()  # nothing changes by looking again
    assert archive.copies_by_state() == {WRITTEN: 4}
    drives[0].remount()
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2, WRITTEN: 2}
    assert len(archive.bundles) == 2, "one proven copy is not enough"
    drives[1].remount()
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 4}
    assert archive.bundles == []
    assert archive.needs() == []
    assert tars(drives[0]) == tars(drives[1])
    assert [volume.state for volume in archive.volumes()] == [VolumeState.FILLING] * 2


def test_a_single_run_says_what_is_left_and_ends_with_it(
    tmp_path: Path, ltfs: TapeShelf, capsys: pytest.CaptureFixture[str]
) -> None:
    command = run_with(capsys)
    drives = [ltfs.drive(ltfs.cartridge()), ltfs.drive()]
    archive = archive_of(tmp_path, drives)
    archive.fill(5)

    def once() -> tuple[int, str]:
        code, _, told = command("archive", "tape", "--once", "--config", archive.config)
        return code, told.splitlines()[-1]

    left = "petawatch: bundles on the disk that lack proven copies: 2; a person is wanted for: "
    assert once() == (1, f"{left}PW0001L8 (remount), tape (no_room)")
    drives[0].remount()
    drives[1].load(ltfs.cartridge())
    assert once() == (1, f"{left}PW0002L8 (remount)")
    drives[1].remount()
    code, last = once()
    assert (code, "was read back" in last) == (0, True)


def test_a_command_remounts(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives, remount=ltfs.remount_command)
    archive.fill(5)
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 4}
    assert (archive.bundles, archive.needs()) == ([], [])


def test_one_cartridge_never_gets_two_copies(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives[:1], remount=ltfs.remount_command)
    archive.fill(3)
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 1}
    assert archive.needs() == [("tape_wanted", "tape", "no_room")]
    assert len(archive.bundles) == 1
    drives[0].unmount()
    drives[0].load(ltfs.cartridge())
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    assert (archive.bundles, archive.needs()) == ([], [])


def test_contents_come_from_the_store_where_the_file_is_gone(
    tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]
) -> None:
    archive = archive_of(tmp_path, drives, remount=ltfs.remount_command)
    gone, touched, changed, nowhere = archive.fill(4)
    for file in (gone, nowhere):
        (archive.data / file.path).unlink()
    path = archive.data / touched.path
    path.write_bytes(b"another content")
    path = archive.data / changed.path
    path.write_bytes(b"x" * changed.size_bytes)  # the same size and time, another content
    os.utime(path, ns=(changed.mtime_ns, changed.mtime_ns))
    archive.store.remove(nowhere.key, nowhere.sha256)
    archive.keep()
    with archive.catalog() as catalog:
        assert set(catalog.bundles_of([gone.id, touched.id, changed.id, nowhere.id])) == {
            gone.id,
            touched.id,
            changed.id,
        }
        assert catalog.store_copies([nowhere.id])[nowhere.id][0].damaged == "missing"
    assert archive.needs() == [("tape_trouble", "tape", "content_missing")]
    assert set(archive.copies_by_state()) == {SAFE}
    assert not (tmp_path / "site/archive/fetched").exists()


def test_what_was_formatted_anew_holds_no_copies(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives, remount=ltfs.remount_command)
    archive.fill(3)
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    before = {volume.uuid for volume in archive.volumes()}
    drives[0].unmount()
    drives[0].load(ltfs.cartridge(barcode="PW0001L8"))
    archive.keep()
    states = {volume.uuid: volume.state for volume in archive.volumes()}
    assert sorted(states[uuid] for uuid in before) == [VolumeState.FILLING, VolumeState.SUSPECT]
    assert ("tape_trouble", "tape", "copies_missing") in archive.needs()


def test_an_index_that_went_back_holds_fewer_copies(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives, remount=ltfs.remount_command)
    archive.fill(3)
    archive.keep()
    for path in drives[0].mount.rglob("*.tar"):
        path.unlink()
    drives[0].remount()
    archive.keep()
    assert [volume.state for volume in archive.volumes()] == [VolumeState.SUSPECT, VolumeState.FILLING]


def test_a_protected_cartridge_takes_no_others_place(tmp_path: Path, ltfs: TapeShelf) -> None:
    protected = ltfs.cartridge()
    protected.protect()
    drives = [ltfs.drive(medium) for medium in (protected, ltfs.cartridge(), ltfs.cartridge())]
    archive = archive_of(tmp_path, drives, remount=ltfs.remount_command)
    archive.fill(3)
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    assert not tars(drives[0])


def test_a_full_cartridge_is_closed_and_the_next_one_goes_on(tmp_path: Path, ltfs: TapeShelf) -> None:
    faults = Faults(full_at="close", full_after_bytes=400 * KIB)
    drives = [ltfs.drive(ltfs.cartridge(), faults), ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge())]
    archive = archive_of(tmp_path, drives)
    archive.fill(10)
    archive.keep()
    for drive in drives:
        drive.remount()
    archive.keep()
    assert {volume.barcode: volume.state for volume in archive.volumes()} == {
        "PW0001L8": VolumeState.FULL,
        "PW0002L8": VolumeState.FILLING,
        "PW0003L8": VolumeState.FILLING,
    }
    assert archive.copies_by_state() == {SAFE: 6}
    assert archive.bundles == []


@pytest.mark.parametrize(
    "faults",
    [
        Faults(error_at="write"),
        Faults(dies_at="sync"),
    ],
    ids=lambda faults: f"error {faults.error_at}" if faults.error_at else f"dies {faults.dies_at}",
)
def test_a_cartridge_that_fails_is_used_no_more(
    tmp_path: Path, ltfs: TapeShelf, drives: list[Drive], faults: Faults
) -> None:
    archive = archive_of(tmp_path, drives)
    archive.fill(3)
    drives[0].set(faults)
    archive.keep()
    assert [volume.state for volume in archive.volumes()] == [VolumeState.SUSPECT, VolumeState.FILLING]
    assert [copy.volume for copy in archive.all_copies()] == [archive.volumes()[1].uuid]
    assert ("tape_trouble", "PW0001L8", "write_failed") in archive.needs()
    assert ("tape_wanted", "tape", "no_room") in archive.needs()
    drives[1].remount()
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 1}
    assert len(archive.bundles) == 1
    third = ltfs.drive(ltfs.cartridge())
    archive = archive_of(tmp_path, [*drives, third], remount=ltfs.remount_command)
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    assert archive.bundles == []


@pytest.mark.parametrize(
    ("faults", "needed"),
    [(Faults(sync_loses="*.tar"), ""), (Faults(sync_tears="*.tar"), "copy_damaged")],
    ids=["loses", "tears"],
)
def test_what_a_drive_lost_in_silence_is_written_anew(
    tmp_path: Path, ltfs: TapeShelf, drives: list[Drive], faults: Faults, needed: str
) -> None:
    archive = archive_of(tmp_path, drives)
    archive.fill(3)
    drives[0].set(faults)
    archive.keep()
    assert archive.copies_by_state() == {WRITTEN: 2}
    for drive in drives:
        drive.remount()
    archive.keep()
    assert len(archive.bundles) == 1
    if needed:
        assert archive.copies_by_state() == {SAFE: 1, DAMAGED: 1}
        assert ("tape_trouble", "PW0001L8", needed) in archive.needs()
    else:
        assert archive.copies_by_state() == {SAFE: 1, WRITTEN: 1}
        drives[0].remount()
        archive.keep()
        assert archive.copies_by_state() == {SAFE: 2}
        assert archive.bundles == []


def test_a_second_keeper_is_refused(tmp_path: Path, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives)
    with archive.keeper(), pytest.raises(FatalError) as failure, archive.keeper():
        pass
    assert failure.value.reason in {"drive_in_use", "tape_keeper_running"}


def test_cartridges_that_are_not_ours_are_left_alone(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    archive = archive_of(tmp_path, drives)
    (drives[0].mount / "petawatch/other-site").mkdir(parents=True)
    drives[1].unmount()
    drives[1].load(drives[1].medium, read_only=True)
    archive.fill(1)
    archive.keep()
    assert archive.all_copies() == []
    assert archive.needs() == [
        ("tape_trouble", str(drives[0].mount), "wrong_cartridge"),
        ("tape_trouble", str(drives[1].mount), "wrong_cartridge"),
        ("tape_wanted", "tape", "no_room"),
    ]


def test_a_library_shows_its_cartridges_as_folders(tmp_path: Path, ltfs: TapeShelf) -> None:
    library = ltfs.library(ltfs.cartridge(), ltfs.cartridge())
    archive = archive_of(tmp_path, [library])
    archive.fill(2)
    archive.keep()
    assert archive.copies_by_state() == {WRITTEN: 2}
    library.remount()
    archive.keep()
    assert archive.copies_by_state() == {SAFE: 2}
    assert (archive.bundles, archive.needs()) == ([], [])


def test_alerts_open_once_close_and_reach_receivers(tmp_path: Path, ltfs: TapeShelf, drives: list[Drive]) -> None:
    with receiving() as receiver:
        archive = archive_of(tmp_path, drives)
        archive.config.write_text(f"webhook_urls = ['{receiver.url}']\n" + archive.config.read_text())
        archive.fill(1)
        with archive.keeper() as keeper:
            keeper.run_once()
            keeper.run_once()
            wait_until(lambda: len(receiver.messages) == 2)
        for drive in drives:
            drive.remount()
        with archive.keeper() as keeper:
            keeper.run_once()
            wait_until(lambda: len(receiver.messages) == 4)
    events = [(message["event"], message["kind"], message["reasons"]) for message in receiver.messages]
    assert sorted(events) == sorted(
        [(event, "tape_wanted", ["remount"]) for event in ("opened", "closed") for _ in drives]
    )
    with closing(StateReader.open(archive.folder / "archive/tape")) as reader:
        assert [alert.status.value for alert, _ in reader.alerts()] == ["closed", "closed"]


def test_a_store_that_is_away_holds_up_no_tape(tmp_path: Path, ltfs: TapeShelf) -> None:
    drives = [ltfs.drive(), ltfs.drive()]
    archive = archive_of(tmp_path, drives)
    archive.fill(1)
    archive.keep()
    assert len(archive.bundles) == 1
    only_stored = archive.add("LA_R_60s_snapshot_2022-07-01_10-00.h5")
    (archive.data / only_stored.path).unlink()
    for drive in drives:
        drive.load(ltfs.cartridge())
    with archive.keeper() as keeper:
        (archive.folder / "store").rename(archive.folder / "away")
        with pytest.raises(RetryableError) as failure:
            keeper.run_once()
    (archive.folder / "away").rename(archive.folder / "store")
    assert failure.value.reason == "archive_store_away"
    assert archive.copies_by_state() == {WRITTEN: 2}
    assert ("tape_wanted", "PW0001L8", "remount") in archive.needs()
    archive.keep()
    assert archive.copies_by_state() == {WRITTEN: 4}


def test_a_bundle_that_went_bad_on_the_disk_is_not_written(tmp_path: Path, ltfs: TapeShelf) -> None:
    drives = [ltfs.drive(), ltfs.drive()]
    archive = archive_of(tmp_path, drives)
    archive.fill(1)
    archive.keep()
    (tar,) = archive.bundles
    with tar.open("r+b") as stream:
        stream.seek(-40_000, os.SEEK_END)
        stream.write(b"rotten")
    for drive in drives:
        drive.load(ltfs.cartridge())
    archive.keep()
    assert any("is not what was built" in sentence for sentence in archive.told)
    assert archive.copies_by_state() == {WRITTEN: 2}
    assert b"rotten" not in archive.bundles[0].read_bytes()
    assert archive.needs() == [("tape_wanted", "PW0001L8", "remount"), ("tape_wanted", "PW0002L8", "remount")]


def test_empty_drives_want_a_cartridge(tmp_path: Path, ltfs: TapeShelf) -> None:
    archive = archive_of(tmp_path, [ltfs.drive()])
    archive.fill(1)
    archive.keep()
    assert archive.needs() == [("tape_wanted", "tape", "no_room")]
    assert len(archive.bundles) == 1


def test_without_tape_there_is_nothing_to_keep(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])
    with pytest.raises(FatalError, match="no tape is configured"), archive.keeper():
        pass
