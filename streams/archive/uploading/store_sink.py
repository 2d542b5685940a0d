"""The store as a sink: lines of the outbox become copies, a few at a time, and each failure has its consequence."""

import threading
from collections.abc import Callable
from contextlib import suppress

from connectors.archive.outbox import MAX_PAUSE_S, MOST_LEFT_OUT, ArchiveOutbox
from connectors.archive.outbox_lines import LeftOut, Line, NewLine, Sink, Step
from connectors.archive.store import ArchiveStore
from connectors.clock import Clock
from models.archive.copies import KnownCopies
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from models.event_time import SECOND_NS
from streams.archive.own_files import local_file
from streams.archive.uploading.catalog_sink import LATEST_NOTE
from streams.archive.uploading.sink_pause import SinkPause, pause_s
from streams.archive.uploading.upload_threads import UploadThreads
from streams.archive.uploading.uploader import Uploaded, Uploader
from streams.archive.uploading.waiting_file import WaitingFile, is_come_again, stored_line

#: What is wrong with a file, and not with the store: the others need not wait for it.
OF_THE_FILE = frozenset({"folder_away", "storage", "file_unreadable", "file_damaged", "archive_copy_differs"})
#: The catalog can't say whether a version that is gone was archived.
CATALOG_AWAY = "catalog_away"
#: Nothing is left of the version, or no store can hold it: it waits no longer.
_NOT_THERE = frozenset({"file_gone", "file_changed"})
_FOR_GOOD = _NOT_THERE | {"archive_key"}
_FIRST_PAUSE_S = 5.0
_MOST_TOLD = 20


def prepared_note(address: str) -> str:
    """The note of the outbox that this store was used: it must be there from then on."""
    return f"prepared {address}"


