"""The spool watcher: tells of each snapshot as soon as it is complete, and misses none."""

import itertools
import math
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.clock import Clock
from connectors.spool_intake import WHOLE_SPOOL, IsTaken, SpoolIntake, SpoolSettings
from connectors.spool_listing import (
    SNAPSHOT_SUFFIX,
    Entry,
    NoticeReason,
    SpoolFile,
    SpoolNotice,
    enters,
    make_notice,
    name_of,
    open_roots,
    scan,
    trouble_notice,
    walk,
)
from connectors.spool_notifier import Notification, NotificationKind, Notifier, open_notifier

__all__ = ["IsTaken", "NoticeReason", "SpoolFile", "SpoolNotice", "SpoolSettings", "SpoolWatcher", "scan"]

# Looking through the folders may take this part of the time, so huge ones are looked through less often.
_PASS_SHARE = 0.05
# The caller gets its turn after the folders were looked through for so long.
_SLICE_S = 0.05
# More folders than these that appeared at once are found by looking through everything.
_FOLDERS_DUE = 1_000


class SpoolWatcher:
    """Tells of snapshots in folders, in those below them and in those that appear later.

    A file is told of when it was closed after writing or moved in, or, where that can't be seen, when it has stayed
    the same for ``settle_s``; and again when its size or time of change differs from what was told. Contents are not
    read. The folders are looked through at the start, now and then, and when the kernel's notifier lost something.

    All work is done on the thread that calls ``take``; ``is_taken`` is asked there, too.

    Parameters
    ----------
    paths
        The folders; one that is missing is waited for.
    is_taken
        Whether the caller is done with (relative path, size, mtime_ns), whatever came of it. What was handed over and
        is not yet done is remembered here.

    Raises
    ------
    FatalError
        As ``open_roots``.
    """

    def __init__(self, paths: Sequence[Path], clock: Clock, settings: SpoolSettings, is_taken: IsTaken) -> None:
        self.roots = open_roots(paths)
        self._clock = clock
        self._settings = settings
        self._wake = threading.Event()
        self._intake = SpoolIntake(self.roots, clock, settings, is_taken)
        self._notifier: Notifier | None = open_notifier(clock, settings.queue_files, self._wake.set, enters)
        self._folders_due: dict[str, Path] = {}
        self._pass: Iterator[tuple[Path, Entry]] | None = None
        self._pass_is_full = False
        self._pass_took_s = 0.0
        self._next_pass_s = clock.monotonic_s()
        self._passes = 0
        if self._notifier is None:
            self._tell_unwatched(str(self.roots[0]))

    @property
    def queue_depth(self) -> int:
        """How many snapshots and notices wait to be taken."""
        return len(self._intake.queue)

    @property
    def has_caught_up(self) -> bool:
        """Whether all that lay in the folders at the start, and was complete, has been taken."""
        return self._passes > 0 and not self._intake.queue and not self._intake.more

    @property
    def passes(self) -> int:
        """How often all folders were looked through to their end."""
        return self._passes

    @property
    def finds_by_looking(self) -> bool:
        """Whether the last snapshot was found by looking through the folders, as on network file systems."""
        return self._intake.by_looking

    @property
    def has_settling(self) -> bool:
        """Whether a file was found that has still to stay the same for a while."""
        return self._intake.settled_at_s < math.inf

    @property
    def unfinished(self) -> list[str]:
        """The files that were seen and are not known to be complete, below their roots; in no order."""
        return self._intake.unfinished

    def take(self, timeout_s: float, limit: int = 64) -> list[SpoolFile | SpoolNotice]:
        """What is new; waits for it at most ``timeout_s`` seconds, and may come back earlier with nothing."""
        self._wake.clear()
        self._look()
        queue = self._intake.queue
        if not queue and timeout_s > 0:
            self._wake.wait(min(timeout_s, self._until_due_s()))
            self._look()
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    def wake(self) -> None:
        """Let a waiting ``take`` come back now; may be called from any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Stop watching; ``take`` still gives what is queued."""
        if self._notifier is not None:
            self._notifier.stop()
            self._notifier = None
        self._wake.set()

    def _look(self) -> None:
        self._hear_notifier()
        self._intake.check_settling()
        self._look_through()

    def _until_due_s(self) -> float:
        if self._pass is not None or self._folders_due:
            return 0.0
        return max(0.0, min(self._next_pass_s, self._intake.settled_at_s) - self._clock.monotonic_s())

    def _hear_notifier(self) -> None:
        if self._notifier is None:
            return
        if not self._notifier.alive:
            self._notifier = None
            self._tell_unwatched(str(self.roots[0]))
            self._look_through_all_now()
            return
        notifications, overflowed = self._notifier.drain()
        for notification in notifications:
            root = self._intake.root_of(notification.path)
            if root is not None:
                self._hear(root, notification)
        if overflowed:
            self._notifier.forget()
            self._look_through_all_now()
            sentence = "saw more changes at once than the system reports; all folders are looked through for them"
            self._intake.queue.append(self._root_notice(NoticeReason.NOTIFIER_OVERFLOW, sentence))

    def _hear(self, root: Path, notification: Notification) -> None:
        kind, path, seen_ns = notification
        if kind is NotificationKind.FOLDER and (path == str(root) or enters(name_of(path))):
            self._folders_due[path] = root
            if len(self._folders_due) > _FOLDERS_DUE:
                self._look_through_all_now()
            return
        try:
            status = os.lstat(path)
        except OSError:
            if kind in {NotificationKind.CLOSED, NotificationKind.MOVED_IN} and path.endswith(SNAPSHOT_SUFFIX):
                self._intake.vanished(root, path)
            return
        if kind is NotificationKind.CREATED:
            self._intake.created(root, path, status)
        elif kind is NotificationKind.FOLDER:
            self._intake.examine(root, path, status)
        else:
            self._intake.completed(root, path, status, seen_ns)

    def _look_through_all_now(self) -> None:
        self._intake.events_were_lost()
        self._pass = None
        self._next_pass_s = self._clock.monotonic_s()

    def _look_through(self) -> None:
        """Look through the folders for a moment, if that is due."""
        began_s = self._clock.monotonic_s()
        if self._pass is None:
            self._pass = self._begin_pass(began_s)
        if self._pass is None:
            return
        for root, entry in self._pass:
            self._look_at(root, entry)
            if self._clock.monotonic_s() - began_s >= _SLICE_S:
                self._pass_took_s += self._clock.monotonic_s() - began_s
                return
        self._pass_took_s += self._clock.monotonic_s() - began_s
        self._end_pass()

    def _begin_pass(self, now_s: float) -> Iterator[tuple[Path, Entry]] | None:
        self._pass_took_s = 0.0
        self._pass_is_full = now_s >= self._next_pass_s or (self._intake.more and not self._intake.queue)
        if self._pass_is_full:
            self._folders_due.clear()
            self._intake.begin_pass()
            return itertools.chain.from_iterable(self._walk(root, str(root)) for root in self.roots)
        if self._folders_due:
            folder, root = self._folders_due.popitem()
            return self._walk(root, folder)
        return None

    def _end_pass(self) -> None:
        self._pass = None
        if self._pass_is_full:
            self._intake.end_pass()
            self._passes += 1
            wait_s = max(self._settings.rescan_s, self._pass_took_s / _PASS_SHARE)
            self._next_pass_s = self._clock.monotonic_s() + wait_s

    def _walk(self, root: Path, folder: str) -> Iterator[tuple[Path, Entry]]:
        return ((root, entry) for entry in walk(folder, self._watch))

    def _look_at(self, root: Path, entry: Entry) -> None:
        if entry.status is not None:
            self._intake.examine(root, entry.path, entry.status)
        elif entry.trouble is None:
            self._intake.is_listed(root, entry.path)
        else:
            notice = trouble_notice(root, entry.path, entry.trouble)
            if notice is not None:
                self._intake.tell(notice, entry.path)

    def _watch(self, folder: str) -> None:
        if self._notifier is not None and not self._notifier.watch(folder) and os.access(folder, os.R_OK | os.X_OK):
            self._tell_unwatched(folder)

    def _tell_unwatched(self, folder: str) -> None:
        sentence = (
            f"can't be watched by the kernel, so files are found within {self._settings.rescan_s:g} s; "
            "raise fs.inotify.max_user_watches and max_user_instances"
        )
        root = self._intake.root_of(folder) or self.roots[0]
        # Told once for all folders: where one can't be watched, hundreds can't.
        self._intake.tell(make_notice(root, folder, NoticeReason.NO_NOTIFIER, sentence), WHOLE_SPOOL)

    def _root_notice(self, reason: NoticeReason, sentence: str) -> SpoolNotice:
        return make_notice(self.roots[0], str(self.roots[0]), reason, sentence)
