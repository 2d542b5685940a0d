"""Small files to be archived, each with its content by a number: the same number, the same content."""

import hashlib
import random
from pathlib import Path

from models.archive.archived_file import ArchivedFile


def write_snapshot(folder: Path, number: int, size_bytes: int) -> tuple[ArchivedFile, Path]:
    """A file below a watched folder, as the archive knows it, and where it lies."""
    content = random.Random(number).randbytes(size_bytes)  # noqa: S311 - no secret
    date = f"2022-07-{1 + number // 24 % 28:02d}"
    name = f"LA_BPF_10Hz_{number:05d}.h5"
    path = folder / "10Hz" / date / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    file = ArchivedFile(
        key=f"10Hz/{date}/{name}",
        path=f"10Hz/{date}/{name}",
        root=str(folder),
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=size_bytes,
        mtime_ns=path.stat().st_mtime_ns,
        interval="10Hz",
        date=date,
        front_end="LA",
        recorder="BPF",
    )
    return file, path
