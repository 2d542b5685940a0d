"""Whether what is mounted can be written to: only looked at, and not at all while somebody works with the drive."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from connectors.tape.cartridge import Cartridge
from connectors.tape.library import drive_lock_file, mounted_cartridges
from connectors.tape.settings import TapeSettings
from models.errors import RetryableError
from streams.installation_finding import Finding, found, gib, lock_holder
from streams.settings import Settings


def check_tapes(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """Each drive and each cartridge of a library: mounted, LTFS, ours, writable, with room for a bundle.

    Parameters
    ----------
    folder
        The archive's, where drives are locked; None when it is not known.
    """
    tape = settings.tape
    if not tape.mounts and tape.copies:
        yield Finding(
            "tape",
            True,
            f"no drives here; {tape.copies} copies by another computer are wanted before a file is safe to delete "
            "(without any tape set tape.copies = 0)",
        )
    for mount in tape.mounts:
        user = found(f"tape {mount}", partial(_user_of, mount, folder))
        if user.sentence:
            yield user
        else:
            yield from _mounted(replace(tape, mounts=(mount,)), settings.archive.installation)
    if tape.remount:
        yield _remount_command(tape.remount[0])


def _user_of(mount: Path, folder: Path | None) -> str:
    """Who works with a drive; empty when nobody does."""
    holder = "" if folder is None else lock_holder(drive_lock_file(mount, folder))
    words = "works with this drive, which is not disturbed; archive volumes shows its cartridge"
    return f"{holder} {words}" if holder else ""


def _mounted(tape: TapeSettings, installation: str) -> Iterator[Finding]:
    mounted = mounted_cartridges(tape, installation)
    for problem in mounted.problems:
        yield Finding(f"tape {problem.place}", False, problem.sentence)
    for cartridge in mounted.cartridges:
        yield found(f"tape {cartridge.root}", partial(_state_of, cartridge, tape.bundle_bytes))


def _state_of(cartridge: Cartridge, bundle_bytes: int) -> str:
    cartridge.require_ready()
    _ = cartridge.mount_id  # what is written counts only after a remount that can be seen
    room = cartridge.free_bytes()
    if room < bundle_bytes:
        raise RetryableError(
            f"the cartridge {cartridge.label} has room for {gib(room)} besides tape.headroom_bytes, and a bundle may "
            f"take {gib(bundle_bytes)}; put in another one",
            reason="tape_full",
        )
    whose = "ours" if cartridge.owner() else "empty, and ours with the first bundle"
    return f"the cartridge {cartridge.label} is LTFS, {whose}, writable, with room for {gib(room)}"


def _remount_command(program: str) -> Finding:
    if shutil.which(program) is None:
        return Finding("tape remount", False, f"{program} is no program that can be run; mend tape.remount")
    return Finding("tape remount", True, f"by {program}")
