import errno
import os
from pathlib import Path

import pytest

from connectors.tape.failures import tape_failures
from connectors.tape.mount import probe_volume, require_volume, require_writable
from connectors.tape.volume_system import LinuxVolumes, MountLine, parse_mount_line
from models.errors import FatalError, PetawatchError, RetryableError
from tests.support.plain_volumes import SYNC, PlainVolumes


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "42 27 0:39 / /mnt/tape rw,nosuid,nodev,relatime - fuse ltfs:/dev/sg0 rw,user_id=0,group_id=0",
            MountLine(
                point=Path("/mnt/tape"), device="0:39", file_system="fuse", source="ltfs:/dev/sg0", read_only=False
            ),
        ),
        (
            r"42 27 0:39 / /mnt/the\040tape rw shared:1 master:2 - fuse.ltfs ltfs:a\011b ro",
            MountLine(
                point=Path("/mnt/the tape"),
                device="0:39",
                file_system="fuse.ltfs",
                source="ltfs:a\tb",
                read_only=True,
            ),
        ),
        (
            "22 27 0:21 / /proc ro,relatime - proc",
            MountLine(point=Path("/proc"), device="0:21", file_system="proc", source="", read_only=True),
        ),
    ],
)
def test_a_mount_is_read_as_proc_writes_it(line: str, expected: MountLine) -> None:
    assert parse_mount_line(line) == expected


def test_the_mounts_of_this_computer_can_be_read() -> None:
    assert Path("/") in {line.point for line in LinuxVolumes().mounts()}


def test_an_attribute_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert LinuxVolumes().attribute(tmp_path, "user.ltfs.volumeUUID") is None
    with pytest.raises(FileNotFoundError):
        LinuxVolumes().attribute(tmp_path / "gone", "user.ltfs.volumeUUID")


def test_an_attribute_comes_back_without_what_pads_it(tmp_path: Path) -> None:
    LinuxVolumes().set_attribute(tmp_path, "user.ltfs.hash.sha256sum", "  PW0001L8   \0")
    assert LinuxVolumes().attribute(tmp_path, "user.ltfs.hash.sha256sum") == "PW0001L8"


def test_a_volume_is_what_it_says(tmp_path: Path) -> None:
    system = PlainVolumes()
    root = system.mount(tmp_path / "drive", "abc-1")
    system.set(
        root,
        volumeName="first",
        volumeSerial="ABC",
        mediaDataPartitionTotalCapacity="3",
        mediaDataPartitionAvailableSpace="2",
    )
    found = probe_volume(root, system)
    assert (found.uuid, found.barcode, found.name, found.serial) == ("abc-1", "ABC", "first", "ABC")
    assert (found.capacity_bytes, found.free_bytes) == (3 << 20, 2 << 20)
    assert (found.root, found.point, found.server) == (root, root, "boot/1@1")
    require_writable(found)
    require_volume(found, "abc-1")


def test_what_writes_when_it_is_read_is_never_read(tmp_path: Path) -> None:
    system = PlainVolumes()
    probe_volume(system.mount(tmp_path / "drive", "abc-1"), system)
    assert SYNC not in system.asked
    assert "user.ltfs.driveCaptureDump" not in system.asked


def test_the_file_system_knows_the_space_where_the_volume_does_not(tmp_path: Path) -> None:
    system = PlainVolumes()
    root = system.mount(tmp_path / "drive", "abc-1")
    space = os.statvfs(root)
    assert probe_volume(root, system).capacity_bytes == space.f_blocks * space.f_frsize
    system.set(root, mediaDataPartitionAvailableSpace=str(1 << 60))
    assert probe_volume(root, system).free_bytes <= space.f_blocks * space.f_frsize


def test_a_link_to_a_mount_is_followed(tmp_path: Path) -> None:
    system = PlainVolumes()
    root = system.mount(tmp_path / "drive", "abc-1")
    (tmp_path / "link").symlink_to(root)
    assert probe_volume(tmp_path / "link", system).root == root


def plain_folder(system: PlainVolumes, root: Path) -> None:
    system.lines.clear()


def gone(system: PlainVolumes, root: Path) -> None:
    root.rmdir()


def of_something_else(system: PlainVolumes, root: Path) -> None:
    system.mount(root, source="sshfs:host")


