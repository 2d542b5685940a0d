"""Under which key a file lies in every copy."""

from pathlib import PurePosixPath

from models.errors import RecordError
from models.snapshot_names import is_date, parse_snapshot_name

#: Where files go whose path tells no date.
UNDATED = "undated"


def archive_key(path: str) -> str:
    """``INTERVAL/DATE/NAME``: the folders below the watched root, the day, the name.

    Equal names of different rates never collide; a file that lies in no folder of its day lies in one in the archive.

    Parameters
    ----------
    path
        Below the watched root, printable, ``/`` between the parts.
    """
    pure = PurePosixPath(path)
    folders = [part for part in pure.parts[:-1] if not is_date(part)]
    try:
        day = parse_snapshot_name(pure).date.isoformat()
    except RecordError:
        day = UNDATED
    return "/".join([*folders, day, pure.name])
