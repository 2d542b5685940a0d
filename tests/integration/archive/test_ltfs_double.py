"""The double behaves as real LTFS volumes were seen to: each fact is a test."""

import errno
import fcntl
import mmap
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.ltfs.drive import MIB, Drive, MountError, Tapes, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.watching import wait_until


@pytest.fixture
def drive(ltfs: TapeShelf) -> Drive:
    """One with an empty cartridge."""
    return ltfs.drive(ltfs.cartridge())


def sync(drive: Drive) -> None:
    """Write an index."""
    os.setxattr(drive.mount, "user.ltfs.sync", b"1")


def attribute(path: Path, name: str) -> str:
    """One of the volume's own."""
    return os.getxattr(path, f"user.ltfs.{name}").decode()


def code_of(action: Callable[[], object]) -> int:
    """The error's number; 0 when there is none."""
    try:
        action()
    except OSError as error:
        return error.errno or 0
    return 0


def names(folder: Path) -> list[str]:
    """Of what lies in it."""
    return [path.name for path in folder.iterdir()]


def write_synced(path: Path, content: bytes) -> None:
    """As careful programs do; the first error is told, not the one of closing what failed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


def mount_line(drive: Drive) -> str:
    """Of /proc/mounts; empty when it is not mounted."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return next((line for line in lines if line.split()[1] == str(drive.mount)), "")


