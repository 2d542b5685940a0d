"""What needs no real mount; the rest is in ``tests/integration/archive/test_cartridge.py``."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.tape.bundle_file import BuiltBundle, build_bundle
from connectors.tape.cartridge import HASH_ATTRIBUTE, Cartridge
from connectors.tape.library import lock_drive, mounted_cartridges
from connectors.tape.mount import probe_volume
from connectors.tape.ownership import claim, held_folder
from connectors.tape.remount import remount
from connectors.tape.sequential_copy import copy_sequentially
from connectors.tape.settings import TapeSettings
from models.errors import FatalError, RecordError, RetryableError
from tests.support.archived_contents import write_content
from tests.support.manual_clock import ManualClock
from tests.support.plain_volumes import SYNC, PlainVolumes


@pytest.fixture
def system() -> PlainVolumes:
    return PlainVolumes()


@pytest.fixture
def root(tmp_path: Path, system: PlainVolumes) -> Path:
    return system.mount(tmp_path / "drive", "abc-1")


@pytest.fixture
def built(tmp_path: Path) -> BuiltBundle:
    contents = [write_content(tmp_path, f"10Hz/2022-07-01/{number}.h5", 1000 + number) for number in range(3)]
    return build_bundle(tmp_path, "hpls", contents)


def cartridge_of(root: Path, system: PlainVolumes, *, headroom_bytes: int = 0) -> Cartridge:
    settings = TapeSettings(mounts=(root,), headroom_bytes=headroom_bytes)
    (cartridge,) = mounted_cartridges(settings, "hpls", system).cartridges
    return cartridge


def files_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_bundle_is_written_once_and_noted(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    assert cartridge.owner() == ""
    path = cartridge.write_bundle(built)
    assert path == f"petawatch/hpls/{built.manifest.bundle_id}.tar"
    assert files_in(root) == {path, "README-PETAWATCH.txt"}
    written = (root / path).stat()
    cartridge.read_back(path, built.bundle)
    system.set(root / path, partition="b", startblock="7")
    assert cartridge.placement(path) == ("b", 7)
    assert cartridge.bundle_paths() == [path]
    assert cartridge.owner() == "hpls"
    assert cartridge.write_bundle(built) == path
    assert (root / path).stat().st_ino == written.st_ino
    cartridge.sync()
    assert (root, SYNC) in system.attributes
    cartridge.remove_bundle(path)
    assert cartridge.bundle_paths() == []


def test_its_sum_is_noted_before_it_has_its_name(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    path = cartridge_of(root, system).write_bundle(built)
    place = root / path
    assert system.attributes[place.with_name(f".partial-{place.name}"), HASH_ATTRIBUTE] == built.sha256


def test_another_content_under_its_name_is_written_anew(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    path = cartridge.write_bundle(built)
    (root / path).write_bytes(b"x" * built.size_bytes)
    with pytest.raises(RecordError, match=r"3 files, the first 10Hz/2022-07-01/0\.h5 damaged") as failure:
        cartridge.read_back(path, built.bundle)
    assert failure.value.reason == "copy_damaged"
    assert cartridge.write_bundle(built) == path
    cartridge.read_back(path, built.bundle)


def test_a_copy_that_is_longer_or_gone_is_no_copy(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    path = cartridge.write_bundle(built)
    with (root / path).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(RecordError, match="no file damaged"):
        cartridge.read_back(path, built.bundle)
    (root / path).unlink()
    with pytest.raises(RecordError) as failure:
        cartridge.read_back(path, built.bundle)
    assert failure.value.reason == "copy_missing"


def test_what_was_broken_off_goes_with_the_next_bundle(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    folder = root / "petawatch/hpls"
    folder.mkdir(parents=True)
    (folder / ".partial-abc.tar").write_bytes(b"x")
    cartridge = cartridge_of(root, system)
    assert cartridge.bundle_paths() == []
    path = cartridge.write_bundle(built)
    assert files_in(folder) == {Path(path).name}


def test_a_bundle_that_changed_on_the_disk_is_not_written(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    data = built.path.read_bytes()
    built.path.write_bytes(data[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(RecordError) as failure:
            cartridge.write_bundle(built)
        assert failure.value.reason == "bundle_changed"
        assert files_in(root) == {"README-PETAWATCH.txt"}
        built.path.unlink(missing_ok=True)


@pytest.mark.parametrize(("number", "reason"), [(errno.EIO, "bundle_changed"), (errno.EACCES, "disk_failed")])
def test_a_bundle_that_its_disk_has_lost_holds_up_no_others(
    number: int, reason: str, root: Path, system: PlainVolumes, built: BuiltBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("connectors.tape.sequential_copy.fill", fail)
    with pytest.raises((RecordError, RetryableError)) as failure:
        cartridge_of(root, system).write_bundle(built)
    assert failure.value.reason == reason


@pytest.mark.parametrize("what", ["fsync", "close", "write", "rename"])
def test_what_fails_leaves_nothing_under_the_name(
    what: str, root: Path, system: PlainVolumes, built: BuiltBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tape's own file fails, others do not."""
    original = getattr(os, what)

    def fail(first: object, *rest: object) -> object:
        name = str(Path(f"/proc/self/fd/{first}").readlink()) if isinstance(first, int) else str(first)
        if ".partial-" in name:
            raise OSError(28, "No space left on device")
        return original(first, *rest)

    cartridge = cartridge_of(root, system)
    monkeypatch.setattr(os, what, fail)
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    monkeypatch.undo()
    assert failure.value.reason == "tape_full"
    assert files_in(root) == {"README-PETAWATCH.txt"}


