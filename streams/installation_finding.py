"""One thing of an installation that was looked at, and what is said of it."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.process_lock import ProcessLock
from models.errors import FatalError, PetawatchError

LOW_DISK_BYTES = 5 << 30
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; one that warns works, and should not stay as it is."""

    what: str
    ok: bool
    sentence: str
    warns: bool = False


def found(what: str, look: Callable[[], str]) -> Finding:
    """What looking tells: its sentence, or that of the failure that it raises."""
    try:
        return Finding(what, True, look())
    except PetawatchError as error:
        return Finding(what, False, str(error))


def place_finding(what: str, place: Path, *, wanted_bytes: int = LOW_DISK_BYTES, why: str = "") -> Finding:
    """Whether a folder, or the one in which it would be made, may be written and has room; nothing is written.

    Parameters
    ----------
    why
        What the room is wanted for, in the sentence about too little of it.
    """
    existing = next(path for path in (place, *place.absolute().parents) if _is_there(path))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(
            what, False, f"{existing} may not be written by this user; choose another directory or its rights"
        )
    free = shutil.disk_usage(existing).free
    if free < wanted_bytes:
        return Finding(what, False, f"only {gib(free)} are free there{why}; make room")
    return Finding(what, True, f"writable, {gib(free)} free")


def _is_there(path: Path) -> bool:
    with suppress(PermissionError):
        return path.exists()
    return False


def lock_holder(lock: Path) -> str:
    """Who has a lock now; empty when nobody has.

    Raises
    ------
    FatalError
        ``configuration``: this user can't know.
    """
    try:
        return ProcessLock.holder_of(lock)
    except OSError as error:
        raise FatalError(
            f"{lock} can't be read ({error.strerror}); run this as the user who runs the archive",
            reason="configuration",
        ) from error


def gib(size_bytes: int) -> str:
    """A size in a sentence."""
    return f"{size_bytes / _GIB:.1f} GiB" if size_bytes < 10 * _GIB else f"{size_bytes / _GIB:.0f} GiB"
