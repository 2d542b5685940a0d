"""Whatever a drive or a cartridge does wrong: it is noticed, told, and nothing counts that is not on the tape."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.tape.bundle_file import BuiltBundle, build_bundle
from connectors.tape.cartridge import Cartridge
from connectors.tape.library import MountedCartridges, mounted_cartridges
from connectors.tape.settings import TapeSettings
from connectors.tape.volume_system import LinuxVolumes
from models.errors import PetawatchError, RecordError, RetryableError
from tests.support.ltfs.drive import MIB, Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.ltfs.snapshots import write_snapshot

INSTALLATION = "hpls"


@pytest.fixture
def built(tmp_path: Path) -> BuiltBundle:
    """A bundle of three files, a good MiB in all."""
    (tmp_path / "bundles").mkdir()
    files = [write_snapshot(tmp_path / "watched", number, 400_000) for number in range(3)]
    return build_bundle(tmp_path / "bundles", INSTALLATION, files)


def look(*mounts: Path) -> MountedCartridges:
    """What the archive finds there."""
    return mounted_cartridges(TapeSettings(mounts=mounts, headroom_bytes=0), INSTALLATION)


def cartridge_in(drive: Drive) -> Cartridge:
    """What the archive finds in a drive."""
    (found,) = look(drive.mount).cartridges
    return found


def reason_of(action: Callable[[], object]) -> str:
    """Why it was refused; empty when it was not."""
    try:
        action()
    except PetawatchError as error:
        return error.reason
    return ""


def archive(drive: Drive, built: BuiltBundle) -> str:
    """Write a bundle and an index; the reason of what failed."""
    cartridge = cartridge_in(drive)
    return reason_of(lambda: cartridge.write_bundle(built)) or reason_of(cartridge.sync)


def finding(drive: Drive, built: BuiltBundle) -> str:
    """What reading back finds; empty when all is well."""
    path = f"petawatch/{INSTALLATION}/{built.manifest.bundle_id}.tar"
    return reason_of(lambda: cartridge_in(drive).read_back(path, built.bundle))


def test_what_was_written_is_read_back_after_a_remount(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    path = cartridge.write_bundle(built)
    cartridge.sync()
    assert reason_of(lambda: cartridge.read_back(path, built.bundle)) == ""
    before, drive_before = cartridge.mount_id, cartridge
    drive.remount()
    assert cartridge_in(drive).mount_id != before
    assert reason_of(lambda: drive_before.read_back(path, built.bundle)) == "tape_vanished"
    assert finding(drive, built) == ""
    assert cartridge_in(drive).placement(path)[0] == "b"


def test_each_mount_has_a_server_of_its_own(ltfs: TapeShelf) -> None:
    drive, other, system = ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge()), LinuxVolumes()
    seen = []
    for _ in range(3):
        lines = {line.point: line for line in system.mounts()}
        seen += [system.server(lines[drive.mount]), system.server(lines[other.mount])]
        drive.remount()
    assert seen[1] == seen[3] == seen[5]
    assert len(set(seen)) == 4
    assert "" not in seen


def remains(drive: Drive) -> list[str]:
    """What lies on a cartridge under a bundle's name, once it was mounted anew."""
    return [path for path in drive.medium.stored() if path.endswith(".tar") and "/." not in path]


def test_full_cartridge_is_seen_before_a_bundle_is_begun(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge(capacity_bytes=MIB))
    assert archive(drive, built) == "tape_full"
    drive.remount()
    assert remains(drive) == []


