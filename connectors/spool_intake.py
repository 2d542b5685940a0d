"""Decides about each path in the watched folders: hand over, wait for the rest, or leave alone and say so once."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from connectors.clock import Clock
from connectors.spool_listing import (
    NoticeReason,
    SpoolFile,
    SpoolNotice,
    age_s,
    make_file,
    make_notice,
    mtime_ns,
    name_of,
    relative_name,
    why_ignored,
)
from models.snapshot_sequence import snapshot_order

#: Whether a snapshot of this relative path, size in bytes and modification time in ns was taken over already.
IsTaken = Callable[[str, int, int], bool]

#: What a notice is about that is about no single path; no path is empty.
WHOLE_SPOOL = ""

_TROUBLES = frozenset({NoticeReason.ROOT_MISSING, NoticeReason.UNREADABLE_FOLDER})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """How folders are watched.

    Attributes
    ----------
    settle_s
        A snapshot whose closing was not seen (network file systems, files that were there before) counts as complete
        when its size and time of change have stayed the same for so long.
    settle_empty_s
        The same for a file of 0 bytes: recorders often write all at the end of the minute.
    rescan_s
        The folders are looked through at least so far apart; huge folders less often.
    queue_files
        At most so many snapshots wait to be taken, the earliest ones; more are found when these are taken.
    notices
        At most so many ignored paths are remembered as told; beyond, further ones are not told of.
    """

    settle_s: float = 10.0
    settle_empty_s: float = 120.0
    rescan_s: float = 30.0
    queue_files: int = 20_000
    notices: int = 10_000

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 <= self.settle_s <= self.settle_empty_s:
            raise ValueError("settle_s is 0 or more, and settle_empty_s is at least settle_s")
        if self.rescan_s <= 0:
            raise ValueError("rescan_s is more than 0")
        if self.queue_files < 1 or self.notices < 1:
            raise ValueError("queue_files and notices are at least 1")


class _Settling(NamedTuple):
    root: Path
    stamp: tuple[int, int]  # size, time of change
    due_s: float


class _Found(NamedTuple):
    order: tuple[int, str]
    file: SpoolFile

    def __lt__(self, other: "_Found") -> bool:  # type: ignore[override]
        return self.order < other.order


class SpoolIntake:
    """What is known about the paths in the watched folders, and the bounded queue of what is to be told of them.

    Parameters
    ----------
    roots
        The watched folders; of two files with the same path below their root, the earlier root's counts.
    is_taken
        Whether the caller is done with (relative path, size, mtime_ns).

    Attributes
    ----------
    queue
        What is to be told.
    more
        More was found than the queue could take; it has to be looked for again.
    by_looking
        Whether the last file was found by looking, since nothing told that it was closed.
    """

    def __init__(self, roots: Sequence[Path], clock: Clock, settings: SpoolSettings, is_taken: IsTaken) -> None:
        self._roots = tuple(roots)
        self._clock = clock
        self._settings = settings
        self._is_taken = is_taken
        self.queue: deque[SpoolFile | SpoolNotice] = deque()
        self.more = False
        self.by_looking = False
        self._handed: dict[str, tuple[int, int]] = {}  # handed over and perhaps not yet done
        self._settling: dict[str, _Settling] = {}
        self._writing: set[str] = set()  # created on this computer: will be closed here
        self._told: dict[str, NoticeReason] = {}
        self._unseen: set[str] = set()
        self._found: list[_Found] | None = None

    @property
    def settled_at_s(self) -> float:
        """When (monotonic) the next waiting file may be complete; infinity when none waits."""
        return min((settling.due_s for settling in self._settling.values()), default=float("inf"))

    @property
    def unfinished(self) -> list[str]:
        """The files that are there and not known to be complete, below their roots; in no order."""
        roots = [(path, settling.root) for path, settling in self._settling.items()]
        roots += [(path, root) for path in self._writing if (root := self.root_of(path)) is not None]
        return [relative_name(root, path) for path, root in roots]

    def root_of(self, path: str) -> Path | None:
        """The watched folder that a path lies in."""
        return next((root for root in self._roots if path == str(root) or path.startswith(f"{root}{os.sep}")), None)

    def begin_pass(self) -> None:
        """All folders are looked through from now on: keep what is found to put it into order."""
        self._unseen = {*self._handed, *self._settling, *self._writing, *self._told} - {WHOLE_SPOOL}
        self._found = []
        self.more = False

    def end_pass(self) -> None:
        """All folders were looked through: queue what was found, earliest first, and forget what is gone."""
        for path in self._unseen:
            self._handed.pop(path, None)
            self._settling.pop(path, None)
            self._writing.discard(path)
            self._told.pop(path, None)
        found, self._found = self._found or [], None
        for one in sorted(found):
            self._hand_over(one.file)

    def events_were_lost(self) -> None:
        """The closing of files may have been missed."""
        self._writing.clear()

    def created(self, root: Path, path: str, status: os.stat_result) -> None:
        """A file was created on this computer."""
        closes = status.st_nlink == 1 and why_ignored(name_of(path), status) is None  # a hard link is never closed
        if closes and len(self._writing) < self._settings.queue_files:
            self._writing.add(path)
        else:
            self.examine(root, path, status)

    def completed(self, root: Path, path: str, status: os.stat_result, closed_ns: int) -> None:
        """A file was closed after writing or moved in."""
        self.by_looking = False
        self._writing.discard(path)
        self._settling.pop(path, None)
        if self._is_left_alone(root, path, status) or self._is_known(root, path, status):
            return
        self._hand_over(make_file(root, path, status, closed_ns))

    def examine(self, root: Path, path: str, status: os.stat_result) -> None:
        """A file was found; nothing tells whether it is complete."""
        self._unseen.discard(path)
        if self._is_left_alone(root, path, status):
            return
        if self._is_known(root, path, status):
            self._settling.pop(path, None)
        elif path not in self._writing and self._has_settled(root, path, status):
            self._settling.pop(path, None)
            self.by_looking = True
            file = make_file(root, path, status, self._clock.now_ns())
            if self._found is None:
                self._hand_over(file)
            else:
                self._keep(self._found, file)

    def check_settling(self) -> None:
        """Look again at the files whose time to settle is over."""
        now_s = self._clock.monotonic_s()
        for path, settling in [item for item in self._settling.items() if item[1].due_s <= now_s]:
            try:
                status = os.lstat(path)
            except OSError:
                del self._settling[path]
            else:
                self.examine(settling.root, path, status)

    def tell(self, notice: SpoolNotice, path: str) -> None:
        """Tell of a path (or of ``WHOLE_SPOOL``), unless that was done or too many were told of."""
        self._unseen.discard(path)
        if self._told.get(path) is notice.reason:
            return
        if len(self._told) < self._settings.notices or notice.reason in _TROUBLES:
            self._told[path] = notice.reason
            self.queue.append(notice)

    def is_listed(self, root: Path, folder: str) -> None:
        """A folder could be listed: its trouble is over."""
        self._unseen.discard(folder)
        if self._told.get(folder) in _TROUBLES:
            del self._told[folder]
            self.queue.append(make_notice(root, folder, NoticeReason.RETURNED))

    def vanished(self, root: Path, path: str) -> None:
        """A snapshot was closed or moved in, and is gone before anyone could look at it."""
        self._writing.discard(path)
        if len(self.queue) < self._settings.queue_files:
            self.queue.append(make_notice(root, path, NoticeReason.VANISHED))

    def _is_left_alone(self, root: Path, path: str, status: os.stat_result) -> bool:
        reason = why_ignored(name_of(path), status)
        if reason is None:
            return False
        temporary = reason in {NoticeReason.NOT_HDF5_NAME, NoticeReason.HIDDEN}  # perhaps an unfinished copy
        if not temporary or age_s(status, self._clock.now_ns()) >= self._settings.settle_s:
            self.tell(make_notice(root, path, reason), path)
        return True

    def _is_known(self, root: Path, path: str, status: os.stat_result) -> bool:
        stamp = (status.st_size, mtime_ns(status))
        relative = relative_name(root, path)
        if self._is_taken(relative, *stamp):
            self._handed.pop(path, None)
            return True
        if self._handed.get(path) == stamp:
            return True
        if len(self._roots) > 1 and self._is_shadowed(root, relative):
            self.tell(make_notice(root, path, NoticeReason.SHADOWED), path)
            return True
        return False

    def _is_shadowed(self, root: Path, relative: str) -> bool:
        return any(os.path.lexists(f"{other}/{relative}") for other in self._roots[: self._roots.index(root)])

    def _has_settled(self, root: Path, path: str, status: os.stat_result) -> bool:
        stamp = (status.st_size, mtime_ns(status))
        settle_s = self._settings.settle_s if status.st_size else self._settings.settle_empty_s
        if age_s(status, self._clock.now_ns()) >= settle_s:
            return True
        before = self._settling.get(path)
        now_s = self._clock.monotonic_s()
        if before is not None and before.stamp == stamp:
            return before.due_s <= now_s
        if before is not None or len(self._settling) < self._settings.queue_files:
            self._settling[path] = _Settling(root, stamp, now_s + settle_s)
        return False

    def _keep(self, found: list[_Found], file: SpoolFile) -> None:
        """Keep the earliest of what a pass finds, as many as the queue takes."""
        found.append(_Found(snapshot_order(file.relative), file))
        if len(found) >= 2 * self._settings.queue_files:
            found.sort()
            del found[self._settings.queue_files :]
            self.more = True

    def _hand_over(self, file: SpoolFile) -> None:
        if len(self.queue) >= self._settings.queue_files:
            self.more = True
            return
        stamp = (file.size, file.mtime_ns)
        if self._handed.get(str(file.path)) != stamp:  # it may have been closed while the pass had found it
            self._handed[str(file.path)] = stamp
            self.queue.append(file)
