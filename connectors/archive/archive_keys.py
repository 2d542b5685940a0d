"""Which keys every store can hold."""

from models.errors import RecordError

#: Of stores' own: earlier versions in a folder, notes of uploads in a bucket.
VERSIONS, UPLOADS = ".versions", ".uploads"
#: Of no archived file: what a check of the installation writes, and removes if it can.
PROBE_KEY = "petawatch-check.txt"
_MAX_BYTES, _MAX_PART_BYTES = 1024, 255


def need_key(key: str) -> None:
    """A key that any store can hold, so that an archive can move from one to another.

    Raises
    ------
    RecordError
        ``archive_key``.
    """
    if not key.isprintable() or any(_is_bad(part) for part in key.split("/")) or len(key.encode()) > _MAX_BYTES:
        raise RecordError(
            f"{key[:80]!a} is no key that an archive can hold; give the snapshot another name", reason="archive_key"
        )


def _is_bad(part: str) -> bool:
    return part in {"", ".", "..", VERSIONS, UPLOADS} or len(part.encode()) > _MAX_PART_BYTES
