"""What goes wrong with a cartridge, as one sentence each.

All of it is mended by an operator at the drive, or by another cartridge, so it is waited for: ``RetryableError``. Only
what must be mended in the settings ends the program: ``tape_not_ltfs``, ``tape_mount_unknown``,
``tape_remount_command``, ``drive_in_use``.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.disk_failures import DISK_FULL
from models.errors import RetryableError

_SENTENCES = {
    "tape_full": "the cartridge in {place} is full ({what}); it is closed, put in another one",
    "tape_read_only": "the cartridge in {place} takes nothing any more ({what}): it is write-protected, locked, or its "
    "drive failed; look at the drive's log, then remount it or put in another one",
    "tape_rights": "this user may not do that in {place} ({what}); mount it for this user, or with allow_other",
    "tape_not_mounted": "nothing is mounted at {place} any more ({what}); see whether ltfs runs, check the "
    "cartridge with ltfsck, and mount it again",
    "tape_vanished": "{place} is gone ({what}); see which cartridge is mounted, and mount the right one again",
    "tape_failed": "the drive or the cartridge of {place} failed ({what}); look at the drive's log, remount it and "
    "verify the cartridge",
}
_REASONS = {
    **dict.fromkeys(DISK_FULL, "tape_full"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "tape_rights"),
    errno.EROFS: "tape_read_only",
    **dict.fromkeys((errno.ENOTCONN, errno.ECONNABORTED, errno.ESHUTDOWN), "tape_not_mounted"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV), "tape_vanished"),
}


def tape_failure(error: OSError, place: Path, doing: str, *, begun: bool = False) -> RetryableError:
    """What the system's answer means.

    Parameters
    ----------
    doing
        What was asked for, as in ``writing``.
    begun
        The cartridge took something a moment ago. When it takes nothing now the drive has failed: an error in the
        middle of a long write only shows as a short one, and by this.
    """
    reason = _REASONS.get(error.errno or 0, "tape_failed")
    if begun and reason == "tape_read_only":
        reason = "tape_failed"
    what = f"{error.strerror or type(error).__name__} while {doing}"
    return RetryableError(_SENTENCES[reason].format(place=place, what=what), reason=reason)


def require_device(found: int, device: int, place: Path) -> None:
    """Refuse a file that lies on another file system than the cartridge, which a mount that vanished leaves behind.

    Parameters
    ----------
    found, device
        ``st_dev`` of the file, and of the cartridge.

    Raises
    ------
    RetryableError
        ``tape_vanished``.
    """
    if found != device:
        raise RetryableError(
            _SENTENCES["tape_vanished"].format(place=place, what="it is on another disk"), reason="tape_vanished"
        )


@contextmanager
def tape_failures(place: Path, doing: str, *, begun: bool = False) -> Iterator[None]:
    """Turn what the system answers into a failure of ours."""
    try:
        yield
    except OSError as error:
        raise tape_failure(error, place, doing, begun=begun) from error
