"""The kernel's notifier: says at once which files were closed or moved in, and which folders appeared.

Built on the reading thread of ``watchdog`` (``InotifyFD``) and not on its observers: those hold every event behind a
file that was moved *out* back for 0.5 s, buffer without bound, and do not tell when the kernel has dropped events.
"""

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask
from watchdog.observers.inotify_c import WatchDescriptor as Descriptor

from connectors.clock import Clock

_MASK = Mask(
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_EXCL_UNLINK
)


class NotificationKind(Enum):
    """What the kernel saw."""

    CLOSED = "closed"  # a file was closed after writing
    MOVED_IN = "moved_in"  # a file was moved to this path
    CREATED = "created"  # a file was created: its writer is on this computer, so its close will be seen
    FOLDER = "folder"  # a folder appeared or went: look into it


class Notification(NamedTuple):
    """One path and the wall-clock time, in ns, at which the kernel told of it."""

    kind: NotificationKind
    path: str
    seen_ns: int


class _Watch(NamedTuple):
    descriptor: Descriptor
    callback_id: CallbackId
    identity: tuple[int, int]  # device and inode of the folder


class Notifier(Protocol):
    """Tells what happens in watched folders."""

    def watch(self, folder: str) -> bool:
        """Watch a folder (not those below it); False when the system refuses. Watching twice is free."""
        ...

    def forget(self) -> None:
        """Watch nothing any more."""
        ...

    def drain(self) -> tuple[list[Notification], bool]:
        """All that happened since, oldest first, and whether more happened than could be kept."""
        ...

    @property
    def alive(self) -> bool:
        """Whether anything can still be told."""
        ...

    def stop(self) -> None:
        """End; nothing is told afterwards."""
        ...


class InotifyNotifier:
    """Tells what happens in watched folders, by inotify, with a bounded memory.

    Parameters
    ----------
    clock
        Stamps each notification.
    capacity
        At most so many notifications wait to be drained; what comes on top only sets the overflow mark.
    enters
        Whether folders of this name are looked into.
    wake
        Called, from the notifier's thread, whenever there is something to drain.
    """

    def __init__(self, clock: Clock, capacity: int, wake: Callable[[], None], enters: Callable[[str], bool]) -> None:
        self._clock = clock
        self._wake = wake
        self._enters = enters
        self._capacity = capacity
        self._lock = threading.Lock()
        self._told: deque[Notification] = deque()
        self._overflowed = False
        self._watches: dict[str, _Watch] = {}
        self._folders: dict[Descriptor, str] = {}
        self._ids = itertools.count()
        self._inotify = InotifyFD()
        self._inotify.name = "spool-notifier"
        self._inotify.start()

    @property
    def alive(self) -> bool:
        """Whether the reading thread runs."""
        return self._inotify.is_alive()

    def watch(self, folder: str) -> bool:
        """Watch a folder (not those below it); False when the system refuses (rights, limit of watches, gone)."""
        try:
            status = os.lstat(folder)
        except OSError:
            return False
        identity = (status.st_dev, status.st_ino)
        known = self._watches.get(folder)
        if known is not None and known.identity == identity:
            return True
        if known is not None:  # another folder has this path now: mounted over it, or replaced
            self._unwatch_below(folder)
        callback_id = CallbackId(next(self._ids))
        with self._lock:
            try:
                descriptor = self._inotify.add_callback(os.fsencode(folder), _MASK, self, callback_id)
            except OSError:
                return False
            if descriptor < 0:  # watchdog raises for every error but EACCES
                return False
            self._remember(folder, _Watch(descriptor, callback_id, identity))
        return True

    def _remember(self, folder: str, watch: _Watch) -> None:
        before = self._folders.get(watch.descriptor)
        if before is not None:  # the same folder under its earlier path: it was moved, and we are quicker than the news
            self._inotify.remove_callbacks([(watch.descriptor, watch.callback_id)])
            watch = self._watches.pop(before)
        self._watches[folder] = watch
        self._folders[watch.descriptor] = folder

    def forget(self) -> None:
        """Watch nothing any more: the paths of the watches may be wrong after events were lost."""
        with self._lock:
            gone = list(self._watches.values())
            self._folders.clear()
            self._watches.clear()
        self._remove(gone)

    def _remove(self, watches: list[_Watch]) -> None:
        self._inotify.remove_callbacks([(watch.descriptor, watch.callback_id) for watch in watches])

    def drain(self) -> tuple[list[Notification], bool]:
        """All that happened since, oldest first, and whether more happened than could be kept."""
        with self._lock:
            told, overflowed = list(self._told), self._overflowed
            self._told.clear()
            self._overflowed = False
        return told, overflowed

    def stop(self) -> None:
        """End the reading thread and give its watches back."""
        self._inotify.stop()
        self._inotify.join()

    def on_event(self, event: InotifyEvent) -> None:
        """Called by the reading thread for each event of a watched folder."""
        with self._lock:
            folder = self._folders.get(event.wd)
        if folder is None:
            return
        path = folder + os.sep + os.fsdecode(event.name) if event.name else folder
        if event.is_delete_self or event.is_move_self:
            self._unwatch_below(folder)
            self._tell(NotificationKind.FOLDER, folder)
        elif event.is_directory:
            self._on_folder(event, path)
        elif event.is_close_write:
            self._tell(NotificationKind.CLOSED, path)
        elif event.is_moved_to:
            self._tell(NotificationKind.MOVED_IN, path)
        elif event.is_create:
            self._tell(NotificationKind.CREATED, path)

    def on_watch_deleted(self, wd: Descriptor) -> None:
        """Called by the reading thread when a watched folder is gone."""
        with self._lock:
            folder = self._folders.pop(wd, None)
            if folder is not None:
                del self._watches[folder]

    def on_queue_overflow(self) -> None:
        """Called by the reading thread when the kernel has dropped events."""
        with self._lock:
            self._overflowed = True
        self._wake()

    def _on_folder(self, event: InotifyEvent, path: str) -> None:
        if event.is_moved_from:
            self._unwatch_below(path)
        elif event.is_moved_to or event.is_create:
            # At once and not when the caller comes to it: what is closed in the folder from now on is told.
            self._watch_below(path)
            self._tell(NotificationKind.FOLDER, path)

    def _watch_below(self, folder: str) -> None:
        try:
            if not self._enters(Path(folder).name) or Path(folder).is_symlink() or not self.watch(folder):
                return
            with os.scandir(folder) as entries:
                below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return  # gone again or not readable: the caller's own look at the folder says so
        for path in below:
            self._watch_below(path)

    def _unwatch_below(self, folder: str) -> None:
        prefix = folder + os.sep
        with self._lock:
            paths = [path for path in self._watches if path == folder or path.startswith(prefix)]
            gone = [self._watches.pop(path) for path in paths]
            for watch in gone:
                self._folders.pop(watch.descriptor, None)
        self._remove(gone)

    def _tell(self, kind: NotificationKind, path: str) -> None:
        notification = Notification(kind, path, self._clock.now_ns())
        with self._lock:
            if len(self._told) < self._capacity:
                self._told.append(notification)
            else:
                self._overflowed = True
        self._wake()


def open_notifier(
    clock: Clock, capacity: int, wake: Callable[[], None], enters: Callable[[str], bool]
) -> Notifier | None:
    """The kernel's notifier, or None when no more of them are allowed (fs.inotify.max_user_instances)."""
    try:
        return InotifyNotifier(clock, capacity, wake, enters)
    except OSError:
        return None
