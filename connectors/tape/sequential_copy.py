"""Writes a bundle to a cartridge in one sequential pass, and notices whatever goes wrong with it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from connectors.tape.bounded_wait import Step
from connectors.tape.bundle_file import BuiltBundle
from connectors.tape.bundle_reading import fill
from connectors.tape.failures import require_device, tape_failures
from connectors.tape.side_hash import SideHash, new_blocks
from models.errors import RecordError, RetryableError

#: Begins the name of what is not whole: nobody takes it for a bundle, also where it can't be removed.
PARTIAL_PREFIX = ".partial-"


def copy_sequentially(built: BuiltBundle, partial: Path, device: int, step: Step) -> None:
    """Copy a bundle under a new name in blocks of 4 MiB, hashed on the way, and close it durably.

    The cartridge can be full at each of open, write, fsync and close, so each is looked at.

    Parameters
    ----------
    device
        Of the cartridge: a mount that has just vanished leaves a folder of the local disk, which is not to be filled.
    step
        Called after each block.

    Raises
    ------
    RecordError
        ``bundle_changed``: the bundle on the disk is not what was built.
    RetryableError
        ``disk_failed``: the bundle can't be read from the disk; what is wrong with the tape.
    """
    with _disk(built.path):
        source = FileIO(built.path)
    with source, SideHash() as whole:
        with tape_failures(partial, "making it"):
            target = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with tape_failures(partial, "making it"):
                require_device(os.fstat(target).st_dev, device, partial)
            size_bytes = _copy(built.path, source, target, partial, whole, step)
            with tape_failures(partial, "flushing it", begun=True):
                os.fsync(target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(target)
            raise
        with tape_failures(partial, "closing it", begun=True):
            os.close(target)
        sha256 = whole.hexdigest()
    step()
    if (sha256, size_bytes) != (built.sha256, built.size_bytes):
        raise RecordError(
            f"{built.path} is not the bundle any more that was built; remove it, it is built again",
            reason="bundle_changed",
        )


def remove_partials(folder: Path) -> None:
    """Remove what earlier attempts left behind."""
    with tape_failures(folder, "removing what was broken off"):
        for path in list(folder.iterdir()):
            if path.name.startswith(PARTIAL_PREFIX):
                path.unlink()


def remove_quietly(partial: Path) -> None:
    """Remove what was broken off where the cartridge still lets us; elsewhere its name says what it is."""
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)


def _copy(path: Path, source: FileIO, target: int, partial: Path, whole: SideHash, step: Step) -> int:
    """How many bytes were written. While a block is written it is hashed beside."""
    blocks = new_blocks()
    size_bytes = 0
    while True:
        with _disk(path):
            filled = fill(source, blocks[0])
        if not filled:
            return size_bytes
        block = blocks[0][:filled]
        whole.update(block)
        with tape_failures(partial, "writing it", begun=True):
            written = 0
            while written < filled:
                written += os.write(target, block[written:])
        size_bytes += filled
        blocks.rotate(-1)
        step()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """The bundle's own disk can fail as well."""
    try:
        yield
    except FileNotFoundError as error:
        raise RecordError(f"the bundle {path} is gone; it is built again", reason="bundle_changed") from error
    except OSError as error:
        if error.errno == errno.EIO:  # it would fail in each round, before all others
            raise RecordError(f"the disk has lost a part of the bundle {path}", reason="bundle_changed") from error
        raise RetryableError(
            f"the bundle {path} can't be read ({error.strerror}); see the folder's rights and its disk",
            reason="disk_failed",
        ) from error
