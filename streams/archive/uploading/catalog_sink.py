"""The catalog as a sink: what the store has is written down, many files at a time."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from connectors.archive.outbox import MOST_LEFT_OUT, ArchiveOutbox
from connectors.archive.outbox_lines import Line, NewLine, Sink, Step
from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import KnownCopies, StoreCopy
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.uploading.sink_pause import SinkPause
from streams.archive.uploading.waiting_file import WaitingFile, as_known, come_again, stored_file

_BATCH = 200
#: Of the outbox: the id of the latest file that the catalog got from here and had no copy of before.
LATEST_NOTE = "latest in the catalog"
_LOOK_EVERY_S = 60.0


class CatalogSink:
    """Writes what waits into the catalog; for one thread, which is the catalog's.

    A catalog that does not have any more what it got last is an older one, restored from a backup, or begun anew. It is
    asked for that when it is opened, after each writing, and now and then.

    Parameters
    ----------
    open_catalog
        Opens it.
    follow_anew
        Called when the catalog is an older one: all that was ever archived is to come once more. It may be called again
        for the same one.
    """

    def __init__(
        self,
        outbox: ArchiveOutbox,
        clock: Clock,
        *,
        open_catalog: Callable[[], Catalog],
        tell: Callable[[str], None],
        follow_anew: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open_catalog = open_catalog
        self._tell = tell
        self._follow_anew = follow_anew
        self._looked_s: float | None = None
        self._catalog: Catalog | None = None
        self.pause = SinkPause()

    def turn(self) -> bool:
        """Write the next files, or see whether this is still the same catalog; whether anything is to be done."""
        if not self.pause.is_over(self._clock.monotonic_s()):
            return False
        lines = self._outbox.due(Sink.CATALOG, self._clock.now_ns(), 1 if self.pause.in_trouble else _BATCH)
        if not lines:
            return self._look()
        done = self.use(lambda catalog: self._write(catalog, lines))
        if not done:
            self._outbox.failed([line.id for line in lines], *self._trouble, self._clock.now_ns())
        return done

    def use(self, work: Callable[[Catalog], object]) -> bool:
        """Do something with the catalog, if it can be used now; whether that was done."""
        if not self.pause.is_over(self._clock.monotonic_s()):
            return False
        try:
            self._catalog = self._catalog or self._open_catalog()
            work(self._catalog)
        except (RetryableError, FatalError, RecordError) as error:
            self._trouble = (error.reason, str(error))
            with suppress(PetawatchError):  # opened anew, it is made ready: a server's database may have been removed
                self.close()
            if self.pause.failed(error, self._clock.monotonic_s()):
                self._tell(f"{error}; what is archived is written into the catalog when it can be used again")
            return False
        if self.pause.worked():
            self._tell("the archive's catalog can be used again")
        return True

    def known_copies(self, file_id: str) -> KnownCopies | None:
        """What the catalog knows of a file's copies; None when it can't be asked now."""
        found: dict[str, KnownCopies] = {}
        self.use(lambda catalog: found.update(known_copies(catalog, [file_id])))
        return found.get(file_id)

    def close(self) -> None:
        """Let the catalog go; it is opened again when it is wanted."""
        catalog, self._catalog = self._catalog, None
        if catalog is not None:
            catalog.close()

    def _look(self) -> bool:
        now_s = self._clock.monotonic_s()
        if self._looked_s is not None and now_s - self._looked_s < _LOOK_EVERY_S:
            return False
        older: list[bool] = []

        def look(catalog: Catalog) -> None:
            older.append(self._is_older(catalog))
            if not older[-1]:
                self._forget_found(catalog)

        if self.use(look):
            self._looked_s = now_s
        return any(older)

    def _forget_found(self, catalog: Catalog) -> None:
        """Take out of what is left out the versions that the catalog has by now: they lay on tape, or elsewhere."""
        left_out = {each.line.name for each in self._outbox.left_out(MOST_LEFT_OUT)}
        known = known_copies(catalog, left_out)
        if found := [name for name in left_out if _is_archived(known[name])]:
            self._outbox.take(Step(found=found))

    def _is_older(self, catalog: Catalog) -> bool:
        """Whether the catalog lacks what it got last; then all is followed anew."""
        latest = self._outbox.note(LATEST_NOTE)
        if not latest or _is_archived(known_copies(catalog, [latest])[latest]):
            return False
        self._tell(
            f"the catalog {catalog.address} is older than what was archived, or was begun anew: each file is looked up "
            "in it, and what it lacks is written into it again"
        )
        self._follow_anew()
        self._outbox.set_note(LATEST_NOTE, "")  # last: killed before, it is found out once more
        self.close()  # what it remembers of itself belongs to the one before
        return True

    def _write(self, catalog: Catalog, lines: list[Line]) -> None:
        step = Step(done=[line.id for line in lines])
        stored = {line.id: found for line in lines if (found := stored_file(line.document)) is not None}
        known = known_copies(catalog, [_file_id(line, stored) for line in lines])
        files: list[ArchivedFile] = []
        for line in lines:
            file = stored[line.id][0] if line.id in stored else _file_there(catalog, known[line.name])
            if file is not None:
                files.append(as_known(file, WaitingFile.of_document(line.document)))
            else:  # of a version that came before: it was never archived, or in a catalog that is lost
                again = NewLine(name=line.name, document=come_again(line.document), size_bytes=line.size_bytes)
                step.added.append((Sink.STORE, again, line.since_ns))
        catalog.add_files(files)
        catalog.add_store_copies(_with_readings(catalog, [copy for _, copy in stored.values()]))
        # After the writing: what came last before was in the very catalog that has these files now.
        self._is_older(catalog)
        latest = [file.id for file in files if not _is_archived(known[file.id])]
        if not latest and not self._outbox.note(LATEST_NOTE):
            latest = [file.id for file in files]
        if latest:
            step.notes[LATEST_NOTE] = latest[-1]
        self._outbox.take(step)


def _file_id(line: Line, stored: Mapping[int, tuple[ArchivedFile, StoreCopy]]) -> str:
    return stored[line.id][0].id if line.id in stored else line.name


def _file_there(catalog: Catalog, known: KnownCopies) -> ArchivedFile | None:
    return catalog.file(known.file_id) if _is_archived(known) else None


def _is_archived(known: KnownCopies) -> bool:
    """Whether the catalog has a file and any copy of it: a backup may have been made between the two."""
    return known.cataloged and bool(known.store_copies or known.bundles)


def _with_readings(catalog: Catalog, copies: list[StoreCopy]) -> list[StoreCopy]:
    """The copies, each as its last reading left it: a version that was found there again was not read for that."""
    known = catalog.store_copies([copy.file_id for copy in copies])
    earlier = {copy.id: copy for of_file in known.values() for copy in of_file}
    return [_after_reading(copy, earlier.get(copy.id)) for copy in copies]


def _after_reading(copy: StoreCopy, earlier: StoreCopy | None) -> StoreCopy:
    same = earlier is not None and earlier.version == copy.version and copy.read_back_ns is None
    return earlier if same and earlier is not None else copy