class TestIdentity:
    def test_mount_tells_that_it_is_ltfs(self, drive: Drive) -> None:
        assert mount_line(drive).startswith(f"ltfs:dev0 {drive.mount} fuse rw,")
        assert drive.mount.is_mount()

    def test_root_tells_its_volume(self, drive: Drive) -> None:
        assert attribute(drive.mount, "volumeUUID") == drive.medium.label.uuid
        assert attribute(drive.mount, "volumeName") == "PW0001"
        assert attribute(drive.mount, "mamBarcode") == f"{'PW0001L8':<32}"
        assert attribute(drive.mount, "volumeLockState") == "0"
        assert attribute(drive.mount, "volumeBlocksize") == "524288"
        assert attribute(drive.mount, "mediaDataPartitionTotalCapacity") == "64"
        assert attribute(drive.mount, "indexLocation").startswith("b:")
        assert attribute(drive.mount, "indexGeneration") == "1"
        for name in ("volumeSerial", "indexTime", "mediaLoads", "mediaDataPartitionAvailableSpace"):
            assert attribute(drive.mount, name)

    def test_files_tell_their_volume_and_place(self, drive: Drive) -> None:
        first, second, empty = (drive.mount / name for name in ("first", "second", "empty"))
        first.write_bytes(b"a" * MIB)
        second.write_bytes(b"b")
        empty.touch()
        assert attribute(first, "volumeUUID") == drive.medium.label.uuid
        assert int(attribute(first, "fileUID")) == first.stat().st_ino
        assert attribute(first, "partition") == "b"
        assert int(attribute(first, "startblock")) < int(attribute(second, "startblock"))
        for name in ("partition", "startblock"):
            assert code_of(lambda name=name: attribute(empty, name)) == errno.ENODATA  # type: ignore[misc]
        assert code_of(lambda: attribute(first, "indexGeneration")) == errno.ENODATA

    def test_listing_hides_them(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        os.setxattr(drive.mount / "file", "user.own", b"1")
        assert os.listxattr(drive.mount) == []
        assert os.listxattr(drive.mount / "file") == ["user.own"]

    def test_unmounted_mount_point_silently_takes_files(self, drive: Drive) -> None:
        drive.unmount()
        (drive.mount / "file").write_bytes(b"on the local disk")
        assert mount_line(drive) == ""
        assert code_of(lambda: attribute(drive.mount, "volumeUUID")) in {errno.ENODATA, errno.ENOTSUP}
        assert drive.medium.stored() == {}


class TestSync:
    def test_setting_and_reading_write_an_index(self, drive: Drive) -> None:
        (drive.mount / "first").write_bytes(b"a")
        sync(drive)
        assert attribute(drive.mount, "indexGeneration") == "2"
        (drive.mount / "second").write_bytes(b"a")
        attribute(drive.mount, "sync")
        assert attribute(drive.mount, "indexGeneration") == "3"
        assert set(drive.medium.stored()) == {"first", "second"}

    def test_does_nothing_when_clean(self, drive: Drive) -> None:
        sync(drive)
        assert attribute(drive.mount, "indexGeneration") == "1"

    def test_refuses_off_the_root(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        assert code_of(lambda: os.setxattr(drive.mount / "file", "user.ltfs.sync", b"1")) == errno.EACCES
        assert code_of(lambda: os.getxattr(drive.mount / "file", "user.ltfs.sync")) == errno.EACCES

    def test_other_calls_write_none(self, drive: Drive) -> None:
        write_synced(drive.mount / "file", b"a")
        os.sync()
        assert attribute(drive.mount, "indexGeneration") == "1"

    def test_unmount_writes_one(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        drive.remount()
        assert (drive.mount / "file").read_bytes() == b"a"

    def test_sigterm_is_clean(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        os.kill(drive.pid, 15)
        drive.wait()
        drive.load(drive.medium)
        assert (drive.mount / "file").read_bytes() == b"a"

    def test_success_may_be_a_lie_that_only_a_remount_shows(self, drive: Drive) -> None:
        drive.set(Faults(sync_loses="lost*", sync_tears="torn*"))
        for name in ("lost", "torn", "kept"):
            write_synced(drive.mount / name, b"a" * 1000)
        sync(drive)
        assert (drive.mount / "lost").read_bytes() == b"a" * 1000
        drive.remount()
        assert not (drive.mount / "lost").exists()
        assert (drive.mount / "torn").read_bytes() != b"a" * 1000
        assert (drive.mount / "kept").read_bytes() == b"a" * 1000


class TestCrash:
    def test_dead_mount_point(self, drive: Drive) -> None:
        drive.kill()
        assert code_of(lambda: names(drive.mount)) == errno.ENOTCONN
        assert not os.path.ismount(drive.mount)
        assert mount_line(drive)

    def test_unsynced_files_are_lost(self, drive: Drive) -> None:
        write_synced(drive.mount / "synced", b"a")
        sync(drive)
        write_synced(drive.mount / "closed", b"a")
        (drive.mount / "synced").write_bytes(b"changed")
        drive.kill()
        drive.recover()
        assert names(drive.mount) == ["synced"]
        assert (drive.mount / "synced").read_bytes() == b"a"

    def test_next_mount_refuses_until_ltfsck(self, drive: Drive) -> None:
        drive.kill()
        drive.clear()
        with pytest.raises(MountError, match="ltfsck"):
            drive.load(drive.medium)
        drive.medium.ltfsck()
        drive.load(drive.medium)

    @pytest.mark.parametrize("call", ["create", "write", "fsync", "close", "sync"])
    def test_dies_in_the_middle_of(self, drive: Drive, call: str) -> None:
        write_synced(drive.mount / "synced", b"a")
        sync(drive)
        drive.set(Faults(dies_at=call))
        codes = [code_of(lambda: write_synced(drive.mount / "file", b"a")), code_of(lambda: sync(drive))]
        assert codes[-1] in {errno.ECONNABORTED, errno.ENOTCONN}
        drive.recover()
        assert names(drive.mount) == ["synced"]

    def test_unmount_returns_before_the_drive_is_at_rest(self, ltfs: TapeShelf) -> None:
        medium = ltfs.cartridge()
        drive = ltfs.drive(medium)
        medium.hold()
        (drive.mount / "file").write_bytes(b"a")
        drive.unmount(wait=False)
        assert medium.stored() == {}
        with pytest.raises(MountError, match="still in a drive"):
            ltfs.drive(medium)
        medium.hold(on=False)
        drive.wait()
        assert medium.stored() == {"file": 1}


class TestFullCartridge:
    @pytest.mark.parametrize("call", ["write", "fsync", "close"])
    def test_says_so_at(self, ltfs: TapeShelf, call: str) -> None:
        drive = ltfs.drive(ltfs.cartridge(capacity_bytes=MIB), Faults(full_at=call))
        write_synced(drive.mount / "before", b"a" * 1000)
        descriptor = os.open(drive.mount / "big", os.O_WRONLY | os.O_CREAT, 0o666)
        calls: dict[str, Callable[[], object]] = {
            "write": lambda: [os.write(descriptor, b"b" * (MIB // 4)) for _ in range(5)],
            "fsync": lambda: os.fsync(descriptor),
            "close": lambda: os.close(descriptor),
        }
        codes = {name: code_of(action) for name, action in calls.items()}
        assert codes == {name: errno.ENOSPC if name == call else 0 for name in calls}
        self.check_rest(drive)

    def check_rest(self, drive: Drive) -> None:
        """What holds of any full cartridge, before and after a remount."""
        assert 0 < (drive.mount / "big").stat().st_size < 5 * MIB // 4
        for _ in range(2):
            assert code_of((drive.mount / "new").touch) == errno.ENOSPC
            assert code_of((drive.mount / "folder").mkdir) == errno.ENOSPC
            assert code_of(lambda: (drive.mount / "before").open("ab")) == errno.ENOSPC
            os.setxattr(drive.mount / "before", "user.own", b"1")
            os.utime(drive.mount / "before", ns=(1, 1))
            (drive.mount / "before").rename(drive.mount / "after")
            (drive.mount / "after").rename(drive.mount / "before")
            sync(drive)
            drive.remount()
            assert 0 < (drive.mount / "big").stat().st_size < 5 * MIB // 4
            assert (drive.mount / "before").read_bytes() == b"a" * 1000
        (drive.mount / "big").unlink()
        assert code_of((drive.mount / "new").touch) == errno.ENOSPC

    def test_says_so_at_open(self, ltfs: TapeShelf) -> None:
        drive = ltfs.drive(ltfs.cartridge(capacity_bytes=MIB), Faults(full_at="open"))
        write_synced(drive.mount / "big", b"a" * MIB)
        assert code_of((drive.mount / "new").touch) == errno.ENOSPC
        drive.remount()
        assert (drive.mount / "big").read_bytes() == b"a" * MIB

    def test_may_be_shorter_than_it_says(self, drive: Drive) -> None:
        drive.set(Faults(full_after_bytes=MIB))
        write_synced(drive.mount / "first", b"a" * MIB)
        assert os.statvfs(drive.mount).f_bavail > 0
        assert code_of(lambda: write_synced(drive.mount / "second", b"a")) == errno.ENOSPC
        assert os.statvfs(drive.mount).f_bavail == 0

    def test_nothing_is_freed(self, drive: Drive) -> None:
        space = os.statvfs(drive.mount)
        (drive.mount / "file").write_bytes(b"a" * MIB)
        (drive.mount / "file").write_bytes(b"a" * MIB)
        (drive.mount / "file").unlink()
        after = os.statvfs(drive.mount)
        assert (space.f_bavail - after.f_bavail) * space.f_frsize == 2 * MIB

    def test_each_index_takes_room(self, drive: Drive) -> None:
        (drive.mount / "file").touch()
        space = os.statvfs(drive.mount)
        for number in range(4):
            os.setxattr(drive.mount / "file", "user.own", str(number).encode())
            sync(drive)
        assert os.statvfs(drive.mount).f_bavail < space.f_bavail - 3

    def test_a_long_attribute_is_no_full_cartridge(self, drive: Drive) -> None:
        assert code_of(lambda: os.setxattr(drive.mount, "user.own", b"a" * 4097)) == errno.ENOSPC
        os.setxattr(drive.mount, "user.own", b"a" * 4096)
        (drive.mount / "file").write_bytes(b"a")

    def test_index_at_unmount_may_be_lost(self, drive: Drive) -> None:
        drive.set(Faults(no_index_at_unmount=True))
        (drive.mount / "file").write_bytes(b"a")
        drive.remount()
        assert names(drive.mount) == []


class TestBrokenAndProtected:
    @pytest.mark.parametrize("call", ["write", "fsync", "close", "sync"])
    def test_write_error_is_for_good(self, drive: Drive, call: str) -> None:
        write_synced(drive.mount / "synced", b"a")
        sync(drive)
        write_synced(drive.mount / "closed", b"a")
        drive.set(Faults(error_at=call))
        codes = [code_of(lambda: write_synced(drive.mount / "file", b"a")), code_of(lambda: sync(drive))]
        assert codes[0 if call != "sync" else 1] == errno.EIO
        for action in (
            (drive.mount / "new").touch,
            (drive.mount / "closed").unlink,
            (drive.mount / "folder").mkdir,
            lambda: sync(drive),
        ):
            assert code_of(action) == errno.EROFS
        assert (drive.mount / "closed").read_bytes() == b"a"
        assert " rw," in mount_line(drive)
        assert os.statvfs(drive.mount).f_bavail > 0
        drive.remount()
        assert names(drive.mount) == ["synced"]

    def test_write_error_after_some_bytes(self, drive: Drive) -> None:
        drive.set(Faults(error_at="write", error_after_bytes=MIB))
        write_synced(drive.mount / "first", b"a" * MIB)
        assert code_of(lambda: write_synced(drive.mount / "second", b"a")) == errno.EIO

    def test_locked(self, drive: Drive) -> None:
        os.setxattr(drive.mount, "user.ltfs.volumeLockState", b"1")
        assert code_of((drive.mount / "new").touch) == errno.EROFS
        assert os.access(drive.mount, os.W_OK)
        drive.remount()
        assert code_of((drive.mount / "new").touch) == errno.EROFS
        assert not os.access(drive.mount, os.W_OK)
        assert attribute(drive.mount, "volumeLockState") == "1"

    def test_write_protected(self, ltfs: TapeShelf) -> None:
        medium = ltfs.cartridge()
        medium.protect()
        drive = ltfs.drive(medium)
        assert code_of((drive.mount / "new").touch) == errno.EROFS

    def test_mounted_for_reading(self, ltfs: TapeShelf) -> None:
        drive = ltfs.drive().load(ltfs.cartridge(), read_only=True)
        assert code_of((drive.mount / "new").touch) == errno.EROFS
        assert " ro," in mount_line(drive)

    def test_unreadable(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        drive.remount()
        drive.set(Faults(unreadable="file"))
        assert code_of((drive.mount / "file").read_bytes) == errno.EIO

    def test_bit_rot_hides_in_the_page_cache(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a" * 1000)
        drive.remount()
        assert (drive.mount / "file").read_bytes() == b"a" * 1000
        drive.medium.rot("file", 500)
        assert (drive.mount / "file").read_bytes() == b"a" * 1000
        with (drive.mount / "file").open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert (drive.mount / "file").read_bytes()[500:501] == b"\x9e"


class TestSemantics:
    def test_rename_replaces(self, drive: Drive) -> None:
        (drive.mount / "old").write_bytes(b"a")
        (drive.mount / "new").write_bytes(b"b")
        (drive.mount / "old").replace(drive.mount / "new")
        assert names(drive.mount) == ["new"]
        assert (drive.mount / "new").read_bytes() == b"a"

    def test_rename_to_another_cartridge(self, ltfs: TapeShelf) -> None:
        first, second = ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge())
        (first.mount / "file").write_bytes(b"a")
        assert code_of(lambda: (first.mount / "file").rename(second.mount / "file")) == errno.EXDEV

    def test_hard_links_and_nameless_files(self, drive: Drive) -> None:
        (drive.mount / "file").write_bytes(b"a")
        assert code_of(lambda: os.link(drive.mount / "file", drive.mount / "link")) == errno.EPERM
        assert code_of(lambda: os.open(drive.mount, os.O_TMPFILE | os.O_RDWR)) == errno.EOPNOTSUPP

    def test_append_exclusive_lock_and_map(self, drive: Drive) -> None:
        path = drive.mount / "file"
        with path.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(b"a")
        assert code_of(lambda: path.open("xb")) == errno.EEXIST
        with path.open("ab") as file:
            file.write(b"b")
        with path.open("r+b") as updated, mmap.mmap(updated.fileno(), 0) as mapped:
            assert mapped[:] == b"ab"
            mapped[0:1] = b"c"
        assert path.read_bytes() == b"cb"

    def test_modes_owners_and_times(self, drive: Drive) -> None:
        path = drive.mount / "file"
        path.write_bytes(b"a")
        path.chmod(0o400)
        os.chown(path, 1, 1)
        os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
        drive.remount()
        assert path.stat().st_mode & 0o777 == 0o555
        path.chmod(0o620)
        assert path.stat().st_mode & 0o777 == 0o777
        assert path.stat().st_uid == os.getuid()
        assert path.stat().st_mtime_ns == 1_700_000_000_123_456_789

    def test_own_attributes_persist_and_a_sum_goes_stale(self, drive: Drive) -> None:
        path = drive.mount / "file"
        path.write_bytes(b"a")
        os.setxattr(path, "user.ltfs.hash.sha256sum", b"of a")
        os.setxattr(path, "user.own", b"1")
        path.write_bytes(b"b")
        drive.remount()
        assert os.getxattr(path, "user.ltfs.hash.sha256sum") == b"of a"
        assert os.getxattr(path, "user.own") == b"1"
        os.removexattr(path, "user.own")
        assert code_of(lambda: os.getxattr(path, "user.own")) == errno.ENODATA

    def test_names(self, drive: Drive) -> None:
        decomposed = unicodedata.normalize("NFD", "Strahl-für-Schuß-é")
        (drive.mount / decomposed).write_bytes(b"a")
        assert names(drive.mount) == [unicodedata.normalize("NFC", decomposed)]
        (drive.mount / ("ü" * 255)).touch()
        assert code_of((drive.mount / ("ü" * 256)).touch) == errno.ENAMETOOLONG
        assert code_of(lambda: os.open(bytes(drive.mount) + b"/\xff", os.O_CREAT)) == errno.EINVAL
        (drive.mount / "case").touch()
        assert not (drive.mount / "CASE").exists()

    def test_folders(self, drive: Drive) -> None:
        (drive.mount / "a" / "b").mkdir(parents=True)
        (drive.mount / "a" / "b" / "file").write_bytes(b"a")
        assert code_of((drive.mount / "a").rmdir) == errno.ENOTEMPTY
        drive.remount()
        assert (drive.mount / "a" / "b" / "file").read_bytes() == b"a"
        (drive.mount / "a" / "b" / "file").unlink()
        (drive.mount / "a" / "b").rmdir()
        assert names(drive.mount / "a") == []


class TestLibrary:
    def test_each_cartridge_is_a_folder(self, ltfs: TapeShelf) -> None:
        library = ltfs.library(ltfs.cartridge(), ltfs.cartridge())
        first, second = library.mount / "PW0001L8", library.mount / "PW0002L8"
        assert set(names(library.mount)) == {"PW0001L8", "PW0002L8"}
        assert attribute(first, "volumeUUID") != attribute(second, "volumeUUID")
        assert code_of(lambda: attribute(library.mount, "volumeUUID")) == errno.ENODATA
        assert code_of((library.mount / "file").touch) != 0
        (first / "folder").mkdir()
        write_synced(first / "folder" / "file", b"a")
        os.setxattr(first, "user.ltfs.sync", b"1")
        assert code_of(lambda: (first / "folder" / "file").rename(second / "file")) == errno.EXDEV
        assert os.statvfs(first).f_bavail < os.statvfs(second).f_bavail
        library.remount()
        assert (first / "folder" / "file").read_bytes() == b"a"
        assert names(second) == []

    def test_one_cartridge_fails(self, ltfs: TapeShelf) -> None:
        library = ltfs.library(ltfs.cartridge(), ltfs.cartridge())
        library.set(Faults(error_at="write"), "PW0001L8")
        assert code_of(lambda: write_synced(library.mount / "PW0001L8" / "file", b"a")) == errno.EIO
        assert code_of(lambda: write_synced(library.mount / "PW0002L8" / "file", b"a")) == 0


class TestTheTestsOwn:
    def test_remount_command(self, ltfs: TapeShelf) -> None:
        drive = ltfs.drive(ltfs.cartridge())
        (drive.mount / "file").write_bytes(b"a")
        before = drive.pid
        subprocess.run([word.replace("{mount}", str(drive.mount)) for word in ltfs.remount_command], check=True)
        assert drive.pid not in {0, before}
        assert (drive.mount / "file").read_bytes() == b"a"

    def test_remount_command_tells_why_not(self, ltfs: TapeShelf) -> None:
        drive = ltfs.drive(ltfs.cartridge())
        drive.kill()
        command = [word.replace("{mount}", str(drive.mount)) for word in ltfs.remount_command]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode
        assert "remount: " in done.stderr

    def test_no_mount_is_left_behind(self, ltfs: TapeShelf) -> None:
        used, dead = ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge())
        dead.kill()
        with (used.mount / "file").open("wb") as file:
            file.write(b"a")
            ltfs.close()
            assert mount_line(used) == mount_line(dead) == ""
            assert code_of(file.flush) == errno.ENOTCONN
            assert code_of(file.close) in {0, errno.ENOTCONN}

    def test_no_mount_is_left_behind_by_a_crash(self, tapes: Tapes, tmp_path: Path) -> None:
        crashing = (
            "import os, pathlib, sys\n"
            "from tests.support.ltfs.drive import Tapes, TapeShelf\n"
            "shelf = TapeShelf(Tapes().__enter__(), pathlib.Path(sys.argv[1]))\n"
            "used, dead = shelf.drive(shelf.cartridge()), shelf.drive(shelf.cartridge())\n"
            "dead.kill()\n"
            "print(pathlib.Path('/proc/mounts').read_text())\n"
            "sys.stdout.flush()\n"
            "os.kill(os.getpid(), 9)\n"
        )
        command = [sys.executable, "-c", crashing, str(tmp_path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
        assert done.stdout.count(str(tmp_path)) == 2, done.stderr
        wait_until(lambda: str(tmp_path) not in Path("/proc/mounts").read_text())
