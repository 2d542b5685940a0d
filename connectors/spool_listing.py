"""What lies in the watched folders: snapshots, and what is left alone and why."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from connectors.clock import Clock
from models.errors import FatalError
from models.event_time import SECOND_NS
from models.snapshot_sequence import snapshot_order

#: How the names of snapshots end (the reference, section 2.1).
SNAPSHOT_SUFFIX = ".h5"
# In the year 2262: file systems know later times, SQLite's integers do not.
_LATEST_NS = 2**63 - 1


class NoticeReason(StrEnum):
    """Why a path is told of that is no snapshot to be read."""

    # Left alone, told once:
    NOT_HDF5_NAME = "not_hdf5_name"
    HIDDEN = "hidden"
    SYMLINK = "symlink"
    DIRECTORY = "directory"
    SPECIAL_FILE = "special_file"
    SHADOWED = "shadowed"
    # Troubles, told once an episode:
    VANISHED = "vanished"
    UNREADABLE_FOLDER = "unreadable_folder"
    ROOT_MISSING = "root_missing"
    RETURNED = "returned"
    NO_NOTIFIER = "no_notifier"
    NOTIFIER_OVERFLOW = "notifier_overflow"


#: Paths that are counted as ignored; the other reasons are about the watching itself.
IGNORED_REASONS = frozenset(
    {
        NoticeReason.NOT_HDF5_NAME,
        NoticeReason.HIDDEN,
        NoticeReason.SYMLINK,
        NoticeReason.DIRECTORY,
        NoticeReason.SPECIAL_FILE,
        NoticeReason.SHADOWED,
    }
)

_SENTENCES = {
    NoticeReason.NOT_HDF5_NAME: "is ignored: its name does not end with .h5",
    NoticeReason.HIDDEN: "is ignored: hidden names are unfinished copies or belong to the file system",
    NoticeReason.SYMLINK: "is ignored: symbolic links are not followed; watch the folder it points to",
    NoticeReason.DIRECTORY: "is ignored: a folder named like a snapshot; rename it",
    NoticeReason.SPECIAL_FILE: "is ignored: it is neither a file nor a folder",
    NoticeReason.SHADOWED: "is ignored: another watched folder holds a file of the same relative path; "
    "watch the folder above both",
    NoticeReason.VANISHED: "is gone before it could be read",
    NoticeReason.ROOT_MISSING: "is missing; make it or name the right one, a watch that runs goes on when it is there",
    NoticeReason.RETURNED: "can be read again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFile:
    """A snapshot that is complete as far as can be seen from outside; its content was not looked at.

    Attributes
    ----------
    root
        The watched folder.
    path
        Where the file is.
    relative
        Path below the root with ``/`` between the parts, printable: the file's identity.
    size
        Bytes.
    mtime_ns
        ``mtime_ns`` of its status.
    closed_ns
        Wall-clock time, ns since 1970, at which it was seen to be complete.
    """

    root: Path
    path: Path
    relative: str
    size: int
    mtime_ns: int
    closed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolNotice:
    """Something in the watched folders that an operator should know; ``sentence`` says what.

    ``relative`` is the path below the root, of a shadowed file the whole path: the other has its relative one.
    """

    root: Path
    relative: str
    reason: NoticeReason
    sentence: str

    @property
    def ignored(self) -> bool:
        """Whether the path counts as an ignored file."""
        return self.reason in IGNORED_REASONS


class Entry(NamedTuple):
    """A file below a watched folder, or (without a status) the trouble with a folder."""

    path: str
    status: os.stat_result | None
    trouble: OSError | None


def open_roots(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The watched folders as absolute paths.

    Raises
    ------
    FatalError
        When none is given, one is a file, or one lies in another: a file's identity is its path below its root.
    """
    roots = tuple(Path(os.path.realpath(path)) for path in paths)
    if not roots:
        raise FatalError("there is no folder to watch; name one", reason="spool")
    for root in roots:
        if root.exists() and not root.is_dir():
            raise FatalError(f"{root} is no folder; name the folder that it lies in", reason="spool")
    for index, root in enumerate(roots):
        for other in (*roots[:index], *roots[index + 1 :]):
            if root.is_relative_to(other):
                raise FatalError(f"{root} lies in {other}, which is watched already; name only one", reason="spool")
    return roots


def enters(name: str) -> bool:
    """Whether folders of this name are looked into: not hidden ones, and none named like a snapshot."""
    return not name.startswith(".") and not name.endswith(SNAPSHOT_SUFFIX)


