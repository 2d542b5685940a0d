"""Archives of a few parts in one file: ZIP without compression, always the same bytes for the same parts.

``unzip`` and every file manager open them. Nothing is compressed, so nothing can grow when it is read.
"""

import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from connectors.durable_files import file_aside, put_in_place
from connectors.file_hash import file_sha256
from models.errors import FatalError

#: Larger files are none of ours.
MAX_BYTES = 8 << 30
#: More parts neither: there are a few thousand devices at the most.
MAX_PARTS = 100_000

_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_stored_zip(folder: Path, name: str, ending: str, parts: Iterable[tuple[str, bytes]]) -> Path:
    """Write parts as ``FOLDER/NAME_<the first digits of the SHA-256>ENDING``; it is there whole or not at all.

    Raises
    ------
    OSError
        It can't be written; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".{name}.{uuid4().hex}.part"
    try:
        with file_aside(aside) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for part, data in parts:
                archive.writestr(zipfile.ZipInfo(part, _NO_TIME), data)
        path = folder / f"{name}_{file_sha256(aside)[:12]}{ending}"
        put_in_place(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    return path


def read_stored_zip(path: Path) -> dict[str, bytes]:
    """The parts of an archive, by their names in their order.

    Raises
    ------
    FatalError
        ``archived_file_damaged``, also for one that is compressed, too large, or has a part twice.
    OSError
        It can't be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 30} GiB")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_PARTS or len({entry.filename for entry in entries}) != len(entries):
                raise ValueError("it has too many parts, or one twice")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ValueError("it is compressed")
            if sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise ValueError("its parts are larger than itself")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise damaged_file(path, str(error)) from error


def damaged_file(path: Path, what: str) -> FatalError:
    """A file of the archive that is not what it says."""
    return FatalError(f"{path} can't be read ({what}); restore it from another copy", reason="archived_file_damaged")
