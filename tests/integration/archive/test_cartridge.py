"""Cartridges on a mounted file system that behaves as LTFS does, and fails as it does."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.tape.bundle_file import BuiltBundle, build_bundle, copy_member, read_manifest
from connectors.tape.cartridge import Cartridge
from connectors.tape.library import mounted_cartridges
from connectors.tape.mount import probe_volume
from connectors.tape.remount import remount
from connectors.tape.settings import TapeSettings
from connectors.tape.volume_system import LinuxVolumes
from models.errors import FatalError, RecordError, RetryableError
from servers.server_process import wait_until_stopped
from streams.benchmarks.archive import ArchiveSize, first_cartridge, measure_archive
from tests.support.archived_contents import write_content
from tests.support.ltfs.drive import Drive, TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.watching import wait_until


@pytest.fixture
def built(tmp_path: Path) -> BuiltBundle:
    """Larger than the blocks that it is copied in."""
    contents = [write_content(tmp_path, f"10Hz/2022-07-01/{number}.h5", 1_500_000 + number) for number in range(4)]
    return build_bundle(tmp_path, "hpls", contents)


def cartridge_in(drive: Drive) -> Cartridge:
    found = mounted_cartridges(TapeSettings(mounts=(drive.mount,), headroom_bytes=0), "hpls")
    assert found.problems == ()
    return found.cartridges[0]


def test_a_bundle_is_whole_after_a_remount(ltfs: TapeShelf, built: BuiltBundle, tmp_path: Path) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    before = cartridge_in(drive)
    assert (before.label, before.owner()) == ("PW0001L8", "")
    path = before.write_bundle(built)
    before.sync()
    assert before.mount_id == cartridge_in(drive).mount_id
    remount(before, TapeSettings(remount=ltfs.remount_command), SystemClock())
    after = cartridge_in(drive)
    assert after.mount_id != before.mount_id
    after.read_back(path, built.bundle)
    assert after.noted_sha256(path) == built.sha256
    assert after.placement(path)[0] == "b"
    assert read_manifest(after.root / path) == built.manifest
    with (tmp_path / "out").open("wb") as into:
        assert copy_member(after.root / path, built.bundle.members[2], into) == built.bundle.members[2].sha256
    assert after.owner() == "hpls"
    with pytest.raises(RetryableError, match="mounted anew"):
        before.read_back(path, built.bundle)


def test_a_cartridge_is_read_with_tar_and_sha256sum_as_its_page_says(
    ltfs: TapeShelf, built: BuiltBundle, tmp_path: Path
) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    path = cartridge_in(drive).write_bundle(built)
    page = (drive.mount / "README-PETAWATCH.txt").read_text(encoding="ascii")
    commands = re.findall(r"^ {6}(\S.*)$", page, re.MULTILINE)
    assert len(commands) == 6
    out = tmp_path / "somewhere"
    out.mkdir()
    for command in commands:
        if command.startswith("getfattr"):  # not everywhere; what it reads is tested as noted_sha256
            continue
        filled = command
        for word, there in (
            ("INSTALLATION", "hpls"),
            ("BUNDLEID", built.manifest.bundle_id),
            ("NAME.h5", "3.h5"),
            ("/somewhere", str(out)),
        ):
            filled = filled.replace(word, there)
        subprocess.run(["sh", "-ec", filled], check=True, cwd=drive.mount if filled.startswith("cp ") else out)
    assert (out / "10Hz/2022-07-01/3.h5").stat().st_size == 1_500_003
    assert path.endswith(f"{built.manifest.bundle_id}.tar")


def test_the_process_of_a_mount_is_found_by_its_command_line_as_well(ltfs: TapeShelf, tmp_path: Path) -> None:
    """As for a user who may not look into the process: here it is one that only has the name and the words of ltfs."""
    drive = ltfs.drive(ltfs.cartridge())
    line = next(line for line in LinuxVolumes().mounts() if line.point == drive.mount)
    seen = LinuxVolumes().server(line)
    assert f"/{drive.pid}@" in seen
    ltfs_program = tmp_path / "ltfs-program"
    ltfs_program.symlink_to(sys.executable)
    with subprocess.Popen(
        [ltfs_program, "-c", "input()", "-o", "devname=x", f"{tmp_path}/"], stdin=subprocess.PIPE
    ) as other:
        unseen = replace(line, device="0:0", point=tmp_path)
        wait_until(lambda: f"/{other.pid}@" in LinuxVolumes().server(unseen))
        other.communicate(b"\n")
    assert LinuxVolumes().server(unseen) == ""


@pytest.mark.parametrize("where", ["write", "fsync", "close", "open"])
def test_a_full_cartridge_is_told_and_keeps_what_it_had(
    where: str, ltfs: TapeShelf, built: BuiltBundle, tmp_path: Path
) -> None:
    others = [write_content(tmp_path, f"10Hz/2022-07-0{number}/x.h5", 5_000_000) for number in (2, 3)]
    more = [build_bundle(tmp_path, "hpls", [other]) for other in others]
    drive = ltfs.drive(ltfs.cartridge(capacity_bytes=9 << 20))
    cartridge = cartridge_in(drive)
    whole = [cartridge.write_bundle(built)]
    cartridge.sync()
    drive.set(Faults(full_at=where))
    # It says that there is room, as real ones do.
    careless = Cartridge(cartridge.volume, "hpls", headroom_bytes=-(1 << 40))
    with pytest.raises(RetryableError) as failure:  # with "open" only the second one fails
        whole.extend(careless.write_bundle(bundle) for bundle in more)
    assert failure.value.reason == "tape_full"
    assert len(whole) == (2 if where == "open" else 1)
    careless.sync()
    drive.remount()
    after = cartridge_in(drive)
    assert after.bundle_paths() == whole
    for path, bundle in zip(whole, [built, *more], strict=False):
        after.read_back(path, bundle.bundle)


@pytest.mark.parametrize("where", ["write", "fsync", "close"])
def test_a_write_error_is_told_and_nothing_has_the_name(where: str, ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    drive.set(Faults(error_at=where, error_after_bytes=2_000_000 if where == "write" else 0))
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_failed"
    assert cartridge.bundle_paths() == []
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_read_only"
    with pytest.raises(RetryableError) as failure:
        cartridge.sync()
    assert failure.value.reason in {"tape_read_only", "tape_failed"}


@pytest.mark.parametrize("where", ["create", "write", "fsync", "close", "sync"])
def test_a_mount_that_dies_is_told(where: str, ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    if where == "sync":
        cartridge.write_bundle(built)
    drive.set(Faults(dies_at=where))
    work = cartridge.sync if where == "sync" else lambda: cartridge.write_bundle(built)
    with pytest.raises(RetryableError) as failure:
        work()
    # What was just going on is aborted; what comes after finds nobody.
    assert failure.value.reason in {"tape_not_mounted", "tape_failed"}
    (problem,) = mounted_cartridges(TapeSettings(mounts=(drive.mount,)), "hpls").problems
    assert problem.reason == "tape_not_mounted"
    drive.recover()
    assert cartridge_in(drive).bundle_paths() == []


def lost(drive: Drive, path: str) -> None:
    drive.set(Faults(sync_loses="*.tar"))


def torn(drive: Drive, path: str) -> None:
    drive.set(Faults(sync_tears="*.tar"))


@pytest.mark.parametrize(("lie", "reason"), [(lost, "copy_missing"), (torn, "copy_damaged")])
def test_a_sync_that_lied_is_found_after_the_remount(
    lie: Callable[[Drive, str], None], reason: str, ltfs: TapeShelf, built: BuiltBundle
) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    path = cartridge.write_bundle(built)
    lie(drive, path)
    cartridge.sync()
    drive.remount()
    with pytest.raises(RecordError) as failure:
        cartridge_in(drive).read_back(path, built.bundle)
    assert failure.value.reason == reason


def test_a_tape_that_can_not_be_read_is_told(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    path = cartridge_in(drive).write_bundle(built)
    drive.remount()
    drive.set(Faults(unreadable="*.tar"))
    with pytest.raises(RetryableError) as failure:
        cartridge_in(drive).read_back(path, built.bundle)
    assert failure.value.reason == "tape_failed"


def test_a_mount_point_without_a_cartridge_takes_nothing(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    cartridge = cartridge_in(drive)
    drive.unmount()
    with pytest.raises(RetryableError, match="local disk") as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_not_mounted"
    assert list(drive.mount.iterdir()) == []
    drive.load(ltfs.cartridge())
    with pytest.raises(RetryableError) as failure:
        cartridge.write_bundle(built)
    assert failure.value.reason == "tape_wrong_volume"
    assert list(drive.mount.iterdir()) == []


def test_locked_and_read_only_cartridges_take_nothing(ltfs: TapeShelf, built: BuiltBundle) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    os.setxattr(drive.mount, "user.ltfs.volumeLockState", b"1")
    with pytest.raises(RetryableError) as failure:
        cartridge_in(drive).write_bundle(built)
    assert failure.value.reason == "tape_locked"
    drive.unmount()
    drive.load(ltfs.cartridge(), read_only=True)
    with pytest.raises(RetryableError) as failure:
        cartridge_in(drive).write_bundle(built)
    assert failure.value.reason == "tape_read_only"


def test_each_cartridge_of_a_library_is_one(ltfs: TapeShelf, built: BuiltBundle) -> None:
    library = ltfs.library(ltfs.cartridge(), ltfs.cartridge())
    first, second = mounted_cartridges(TapeSettings(mounts=(library.mount,), headroom_bytes=0), "hpls").cartridges
    assert (first.label, second.label) == ("PW0001L8", "PW0002L8")
    for cartridge in (first, second):
        path = cartridge.write_bundle(built)
        cartridge.sync()
        cartridge.read_back(path, built.bundle)
    (single,) = mounted_cartridges(TapeSettings(mounts=(second.root,)), "hpls").cartridges
    assert single.uuid == second.uuid


def test_a_mount_that_hangs_is_told_and_lives_on(ltfs: TapeShelf) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    os.kill(drive.pid, signal.SIGSTOP)
    wait_until_stopped(drive.pid)
    try:
        with pytest.raises(RetryableError) as failure:
            probe_volume(drive.mount, LinuxVolumes(), wait_s=0.05)
    finally:
        os.kill(drive.pid, signal.SIGCONT)
    assert failure.value.reason == "tape_silent"
    assert cartridge_in(drive).uuid


def test_the_lock_does_not_outlive_the_writing(ltfs: TapeShelf, built: BuiltBundle) -> None:
    """An open root would keep the cartridge from being unmounted."""
    drive = ltfs.drive(ltfs.cartridge())
    cartridge_in(drive).write_bundle(built)
    drive.unmount()
    assert drive.mount not in {line.point for line in LinuxVolumes().mounts()}


def test_bundles_are_measured_on_the_cartridge_that_is_set(ltfs: TapeShelf, tmp_path: Path) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    config = tmp_path / "petawatch.toml"
    config.write_text(f'[archive]\ninstallation = "hpls"\n[tape]\nmounts = ["{drive.mount}"]\n', encoding="utf-8")
    target = first_cartridge(config)
    figures = list(measure_archive(ArchiveSize(files=1, file_mib=1, repeats=2, target=target)))
    assert [figure.name for figure in figures if str(drive.mount) in figure.name]
    assert list(drive.mount.iterdir()) == []
    drive.unmount()
    with pytest.raises(FatalError, match=r"no cartridge of tape\.mounts can be measured: nothing is mounted"):
        first_cartridge(config)