def test_too_little_room_is_told_before_anything_is_written(
    root: Path, system: PlainVolumes, built: BuiltBundle
) -> None:
    system.set(root, mediaDataPartitionAvailableSpace="1")
    cartridge = cartridge_of(root, system, headroom_bytes=(1 << 20) - built.size_bytes + 1)
    assert cartridge.free_bytes() == built.size_bytes - 1
    with pytest.raises(RetryableError, match="has room for") as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_full"
    assert files_in(root) == set()


@pytest.mark.parametrize("strange", ["petawatch/other/x.tar", "petawatch/x.tar", "holiday/film.mp4", "petawatch"])
def test_what_belongs_to_others_is_not_touched(
    strange: str, root: Path, system: PlainVolumes, built: BuiltBundle
) -> None:
    (root / strange).parent.mkdir(parents=True, exist_ok=True)
    (root / strange).write_bytes(b"x")
    with pytest.raises(RetryableError, match="put in") as failure:
        cartridge_of(root, system).write_bundle(built)
    assert failure.value.reason == "tape_foreign"
    assert files_in(root) == {strange}


def test_the_local_disk_under_a_mount_that_has_just_vanished_takes_nothing(
    root: Path, system: PlainVolumes, built: BuiltBundle
) -> None:
    (line,) = system.lines
    system.lines = [replace(line, device="0:12345")]
    with pytest.raises(RetryableError, match="on another disk") as failure:
        cartridge_of(root, system).write_bundle(built)
    assert failure.value.reason == "tape_vanished"
    assert list(root.iterdir()) == []
    with pytest.raises(RetryableError, match="on another disk"):
        copy_sequentially(built, root / "partial", 12345, lambda: None)


