"""The archiver: follows a state directory, and brings each version of a file into the store and the catalog.

One thread follows, writes the outbox and the catalog; a few others copy files. Nothing is lost by a kill: what was done
and not noted is found done when it is done again.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from connectors.archive.opening import open_store
from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.store import ArchiveStore
from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.clock import Clock
from connectors.process_lock import LockHeldError, ProcessLock
from connectors.state.file_changes import ChangedFiles
from models.errors import FatalError, RetryableError
from streams.archive.places import archive_folder
from streams.archive.uploading.catalog_sink import CatalogSink
from streams.archive.uploading.findings_thread import FindingsThread
from streams.archive.uploading.outbox_feed import OutboxFeed
from streams.archive.uploading.state_feed import StateFeed
from streams.archive.uploading.store_sink import StoreSink
from streams.archive.uploading.uploader import Uploader
from streams.settings import Settings

#: The reason of a second archiver.
IN_USE = "archive_in_use"
#: In the archive's folder; names the archiver.
LOCK_NAME = "archiver.lock"
# In the archive's folder: what is brought from the store for a moment.
_FROM_STORE = "from-store"

#: New files are looked for so often.
_LOOK_S = 1.0
_REST_LOOK_S = 0.1


class Archiver:
    """One for a folder of the archive; for one thread.

    Parameters
    ----------
    state
        The directory that is followed.
    tell
        Called with a sentence about something that an operator should mend.

    Raises
    ------
    FatalError
        ``state_missing``; ``archive_in_use`` when another process archives into this folder; what the outbox raises.
    RetryableError
        What the outbox raises.
    """

    def __init__(
        self,
        state: Path,
        settings: Settings,
        clock: Clock,
        *,
        tell: Callable[[str], None],
        make_store: Callable[[], ArchiveStore] | None = None,
        make_catalog: Callable[[], Catalog] | None = None,
    ) -> None:
        archive, folder = settings.archive, archive_folder(settings.archive, state)
        self._clock = clock
        self._wake = threading.Event()
        self._rested = threading.Event()
        self._stopping = False
        ChangedFiles.open(state).close()  # before anything is made: there may be no state of a watch
        self._lock = _lock(folder)
        try:
            self._outbox = ArchiveOutbox.open(folder)
        except BaseException:
            self._lock.release()
            raise
        self._feed = OutboxFeed(state, self._outbox, clock, target=archive.store)
        self._states = StateFeed(folder, self._outbox, clock, target=archive.store)
        make_catalog = make_catalog or partial(open_catalog, settings.catalog, folder)
        self._catalog = CatalogSink(
            self._outbox, clock, open_catalog=make_catalog, tell=tell, follow_anew=self._follow_anew
        )
        self._store = StoreSink(
            self._outbox,
            clock,
            open_store=make_store
            or partial(open_store, archive.store, settings.object_store, retention_days=archive.retention_days),
            make_uploader=lambda store: Uploader(
                store,
                clock,
                read_back_share=archive.read_back_share,
                limits=settings.reading,
                zone=settings.zone,
                folder=folder / _FROM_STORE,
            ),
            known_copies=self._catalog.known_copies,
            uploads=archive.uploads,
            tell=tell,
            wake=self._wake,
        )
        self._findings = FindingsThread(state, make_catalog, tell)

    def check(self) -> None:
        """Look at the store before anything waits for it; one that is away now is waited for later.

        Raises
        ------
        FatalError
            What an operator must mend: login, versions, rights, a store among the watched files.
        """
        with suppress(RetryableError):
            self._feed.follow()  # before anything is made there: its files may lie where the store is to be
            self._store.open()

    def run(self) -> None:
        """Archive until ``stop`` is called."""
        self._findings.start()
        self._store.look_for_gone()
        while not self._stopping:
            self._wake.clear()
            if not self.turn():
                if not self.waiting_files():
                    self._rested.set()
                self._wake.wait(_LOOK_S)

    def run_once(self) -> bool:
        """Archive what there is; what can't be now waits on. Whether what was found is in the catalog."""
        self._store.look_for_gone()
        while not self._stopping:
            self._wake.clear()
            if self.turn():
                continue
            if self._store.is_idle:
                return self._findings.feed_once()
            self._wake.wait(_LOOK_S)
        return False

    def turn(self) -> bool:
        """Go one step further; whether anything was done."""
        fed = self._states.feed()
        followed = self._feed.follow()
        stored = self._store.turn()
        return self._catalog.turn() or stored or followed or fed

    def rest(self, within_s: float) -> bool:
        """Wait until all is archived, also what was found; whether it is. For another thread than that of ``run``."""
        until_s = self._clock.monotonic_s() + within_s
        self._states.look_again()
        # Twice: a step that had begun before may have looked too early.
        for _ in range(2):
            self._rested.clear()
            while not self._rested.wait(_REST_LOOK_S):
                if self.in_trouble or self._stopping or self._clock.monotonic_s() >= until_s:
                    return False
                self._wake.set()
        return self._findings.rest(lambda: not self._stopping and self._clock.monotonic_s() < until_s)

    @property
    def in_trouble(self) -> bool:
        """Whether the store or the catalog can't be used now."""
        return self._store.pause.in_trouble or self._catalog.pause.in_trouble

    def waiting_files(self) -> int:
        """How many versions wait for store or catalog."""
        return sum(lag.files for lag in self._outbox.lags().values())

    def _follow_anew(self) -> None:
        self._feed.follow_anew()
        self._states.feed_anew()

    def stop(self) -> None:
        """End ``run`` after the present step; for any thread."""
        self._stopping = True
        self._wake.set()

    def close(self) -> None:
        """Let everything go; a copy under way is broken off, and made anew the next time."""
        self._findings.stop()
        self._store.close()
        self._catalog.close()
        self._feed.close()
        self._outbox.close()
        self._lock.release()


def _lock(folder: Path) -> ProcessLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return ProcessLock.of_file(folder / LOCK_NAME)
    except LockHeldError as error:
        raise FatalError(
            f"{error.holder} archives into {folder} already; stop it, or give another archive.folder",
            reason=IN_USE,
        ) from error
    except OSError as error:
        raise FatalError(
            f"the archive's folder {folder} can't be used ({error.strerror or error}); give archive.folder, or the "
            "rights to write there",
            reason="outbox_unusable",
        ) from error
