"""Files that are there whole or not at all after a crash."""

import os
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """Write a file so that after a crash there is the old one or the new one, never a part."""
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
