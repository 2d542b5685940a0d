"""Which files become a bundle."""

from collections.abc import Sequence

from models.archive.archived_file import ArchivedFile
from models.event_time import SECOND_NS

#: A bundle is closed with so many files, whatever their size: the manifest is read before anything else of it.
MOST_MEMBERS = 20_000
# What a tar adds to each member: its header, and zeros up to the next 512 bytes; names that are long have a second one.
_MEMBER_BYTES = 4 * 512
# The manifest's line about a member, with room to spare.
_MANIFEST_BYTES = 2048


def tape_order(file: ArchivedFile) -> tuple[str, str, str, int, str]:
    """By date and recorder, then by time and id: what is asked for together lies together."""
    return file.date, file.front_end, file.recorder, file.first_ns or 0, file.id


def choose_bundle(
    unbundled: Sequence[ArchivedFile], *, bundle_bytes: int, oldest_unbundled_s: float, now_ns: int
) -> list[ArchivedFile]:
    """The files of the next bundle, in their order on tape; empty when it is not time for one yet.

    A bundle is closed when the next file would make it larger than ``bundle_bytes``, or when the oldest of those that
    wait has waited for ``oldest_unbundled_s``. A single larger file is a bundle of its own.

    Parameters
    ----------
    unbundled
        Files that are in no bundle, those that come first on tape.
    oldest_unbundled_s
        0 waits for ever for a full bundle. A file waits from the time at which it was last changed.
    now_ns
        By the clock. One that was set back makes files wait longer, no more.
    """
    chosen: list[ArchivedFile] = []
    size = 0
    for file in sorted(unbundled, key=tape_order):
        size += file.size_bytes + _MEMBER_BYTES + _MANIFEST_BYTES
        if chosen and (size > bundle_bytes or len(chosen) == MOST_MEMBERS):
            return chosen
        chosen.append(file)
        if size > bundle_bytes:
            return chosen
    if oldest_unbundled_s and chosen:
        waited_s = (now_ns - min(file.mtime_ns for file in chosen)) / SECOND_NS
        if waited_s >= oldest_unbundled_s:
            return chosen
    return []
