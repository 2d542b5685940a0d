"""The catalog as a sink: what the store has is written down, many files at a time."""

from collections.abc import Callable

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Line, NewLine, Sink, Step
from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.errors import FatalError, RecordError, RetryableError
from streams.archive.uploading.sink_pause import SinkPause
from streams.archive.uploading.waiting_file import WaitingFile, as_known, stored_file

_BATCH = 200


class CatalogSink:
    """Writes what waits into the catalog; for one thread, which is the catalog's.

    Parameters
    ----------
    open_catalog
        Opens it.
    """

    def __init__(
        self, outbox: ArchiveOutbox, clock: Clock, *, open_catalog: Callable[[], Catalog], tell: Callable[[str], None]
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._open_catalog = open_catalog
        self._tell = tell
        self._catalog: Catalog | None = None
        self.pause = SinkPause()

    def turn(self) -> bool:
        """Write the next files; whether there were any."""
        if not self.pause.is_over(self._clock.monotonic_s()):
            return False
        lines = self._outbox.due(Sink.CATALOG, self._clock.now_ns(), 1 if self.pause.in_trouble else _BATCH)
        if not lines:
            return False
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
            if self.pause.failed(error, self._clock.monotonic_s()):
                self._tell(f"{error}; what is archived is written into the catalog when it can be used again")
            return False
        if self.pause.worked():
            self._tell("the archive's catalog can be used again")
        return True

    def close(self) -> None:
        """Let the catalog go."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def _write(self, catalog: Catalog, lines: list[Line]) -> None:
        files: list[ArchivedFile] = []
        copies: list[StoreCopy] = []
        step = Step()
        for line in lines:
            known = WaitingFile.of_document(line.document)
            stored = stored_file(line.document)
            if stored is not None:
                files.append(as_known(stored[0], known))
                copies.append(stored[1])
            else:
                self._update(catalog, line, known, files, step)
            step.done.append(line.id)
        catalog.add_files(files)
        catalog.add_store_copies(_with_readings(catalog, copies))
        self._outbox.take(step)

    def _update(self, catalog: Catalog, line: Line, known: WaitingFile, files: list[ArchivedFile], step: Step) -> None:
        """Of a version that came before: the catalog has it, or it was never archived and may be now."""
        archived = catalog.file(line.name)
        if archived is not None:
            files.append(as_known(archived, known))
        else:
            again = NewLine(name=line.name, document=line.document, size_bytes=line.size_bytes)
            step.added.append((Sink.STORE, again, line.since_ns))


def _with_readings(catalog: Catalog, copies: list[StoreCopy]) -> list[StoreCopy]:
    """The copies, each as its last reading left it: a version that was found there again was not read for that."""
    known = catalog.store_copies([copy.file_id for copy in copies])
    earlier = {copy.id: copy for of_file in known.values() for copy in of_file}
    return [_after_reading(copy, earlier.get(copy.id)) for copy in copies]


def _after_reading(copy: StoreCopy, earlier: StoreCopy | None) -> StoreCopy:
    same = earlier is not None and earlier.version == copy.version and copy.read_back_ns is None
    return earlier if same and earlier is not None else copy