def test_other_volumes_and_locked_ones_are_not_touched(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    system.set(root, volumeLockState="1")
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_locked"
    system.set(root, volumeUUID="xyz-2")
    for work in (lambda: cartridge.write_bundle(built), cartridge.sync, cartridge.free_bytes):
        with pytest.raises(RetryableError) as failure:
            work()
        assert failure.value.reason == "tape_wrong_volume"
    assert files_in(root) == set()


def test_what_was_mounted_anew_is_another_mount(root: Path, system: PlainVolumes, built: BuiltBundle) -> None:
    cartridge = cartridge_of(root, system)
    before = cartridge.mount_id
    system.served_by = "boot/2@2"
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_vanished"
    assert cartridge_of(root, system).mount_id != before


def test_without_sight_of_ltfs_nothing_is_written_but_all_can_be_read(
    root: Path, system: PlainVolumes, built: BuiltBundle
) -> None:
    path = cartridge_of(root, system).write_bundle(built)
    system.served_by = ""
    cartridge = cartridge_of(root, system)
    cartridge.read_back(path, built.bundle)
    with pytest.raises(FatalError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_mount_unknown"


def test_a_second_keeper_of_the_tapes_refuses(
    root: Path, system: PlainVolumes, built: BuiltBundle, tmp_path: Path
) -> None:
    script = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{script}; print('locked', flush=True); sys.stdin.read()", str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(FatalError, match="one keeper of the tapes") as failure:
            cartridge_of(root, system).write_bundle(built)
        other.communicate()
    assert failure.value.reason == "drive_in_use"
    with (
        lock_drive(root, tmp_path),
        pytest.raises(FatalError, match=r"is used by process.*one keeper of the tapes") as failure,
    ):
        lock_drive(root, tmp_path)
    assert failure.value.reason == "drive_in_use"
    lock_drive(root, tmp_path).release()


def test_the_cartridges_of_a_library_are_its_folders(tmp_path: Path, system: PlainVolumes) -> None:
    library = system.mount(tmp_path / "library")
    for number in (2, 1):
        system.volume(library / f"PW000{number}L8", f"uuid-{number}")
    (library / "other").mkdir()
    (library / ".hidden").mkdir()
    found = mounted_cartridges(TapeSettings(mounts=(library,)), "hpls", system)
    assert [cartridge.uuid for cartridge in found.cartridges] == ["uuid-1", "uuid-2"]
    assert {cartridge.volume.point for cartridge in found.cartridges} == {library}
    assert found.problems == ()


def test_what_can_not_be_had_is_told_and_the_others_are_there(tmp_path: Path, system: PlainVolumes) -> None:
    first = system.mount(tmp_path / "first", "uuid-1")
    empty = system.mount(tmp_path / "empty")
    again = system.mount(tmp_path / "again", "uuid-1")
    mounts = (first, empty, tmp_path / "gone", tmp_path, again)
    found = mounted_cartridges(TapeSettings(mounts=mounts), "hpls", system)
    assert [cartridge.root for cartridge in found.cartridges] == [first]
    assert [(problem.place, problem.reason) for problem in found.problems] == [
        (empty, "tape_not_ltfs"),
        (tmp_path / "gone", "tape_not_mounted"),
        (tmp_path, "tape_not_mounted"),
    ]
    assert all(str(problem.place) in problem.sentence for problem in found.problems)


def remount_by(cartridge: Cartridge, *words: str, timeout_s: float = 60.0) -> None:
    remount(cartridge, TapeSettings(remount=words, remount_timeout_s=timeout_s), ManualClock())


def test_a_remount_that_changes_nothing_is_none(root: Path, system: PlainVolumes) -> None:
    with pytest.raises(RetryableError, match="mounted as it was before") as failure:
        remount_by(cartridge_of(root, system), "true")
    assert failure.value.reason == "tape_remount_failed"


def test_a_remount_is_waited_for_and_must_be_the_same_volume(root: Path, system: PlainVolumes) -> None:
    cartridge = cartridge_of(root, system)

    class Hand(ManualClock):
        """Mounts the volume anew while it is waited for."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept_s) == 3:
                system.served_by = "boot/2@2"

    settings = TapeSettings(remount=("test", str(root), "=", "{mount}"), remount_timeout_s=10.0)
    remount(cartridge, settings, Hand())
    system.set(root, volumeUUID="xyz-2")
    with pytest.raises(RetryableError) as failure:
        remount(cartridge, settings, Hand())
    assert failure.value.reason == "tape_wrong_volume"


@pytest.mark.parametrize(
    ("words", "timeout_s", "sentence", "reason"),
    [
        ((), 60.0, "no command", "tape_remount_command"),
        (("/no/such/command",), 60.0, "can't be run: /no/such/command", "tape_remount_command"),
        (
            ("sh", "-c", "echo the drive is busy; exit 3"),
            60.0,
            r"failed with 3 \(the drive is busy\)",
            "tape_remount_failed",
        ),
        (("sh", "-c", "sleep 1000 & sleep 1000"), 0.3, "has not ended within", "tape_remount_failed"),
    ],
)
def test_a_remount_command_that_fails(
    words: tuple[str, ...], timeout_s: float, sentence: str, reason: str, root: Path, system: PlainVolumes
) -> None:
    with pytest.raises((FatalError, RetryableError), match=sentence) as failure:
        remount_by(cartridge_of(root, system), *words, timeout_s=timeout_s)
    assert failure.value.reason == reason


def test_a_mount_that_hangs_is_told(root: Path, system: PlainVolumes, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()
    monkeypatch.setattr(system, "mounts", lambda: woken.wait(60))
    with pytest.raises(RetryableError) as failure:
        probe_volume(root, system, wait_s=0.01)
    woken.set()
    assert failure.value.reason == "tape_silent"


def test_something_else_in_a_cartridges_place_is_waited_for(root: Path, system: PlainVolumes) -> None:
    cartridge = cartridge_of(root, system)
    system.lines.clear()
    system.mount(root, source="sshfs:host")
    with pytest.raises(RetryableError, match="sshfs:host") as failure:
        cartridge.probe()
    assert failure.value.reason == "tape_vanished"


def test_a_folder_is_held_whatever_takes_its_name(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with held_folder(tmp_path / "root") as held:
        (tmp_path / "root").rename(tmp_path / "former")
        claim(held, "lab-2")
    assert not (tmp_path / "root").exists()
    assert (tmp_path / "former/petawatch/lab-2").is_dir()
    assert (tmp_path / "former/README-PETAWATCH.txt").is_file()
