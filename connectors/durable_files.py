"""Files that are there whole or not at all, also after a power failure: written aside, synchronised, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def file_aside(aside: Path) -> Iterator[BinaryIO]:
    """A new file for writing, under a name that nobody takes for a whole one; after the context the disk has it.

    What is left of a broken attempt is removed. ``put_in_place`` gives it its name.
    """
    try:
        with aside.open("wb") as stream:
            yield stream
            sync_stream(stream)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)  # on a full disk it would stand in the way
        raise


def sync_stream(stream: BinaryIO) -> None:
    """Bring what was written so far to the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def put_in_place(aside: Path, place: Path) -> None:
    """Rename a file that the disk has, durably; another one of that name is replaced."""
    aside.replace(place)
    sync_folder(place.parent)


def replace_file(file: Path, data: bytes) -> None:
    """Write a file so that after a crash there is the old one or the new one, never a part; see ``sync_folder``."""
    fresh = file.with_name(f".{file.name}.new")
    with file_aside(fresh) as stream:
        stream.write(data)
    fresh.replace(file)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
