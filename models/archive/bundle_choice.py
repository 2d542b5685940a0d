"""Which files become a bundle."""

from collections.abc import Iterable, Sequence

from models.archive.archived_file import ArchivedFile
from models.archive.bundle_manifest import MAX_MEMBERS, TAR_BLOCK_BYTES, manifest_line_bytes
from models.event_time import SECOND_NS

# What a tar adds to each member: a header, for the exact time and a long name three more, and zeros behind its content.
_MEMBER_BYTES = 5 * TAR_BLOCK_BYTES
# A line of the sums: the digits and two blanks before the name, a line's end behind it.
_SUM_BYTES = 67
# What a bundle has besides its files: the rest of its lists, and the end of the tar.
_REST_BYTES = 64 << 10


def choose_bundle(
    unbundled: Sequence[ArchivedFile],
    *,
    bundle_bytes: int,
    oldest_unbundled_s: float,
    now_ns: int,
    close: bool = False,
) -> list[ArchivedFile]:
    """The files of the next bundle, in the order given; empty when it is not time for one yet.

    A bundle is closed when the next file would make it larger than ``bundle_bytes``, when it has ``MAX_MEMBERS``, or
    when the oldest of those that wait has waited for ``oldest_unbundled_s``. A single larger file is a bundle of its
    own.

    Parameters
    ----------
    unbundled
        Files that are in no bundle, those that come first on tape, in their order there.
    oldest_unbundled_s
        0 waits for ever for a full bundle. A file waits from the time at which it was last changed.
    now_ns
        By the clock. One that was set back makes files wait longer, no more.
    close
        Whether the last bundle is closed whatever its age.
    """
    chosen: list[ArchivedFile] = []
    size = 0
    for file in unbundled:
        size += bytes_in_bundle(file)
        if chosen and size > bundle_bytes:
            return chosen
        chosen.append(file)
        if size > bundle_bytes or len(chosen) == MAX_MEMBERS:
            return chosen
    if close:
        return chosen
    if oldest_unbundled_s and chosen:
        waited_s = (now_ns - min(file.mtime_ns for file in chosen)) / SECOND_NS
        if waited_s >= oldest_unbundled_s:
            return chosen
    return []


def with_room(
    chosen: Iterable[tuple[ArchivedFile, int]], *, free_bytes: int, smallest_bytes: int
) -> tuple[list[ArchivedFile], int]:
    """As many of a bundle's files as the disk has room for, and the bytes that they take there while it is built.

    No files where they would make a bundle that is too small for a tape, unless it holds all of them; then the bytes
    are more than there are.

    Parameters
    ----------
    chosen
        Each with what has to be fetched for it before.
    free_bytes
        Of the disk.
    smallest_bytes
        A bundle that was made smaller for the disk has at least so many bytes.
    """
    fitting: list[ArchivedFile] = []
    size = taken = _REST_BYTES
    for file, fetched_bytes in chosen:
        more = bytes_in_bundle(file)
        if taken + more + fetched_bytes > free_bytes:
            return (fitting, taken) if fitting and size >= smallest_bytes else ([], taken + more + fetched_bytes)
        fitting.append(file)
        size, taken = size + more, taken + more + fetched_bytes
    return fitting, taken


def bytes_in_bundle(file: ArchivedFile) -> int:
    """How much a file adds to a bundle at most: its content, what the tar says of it, and its lines in the lists."""
    return file.size_bytes + _MEMBER_BYTES + manifest_line_bytes(file, file.key) + _SUM_BYTES + len(file.key.encode())