@pytest.mark.parametrize("call", ["write", "fsync", "close"])
def test_cartridge_is_full_although_it_said_there_is_room(ltfs: TapeShelf, built: BuiltBundle, call: str) -> None:
    drive = ltfs.drive(ltfs.cartridge(), Faults(full_at=call, full_after_bytes=MIB // 2))
    assert archive(drive, built) == "tape_full"
    assert finding(drive, built) == "copy_missing"
    assert archive(drive, built) == "tape_full"
    drive.remount()
    assert finding(drive, built) == "copy_missing"
    assert remains(drive) == []


def test_full_cartridge_still_takes_its_last_bundle(ltfs: TapeShelf, built: BuiltBundle, tmp_path: Path) -> None:
    drive = ltfs.drive(ltfs.cartridge(), Faults(full_at="open", full_after_bytes=MIB))
    assert archive(drive, built) == ""
    (tmp_path / "second").mkdir()
    second = build_bundle(tmp_path / "second", INSTALLATION, [write_snapshot(tmp_path / "watched", 99, 1000)])
    assert archive(drive, second) == "tape_full"
    drive.remount()
    assert finding(drive, built) == ""
    assert finding(drive, second) == "copy_missing"


@pytest.mark.parametrize("call", ["write", "fsync", "close", "sync"])
def test_drive_fails_for_good(ltfs: TapeShelf, built: BuiltBundle, call: str) -> None:
    drive = ltfs.drive(ltfs.cartridge(), Faults(error_at=call, error_after_bytes=MIB // 2))
    # Of a long write the system tells what was written of it, and of the next one EROFS: the EIO is seen by nobody.
    assert archive(drive, built) == "tape_failed"
    assert archive(drive, built) == "tape_read_only"
    drive.remount()
    assert finding(drive, built) == "copy_missing"
    assert archive(drive, built) == ""
    drive.remount()
    assert finding(drive, built) == ""


@pytest.mark.parametrize("call", ["create", "write", "fsync", "close", "sync"])
def test_file_system_dies(ltfs: TapeShelf, built: BuiltBundle, call: str) -> None:
    drive = ltfs.drive(ltfs.cartridge(), Faults(dies_at=call))
    assert archive(drive, built) == "tape_not_mounted"
    assert [problem.reason for problem in look(drive.mount).problems] == ["tape_not_mounted"]
    drive.recover()
    assert finding(drive, built) == "copy_missing"
    assert archive(drive, built) == ""
    drive.remount()
    assert finding(drive, built) == ""


def test_bundle_without_an_index_is_lost(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge_in(drive).write_bundle(built)
    drive.kill()
    drive.recover()
    assert finding(drive, built) == "copy_missing"


@pytest.mark.parametrize(
    ("faults", "found"),
    [(Faults(sync_loses="*.tar"), "copy_missing"), (Faults(sync_tears="*.tar"), "copy_damaged")],
    ids=["lost", "torn"],
)
def test_success_was_a_lie(ltfs: TapeShelf, built: BuiltBundle, faults: Faults, found: str) -> None:
    drive = ltfs.drive(ltfs.cartridge(), faults)
    assert archive(drive, built) == ""
    drive.remount()
    assert finding(drive, built) == found
    assert archive(drive, built) == ""
    drive.remount()
    assert finding(drive, built) == ""


def test_index_of_the_unmount_is_lost(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge(), Faults(no_index_at_unmount=True))
    cartridge_in(drive).write_bundle(built)
    drive.remount()
    assert finding(drive, built) == "copy_missing"


def test_bit_rot(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    assert archive(drive, built) == ""
    drive.remount()
    path = f"petawatch/{INSTALLATION}/{built.manifest.bundle_id}.tar"
    assert finding(drive, built) == ""
    drive.medium.rot(path, built.manifest.members[1].offset + 5)
    with pytest.raises(RecordError, match=r"the first .*LA_BPF_10Hz_00001.h5 damaged") as caught:
        cartridge_in(drive).read_back(path, built.bundle)
    assert caught.value.reason == "copy_damaged"


def test_tape_that_can_not_be_read(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    assert archive(drive, built) == ""
    drive.remount()
    drive.set(Faults(unreadable="*.tar"))
    assert finding(drive, built) == "tape_failed"


def test_closed_cartridges(ltfs: TapeShelf, built: BuiltBundle) -> None:
    protected, locked = ltfs.cartridge(), ltfs.cartridge()
    protected.protect()
    assert archive(ltfs.drive(protected), built) == "tape_read_only"
    assert archive(ltfs.drive().load(ltfs.cartridge(), read_only=True), built) == "tape_read_only"
    drive = ltfs.drive(locked)
    os.setxattr(drive.mount, "user.ltfs.volumeLockState", b"1")
    assert archive(drive, built) == "tape_locked"
    drive.remount()
    assert archive(drive, built) == "tape_locked"


def test_cartridge_is_locked_between_two_bundles(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    os.setxattr(drive.mount, "user.ltfs.volumeLockState", b"1")
    assert reason_of(lambda: cartridge.write_bundle(built)) == "tape_locked"


def test_nothing_is_mounted(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    drive.unmount()
    assert reason_of(lambda: cartridge.write_bundle(built)) == "tape_not_mounted"
    assert list(drive.mount.iterdir()) == []
    found = look(drive.mount)
    assert found.cartridges == ()
    assert [problem.reason for problem in found.problems] == ["tape_not_mounted"]


def test_another_cartridge_is_put_in(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive, other = ltfs.drive(ltfs.cartridge()), ltfs.cartridge()
    cartridge = cartridge_in(drive)
    drive.unmount()
    drive.load(other)
    assert reason_of(lambda: cartridge.write_bundle(built)) == "tape_wrong_volume"
    assert other.stored() == {}


def test_cartridges_of_others(ltfs: TapeShelf, built: BuiltBundle) -> None:
    theirs, strange = ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge())
    (theirs.mount / "petawatch" / "elsewhere").mkdir(parents=True)
    (strange.mount / "holiday.jpg").write_bytes(b"a")
    assert archive(theirs, built) == "tape_foreign"
    assert archive(strange, built) == "tape_foreign"


def test_library(ltfs: TapeShelf, built: BuiltBundle) -> None:
    library = ltfs.library(ltfs.cartridge(), ltfs.cartridge())
    found = look(library.mount)
    assert [cartridge.label for cartridge in found.cartridges] == ["PW0001L8", "PW0002L8"]
    library.set(Faults(error_at="write"), "PW0001L8")
    with pytest.raises(RetryableError):
        found.cartridges[0].write_bundle(built)
    path = found.cartridges[1].write_bundle(built)
    found.cartridges[1].sync()
    library.remount()
    found = look(library.mount)
    found.cartridges[1].read_back(path, built.bundle)
    assert reason_of(lambda: found.cartridges[0].read_back(path, built.bundle)) == "copy_missing"
