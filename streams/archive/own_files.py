"""Where the recorders' own file lies, and what it means when it does not."""

import os
import stat
from pathlib import Path, PurePosixPath

from connectors.file_hash import file_sha256
from connectors.spool_listing import relative_name
from models.archive.archived_file import ArchivedFile
from models.errors import PetawatchError, RecordError, RetryableError


def own_file(file: ArchivedFile) -> Path | None:
    """The recorders' own file of what was archived, if one of its size lies there; who reads it compares it."""
    if not file.root:
        return None
    try:
        path = local_file(file.root, file.path)
        status = path.lstat()
    except (PetawatchError, OSError, ValueError):  # gone, or away: there are other copies
        return None
    return path if stat.S_ISREG(status.st_mode) and status.st_size == file.size_bytes else None


def own_content(file: ArchivedFile) -> Path | None:
    """The recorders' own file of what was archived, if it is there with the very content: all of it is read."""
    path = own_file(file)
    try:
        return path if path is not None and file_sha256(path) == file.sha256 else None
    except OSError:
        return None


def local_file(root: str, relative: str) -> Path:
    """The file of a path as ledger and catalog write it.

    Raises
    ------
    RecordError
        ``file_gone``: it is not there any more, though the watched folder is.
    RetryableError
        ``folder_away``: the watched folder, or one in it that held the file's own folder, is missing or empty as a
        mount point is without its file system.
    """
    folder = Path(root)
    path = _with_escapes(folder, relative) if "\\x" in relative else folder / relative
    if path is not None and os.path.lexists(path):
        return path
    away = _empty_folder(folder, relative)
    if away is not None:
        raise RetryableError(
            f"{away} is missing or empty, and {relative} waits for the archive; mount the folder", reason="folder_away"
        )
    raise RecordError(f"{root}/{relative} was gone before it was archived", reason="file_gone")


def _with_escapes(folder: Path, relative: str) -> Path | None:
    """The same where names hold bytes that are no UTF-8: they are looked for by how they are written."""
    path = folder
    for part in relative.split("/"):
        try:
            names = os.listdir(path)  # noqa: PTH208 - names only
        except OSError:
            return None
        found = next((name for name in names if relative_name(path, f"{path}/{name}") == part), None)
        if found is None:
            return None
        path = path / found
    return path


def _empty_folder(folder: Path, relative: str) -> Path | None:
    """The innermost folder of a path that is still there, if it is empty and not the file's own."""
    if not _holds_anything(folder):
        return folder
    inner = [folder / parent for parent in PurePosixPath(relative).parents]  # the innermost first, the root last
    there = next((each for each in inner if each.is_dir()), folder)
    return there if there != inner[0] and not _holds_anything(there) else None


def _holds_anything(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