def without_a_uuid(system: PlainVolumes, root: Path) -> None:
    system.attributes.clear()


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        (plain_folder, RetryableError, "tape_not_mounted"),
        (gone, RetryableError, "tape_vanished"),
        (of_something_else, FatalError, "tape_not_ltfs"),
        (without_a_uuid, FatalError, "tape_not_ltfs"),
    ],
)
def test_what_is_no_volume_is_one_clear_failure(
    change: object, kind: type[PetawatchError], reason: str, tmp_path: Path
) -> None:
    system = PlainVolumes()
    root = system.mount(tmp_path / "drive", "abc-1")
    change(system, root)  # type: ignore[operator]
    with pytest.raises(kind, match=str(root)) as failure:
        probe_volume(root, system)
    assert failure.value.reason == reason


def test_a_folder_below_a_plain_mount_is_no_cartridge(tmp_path: Path) -> None:
    system = PlainVolumes()
    system.mount(tmp_path / "disk", source="/dev/sda1")
    root = system.volume(tmp_path / "disk/PW0001L8", "abc-1")
    with pytest.raises(RetryableError, match="land on the local disk") as failure:
        probe_volume(root, system)
    assert failure.value.reason == "tape_not_mounted"


def test_a_locked_cartridge_and_a_read_only_one(tmp_path: Path) -> None:
    system = PlainVolumes()
    root = system.mount(tmp_path / "drive", "abc-1")
    system.make_read_only()
    with pytest.raises(RetryableError, match="read-only") as failure:
        require_writable(probe_volume(root, system))
    assert failure.value.reason == "tape_read_only"
    system.set(root, volumeLockState="1")
    with pytest.raises(RetryableError, match="is locked") as failure:
        require_writable(probe_volume(root, system))
    assert failure.value.reason == "tape_locked"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ENOSPC", "tape_full"),
        ("EDQUOT", "tape_full"),
        ("EROFS", "tape_read_only"),
        ("EACCES", "tape_rights"),
        ("ENOTCONN", "tape_not_mounted"),
        ("ENOENT", "tape_vanished"),
        ("EIO", "tape_failed"),
        ("EBUSY", "tape_failed"),
        ("EREMOTEIO", "tape_failed"),
    ],
)
def test_each_answer_of_the_system_is_one_sentence(name: str, reason: str) -> None:
    number = getattr(errno, name)
    place = Path("/mnt/tape")
    with pytest.raises(RetryableError, match=r"/mnt/tape.*while writing") as failure, tape_failures(place, "writing"):
        raise OSError(number, os.strerror(number))
    assert failure.value.reason == reason


class Vanishing(PlainVolumes):
    """A volume that is unmounted after so many questions; its folder stays, as folders under mounts do."""

    left = 1_000_000

    def mounts(self) -> list[MountLine]:
        self._ask()
        return super().mounts()

    def attribute(self, path: Path, name: str) -> str | None:
        self._ask()
        return super().attribute(path, name)

    def server(self, mount: MountLine) -> str:
        self._ask()
        return super().server(mount)

    def _ask(self) -> None:
        self.left -= 1
        if not self.left:
            self.lines.clear()
            self.attributes.clear()
            self.served_by = ""


def test_a_volume_that_goes_between_two_questions_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = Vanishing()
    probe_volume(whole.mount(tmp_path / "whole/drive", "abc-1"), whole)
    questions = Vanishing.left - whole.left
    for number in range(1, questions + 1):
        system = Vanishing()
        root = system.mount(tmp_path / f"drive{number}", "abc-1")
        system.left = number
        with pytest.raises(RetryableError) as failure:
            probe_volume(root, system)
        assert failure.value.reason in {"tape_not_mounted", "tape_vanished"}, number


def test_a_volume_that_is_mounted_anew_meanwhile_is_looked_at_again(tmp_path: Path) -> None:
    class Remounted(PlainVolumes):
        def attribute(self, path: Path, name: str) -> str | None:
            self.served_by = "boot/2@2"
            return super().attribute(path, name)

    system = Remounted()
    root = system.mount(tmp_path / "drive", "abc-1")
    with pytest.raises(RetryableError, match="looked at again") as failure:
        probe_volume(root, system)
    assert failure.value.reason == "tape_vanished"
    assert probe_volume(root, system).server == "boot/2@2"