def why_ignored(name: str, status: os.stat_result) -> NoticeReason | None:
    """Why something is left alone; None for a snapshot and for a folder to look into."""
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return NoticeReason.SYMLINK
    if name.startswith("."):
        return NoticeReason.HIDDEN
    if stat.S_ISDIR(mode):
        return NoticeReason.DIRECTORY if name.endswith(SNAPSHOT_SUFFIX) else None
    if not stat.S_ISREG(mode):
        return NoticeReason.SPECIAL_FILE
    return None if name.endswith(SNAPSHOT_SUFFIX) else NoticeReason.NOT_HDF5_NAME


def walk(folder: str, visit: Callable[[str], None]) -> Iterator[Entry]:
    """All files below a folder, folder by folder, sorted by name; symbolic links are entries and never followed.

    ``visit`` is called with each folder before it is listed, so that a watch set there misses nothing.
    A folder that can't be listed gives one entry with its error, and the walk goes on.
    """
    pending = [folder]
    while pending:
        current = pending.pop()
        visit(current)
        try:
            with os.scandir(current) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Entry(current, None, error)
            continue
        below = []
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since it was listed
            if stat.S_ISDIR(status.st_mode) and enters(entry.name):
                below.append(entry.path)
            else:
                yield Entry(entry.path, status, None)
        yield Entry(current, None, None)
        pending.extend(reversed(below))


def relative_name(root: Path, path: str) -> str:
    """The path below the root with ``/`` between the parts (``.`` for the root itself).

    Bytes that are no UTF-8 are written as escapes.
    """
    below = path[len(str(root)) :].lstrip(os.sep) or "."
    return below if below.isascii() else below.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def make_notice(root: Path, path: str, reason: NoticeReason, sentence: str = "") -> SpoolNotice:
    """A notice about a path with the reason's own sentence, or with another one."""
    relative = relative_name(root, path)
    name = str(root) if relative == "." else f"{root}/{relative}"
    return SpoolNotice(
        root=root,
        relative=name if reason is NoticeReason.SHADOWED else relative,
        reason=reason,
        sentence=f"{name} {sentence or _SENTENCES[reason]}",
    )


def trouble_notice(root: Path, path: str, error: OSError) -> SpoolNotice | None:
    """What is to be said of a folder that can't be listed; None for one below the root that is simply gone."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return make_notice(root, path, NoticeReason.ROOT_MISSING) if path == str(root) else None
    text = error.strerror or type(error).__name__
    return make_notice(root, path, NoticeReason.UNREADABLE_FOLDER, f"can't be listed: {text}; check its rights")


def scan(paths: Sequence[Path], clock: Clock) -> tuple[list[SpoolFile], list[SpoolNotice]]:
    """All snapshots that lie in folders now, in the order in which they are to be processed (for ``--once``).

    Returns
    -------
    tuple
        The files, by the date and time in their names, then by path; and what is left alone, by path.

    Raises
    ------
    FatalError
        As ``open_roots``.
    """
    roots = open_roots(paths)
    files: dict[str, SpoolFile] = {}
    notices: list[SpoolNotice] = []
    now_ns = clock.now_ns()
    for root in roots:
        for entry in walk(str(root), lambda _: None):
            if entry.status is None:
                notice = trouble_notice(root, entry.path, entry.trouble) if entry.trouble else None
                notices.extend([notice] if notice else [])
                continue
            file = make_file(root, entry.path, entry.status, now_ns)
            reason = why_ignored(file.path.name, entry.status)
            if reason is None and file.relative in files:
                reason = NoticeReason.SHADOWED
            if reason is None:
                files[file.relative] = file
            else:
                notices.append(make_notice(root, entry.path, reason))
    ordered = sorted(files.values(), key=lambda file: snapshot_order(file.relative))
    return ordered, sorted(notices, key=lambda notice: (str(notice.root), notice.relative))


def make_file(root: Path, path: str, status: os.stat_result, closed_ns: int) -> SpoolFile:
    """The snapshot at a path, as its status says."""
    return SpoolFile(
        root=root,
        path=Path(path),
        relative=relative_name(root, path),
        size=status.st_size,
        mtime_ns=mtime_ns(status),
        closed_ns=closed_ns,
    )


def name_of(path: str) -> str:
    """The last part of a path: ``Path.name`` without the price of a ``Path`` for each of many thousands."""
    return path.rpartition(os.sep)[2]


def mtime_ns(status: os.stat_result) -> int:
    """Time of the last change by the file system's clock, ns since 1970; a wild one is cut to what 64 bits hold."""
    return min(max(status.st_mtime_ns, -_LATEST_NS), _LATEST_NS)


def age_s(status: os.stat_result, now_ns: int) -> float:
    """Seconds since a file was last changed, by two computers' clocks: negative when the file's is ahead."""
    return (now_ns - mtime_ns(status)) / SECOND_NS