class StoreSink:
    """Brings what waits into the store.

    Parameters
    ----------
    open_store
        Makes the store; nothing is asked of it yet.
    make_uploader
        Makes what puts a file into it.
    known_copies
        What the catalog knows of a version, by its name; None when it can't be asked now.
    """

    def __init__(
        self,
        outbox: ArchiveOutbox,
        clock: Clock,
        *,
        open_store: Callable[[], ArchiveStore],
        make_uploader: Callable[[ArchiveStore], Uploader],
        known_copies: Callable[[str], KnownCopies | None],
        uploads: int,
        tell: Callable[[str], None],
        wake: threading.Event,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open_store = open_store
        self._make_uploader = make_uploader
        self._known_copies = known_copies
        self._tell = tell
        self._uploader: Uploader | None = None
        self._address = ""
        self._told: set[str] = set()
        self._given_up = 0
        # By their lines, versions that are not on the recorders' disks any more, nor in the catalog.
        self._gone: dict[int, RecordError] = {}
        self._is_elsewhere_told = False
        self.pause = SinkPause()
        self._threads = UploadThreads(uploads, self._upload, wake)

    @property
    def is_idle(self) -> bool:
        """Whether no file is being copied."""
        return not self._threads.under_way

    def look_for_gone(self) -> None:
        """Take up the files again that were gone and are back: the watch knows them, and does not tell of them anew."""
        now_ns = self._clock.now_ns()
        for each in self._outbox.left_out(MOST_LEFT_OUT):
            waiting = WaitingFile.of_document(each.line.document)
            with suppress(RecordError, RetryableError):
                if each.reason == "file_gone" and local_file(waiting.root, waiting.path).is_file():
                    self._outbox.take(Step(found=[each.line.name], added=[(Sink.STORE, each.line, now_ns)]))

    def turn(self) -> bool:
        """Note what is finished, and begin the next copies; whether anything was done."""
        finished = self._threads.take_finished()
        for line, outcome in finished:
            self._note(line, outcome)
        return self._begin() or bool(finished)

    def close(self) -> None:
        """Begin no more copies."""
        self._threads.stop()

    def _begin(self) -> bool:
        if not self.pause.is_over(self._clock.monotonic_s()):
            return False
        # After a failure one file is the scout of all.
        free = self._threads.free if not self.pause.in_trouble else int(self.is_idle)
        if free <= 0:
            return False
        lines = self._outbox.due(Sink.STORE, self._clock.now_ns(), free, self._threads.under_way)
        if lines and not self._is_open(lines[0]):
            return False
        for line in lines:
            self._threads.start(line)
        return bool(lines)

    def open(self) -> None:
        """Open the store, if it is not; raises what is wrong with it."""
        if self._uploader is None:
            store = self._open_store()
            self._prepare(store)
            self._address = store.address
            self._uploader = self._make_uploader(store)

    def _is_open(self, scout: Line) -> bool:
        try:
            self.open()
        except (RetryableError, FatalError) as error:
            self._sink_failed(scout, error)
            return False
        return True

    def _prepare(self, store: ArchiveStore) -> None:
        """Make a store that was never used; one that was used must be there."""
        note = prepared_note(store.address)
        if self._outbox.note(note):
            store.check()
            return
        if is_new := not store.is_there():
            self._need_first(store)
        store.prepare()
        if is_new:
            self._tell(f"made {store.address}, which was not there: a new store of the archive")
        self._outbox.set_note(note, "yes")

    def _need_first(self, store: ArchiveStore) -> None:
        """Only the first store is made by itself: the name of a later one may be a misspelt one."""
        latest = self._outbox.note(LATEST_NOTE)
        known = self._known_copies(latest) if latest else None
        if latest and known is None:
            raise RetryableError(
                f"{store.address} is not there, and the catalog can't say now whether there is another store",
                reason=CATALOG_AWAY,
            )
        if known is not None and known.store_copies:
            raise FatalError(
                f"{store.address} is not there, and files are archived in {next(iter(known.store_copies)).store}; mend "
                "archive.store, or, if it is to be another store from now on, make it first: an empty folder (mkdir), "
                "or a bucket with versions (mc mb --with-versioning)",
                reason="archive_store_missing",
            )

    def _upload(self, line: Line) -> Uploaded:
        if self._uploader is None:
            raise RuntimeError("nothing was begun")
        waiting, gone = WaitingFile.of_document(line.document), self._gone.get(line.id)
        if gone is None:
            return self._uploader.upload(waiting)
        if (found := self._uploader.find(waiting)) is None:
            raise gone
        return found

    def _note(self, line: Line, outcome: Uploaded | Exception) -> None:
        if isinstance(outcome, Uploaded):
            self._stored(line, outcome)
        elif isinstance(outcome, RecordError) and outcome.reason in _FOR_GOOD:
            self._nothing_left(line, outcome)
        elif isinstance(outcome, PetawatchError) and outcome.reason not in OF_THE_FILE:
            self._sink_failed(line, outcome)
        else:
            self._file_failed(line, outcome)

    def _stored(self, line: Line, uploaded: Uploaded) -> None:
        self._gone.pop(line.id, None)
        # As it stands now: the watch may have learned more meanwhile.
        current = self._outbox.line(line.id) or line
        entry = stored_line(current, uploaded.file, uploaded.copy)
        counts = {"stored": 1, "stored_bytes": uploaded.file.size_bytes}
        self._outbox.take(Step(done=[line.id], added=[(Sink.CATALOG, entry, line.since_ns)], counts=counts))
        self._told.clear()
        if self.pause.worked():
            self._tell("the archive's store takes files again")

    def _nothing_left(self, line: Line, error: RecordError) -> None:
        """The version is not on the recorders' disk any more: it was archived before, or it never will be."""
        known = self._known_copies(line.name)
        if known is None:
            self._wait(line, CATALOG_AWAY, f"{error}, and the catalog can't say now whether it is archived")
        elif not known.store_copies and not known.bundles:
            if line.id in self._gone:
                self._give_up(line, error)
            else:  # the store is looked into next: the catalog may be one that was begun anew
                self._gone[line.id] = error
        elif any(copy.store == self._address for copy in known.store_copies):
            self._outbox.take(Step(done=[line.id]))
        else:
            self._outbox.take(Step(done=[line.id], counts={"archived_elsewhere": 1}))
            if not self._is_elsewhere_told:
                self._is_elsewhere_told = True
                self._tell(
                    f"files that are gone from the recorders' disks lie in an earlier store or on tape, and not in "
                    f"{self._address}; petawatch archive status counts them (archived elsewhere), petawatch archive "
                    "verify --repair brings them"
                )

    def _give_up(self, line: Line, error: RecordError) -> None:
        waiting, reason = WaitingFile.of_document(line.document), error.reason
        is_lost = reason not in _NOT_THERE or not is_come_again(line.document)
        sentence = str(error) if is_lost else self._not_found(waiting)
        left_out = LeftOut(
            path=waiting.path,
            reason=reason,
            sentence=sentence,
            at_ns=self._clock.now_ns(),
            line=NewLine(name=line.name, document=line.document, size_bytes=line.size_bytes),
        )
        counts = {reason: 1} if is_lost else {}
        self._outbox.take(Step(done=[line.id], found=[line.name], left_out=[left_out], counts=counts))
        self._gone.pop(line.id, None)
        self._given_up += 1
        if self._given_up <= _MOST_TOLD:
            self._tell(f"{sentence}; this version is not in the archive" if is_lost else sentence)
        elif self._given_up == _MOST_TOLD + 1:
            self._tell("more versions are left out; petawatch archive status counts them, and lists the latest")

    def _not_found(self, waiting: WaitingFile) -> str:
        return (
            f"{waiting.root}/{waiting.path} is not on the recorders' disk any more, and neither the catalog nor "
            f"{self._address} has this version; should it lie on tape or in an earlier store, petawatch archive "
            "rebuild-catalog brings it into the catalog again"
        )

    def _file_failed(self, line: Line, error: Exception) -> None:
        reason = error.reason if isinstance(error, PetawatchError) else "internal"
        sentence = str(error) if isinstance(error, PetawatchError) else f"{type(error).__name__}: {error}"
        if reason not in self._told:
            self._told.add(reason)
            self._tell(f"{sentence}; it waits for the archive and is tried again")
        self._wait(line, reason, sentence)

    def _wait(self, line: Line, reason: str, sentence: str) -> None:
        wait_ns = round(pause_s(line.attempts + 1, _FIRST_PAUSE_S, MAX_PAUSE_S) * SECOND_NS)
        self._outbox.failed([line.id], reason, sentence, self._clock.now_ns() + wait_ns)

    def _sink_failed(self, line: Line, error: PetawatchError) -> None:
        # Behind the others: should it be the only one that the store refuses, they are not held up.
        self._outbox.failed([line.id], error.reason, str(error), self._clock.now_ns())
        if self.pause.failed(error, self._clock.monotonic_s()):
            self._tell(f"{error}; files wait for it, and are archived when it is back")
