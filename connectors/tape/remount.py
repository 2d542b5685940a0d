"""Mounts a cartridge anew by the operator's command, and believes it only when another mount is there."""

import contextlib
import os
import signal
import subprocess

from connectors.clock import Clock
from connectors.tape.cartridge import Cartridge
from connectors.tape.settings import TapeSettings
from models.errors import FatalError, PetawatchError, RetryableError

_PAUSE_S = 0.25
_WORDS_SHOWN = 300
_KILLED_S = 5.0


def remount(cartridge: Cartridge, settings: TapeSettings, clock: Clock) -> None:
    """Run ``tape.remount`` for the mount of a cartridge, and wait until it is mounted anew.

    Look for the cartridges again afterwards: this object stands for the mount before.

    Raises
    ------
    RetryableError
        ``tape_remount_failed``: the command failed, took too long, or the old mount is still there;
        ``tape_wrong_volume``, and what else ``probe_volume`` raises.
    FatalError
        ``tape_remount_command``: there is no such command, or none is configured; ``tape_mount_unknown``.
    """
    before = cartridge.mount_id
    deadline_s = clock.monotonic_s() + settings.remount_timeout_s
    point = str(cartridge.volume.point)
    _run([word.replace("{mount}", point) for word in settings.remount], settings.remount_timeout_s)
    while True:
        failure: PetawatchError | None = None
        try:
            if cartridge.probe().server not in {before, ""}:
                return
        except PetawatchError as error:
            failure = error  # not there yet, perhaps
        if clock.monotonic_s() >= deadline_s:
            raise failure or RetryableError(
                f"the command of tape.remount has ended, and {point} is mounted as it was before; see what it does",
                reason="tape_remount_failed",
            )
        clock.sleep(_PAUSE_S)


def _run(words: list[str], timeout_s: float) -> None:
    """Run a command with all that it starts in a group of their own, which ends when the time is over."""
    if not words:
        raise FatalError("no command is configured as tape.remount", reason="tape_remount_command")
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise FatalError(
            f"the command of tape.remount can't be run: {words[0]} ({error.strerror}); mend tape.remount",
            reason="tape_remount_command",
        ) from error
    with process:
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise RetryableError(
                f"the command of tape.remount has not ended within {timeout_s:.0f} s; look at the drive",
                reason="tape_remount_failed",
            ) from error
    if process.returncode:
        last = " ".join(said.decode(errors="replace").split())[-_WORDS_SHOWN:]
        raise RetryableError(
            f"the command of tape.remount failed with {process.returncode} ({last or 'it said nothing'}); look at the "
            "drive",
            reason="tape_remount_failed",
        )
