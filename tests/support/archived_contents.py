"""Contents on the disk, and what the archive knows of them."""

import hashlib
import random
from pathlib import Path

from models.archive.archived_file import ArchivedFile

#: A time with nanoseconds, which no float holds.
MTIME_NS = 1_656_668_040_123_456_789


def write_content(folder: Path, key: str, content: bytes | int, **values: object) -> tuple[ArchivedFile, Path]:
    """Write a content (or so many bytes, other ones for each key) somewhere, and what the archive knows of it."""
    if isinstance(content, int):
        content = random.Random(key).randbytes(content)  # noqa: S311 - contents, no secrets
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / sha256
    path.write_bytes(content)
    known: dict[str, object] = {"path": key, "root": "/data", "mtime_ns": MTIME_NS, **values}
    return ArchivedFile(key=key, sha256=sha256, size_bytes=len(content), **known), path  # type: ignore[arg-type]
