"""Folders that follow each other, one for each owner of a partition: whoever makes the next one is the owner.

An owner writes into its own folder only. So what a former owner still writes lands where nobody looks, even if it was
stopped in the middle of it, and no lock is held that a stopped process could keep.

A new owner makes the next folder (exclusively, in one step of the file system), then links into it what the folder
before holds, documents first: what the former owner commits from then on uses other slots than those of the latest
document that was linked. A marker says that all is there; only then the older folders go.
"""

import contextlib
import errno
import math
import shutil
from pathlib import Path

from connectors.checkpoints.document import POSITION_NAMES
from connectors.durable_files import replace_file, sync_folder

_PREFIX = "epoch-"
_GONE = "gone-"
_COMPLETE = "complete"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS)


def take_over(folder: Path) -> Path:
    """Become the owner of a partition; gives the new owner's folder, which holds all that the one before held.

    Raises
    ------
    OSError
        The file system refuses; whoever owned the partition may or may not still own it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = _make_next(folder)
    while not _fill(own, folder):
        pass  # another new owner has tidied up meanwhile: what it took over is complete now
    (own / _COMPLETE).touch()
    sync_folder(own)
    sync_folder(folder)
    _remove_older(own, folder)
    return own


def is_superseded(own: Path) -> bool:
    """Whether somebody has taken over from the owner of this folder."""
    return max(_epochs(own.parent), default=-1) > _number(own)


def latest_complete(folder: Path, below: float = math.inf) -> Path | None:
    """The folder of the latest owner that holds all; of those with a number below one, if that is given."""
    for epoch in sorted((epoch for epoch in _epochs(folder) if epoch < below), reverse=True):
        path = folder / f"{_PREFIX}{epoch:010d}"
        if (path / _COMPLETE).exists():
            return path
    return None


def content_names(own: Path) -> list[str]:
    """What is kept: documents and slots."""
    names = [path.name for path in own.iterdir()]
    return [name for name in names if name in POSITION_NAMES or name.endswith(("#0", "#1"))]


def _make_next(folder: Path) -> Path:
    while True:
        own = folder / f"{_PREFIX}{max(_epochs(folder), default=0) + 1:010d}"
        try:
            own.mkdir()
        except FileExistsError:
            continue  # another new owner was quicker, and is the one before this one
        return own


def _fill(own: Path, folder: Path) -> bool:
    """Link the content of the latest complete folder; False when it went away meanwhile."""
    source = latest_complete(folder, below=_number(own))
    if source is None:
        return True
    try:
        for name in POSITION_NAMES:
            with contextlib.suppress(FileNotFoundError):  # there is one only at the beginning
                _link(source / name, own / name)
        for name in set(content_names(source)).difference(POSITION_NAMES):
            _link(source / name, own / name)
        return (source / _COMPLETE).exists()
    except FileNotFoundError:
        if not own.exists():
            raise
        return False


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)  # of an attempt before
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        replace_file(target, source.read_bytes())


def _remove_older(own: Path, folder: Path) -> None:
    number = _number(own)
    for epoch in _epochs(folder):
        if epoch < number:
            # Renamed first: nobody takes half of it for the whole.
            path = folder / f"{_PREFIX}{epoch:010d}"
            with contextlib.suppress(FileNotFoundError):
                path.rename(folder / f"{_GONE}{epoch:010d}")
    for path in folder.glob(f"{_GONE}*"):
        shutil.rmtree(path, ignore_errors=True)  # what resists is tried again at the next takeover


def _epochs(folder: Path) -> list[int]:
    names = [path.name for path in folder.iterdir()]
    return [int(name.removeprefix(_PREFIX)) for name in names if name.startswith(_PREFIX) and name[-1].isdigit()]


def _number(own: Path) -> int:
    return int(own.name.removeprefix(_PREFIX))
