"""Takes an archive that exists already into the catalog."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from os import fsencode, path, scandir
from pathlib import Path
from typing import Any

from connectors.catalog.catalog import Catalog
from connectors.clock import Clock
from connectors.index_journal import FileStamp, IndexJournal
from connectors.snapshots.limits import ReadLimits
from connectors.spool_intake import SpoolSettings
from connectors.spool_listing import (
    SNAPSHOT_SUFFIX,
    SpoolFile,
    enters,
    make_file,
    name_of,
    trouble_notice,
    walk,
    why_ignored,
)
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError, RecordError, RetryableError
from models.event_time import HOUR_NS, SECOND_NS
from streams.archive.cataloguing.file_description import describe_file

#: The journal's name in the archive's folder.
JOURNAL_NAME = "index.sqlite"

# Files that are asked for, added and noted together, one durable transaction each; and that a thread describes in one
# go: small ones take less than a millisecond. Large ones end both sooner.
_BATCH, _BATCH_BYTES = 500, 1 << 30
_TASK, _TASK_BYTES = 25, 16 << 20
# A recorder's clock may be ahead of this computer's by so much; a time of change beyond is wild and says nothing.
_CLOCKS_APART_NS = HOUR_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """How files are indexed.

    Attributes
    ----------
    root
        The watched folder that the paths lie in, when they do not name it themselves: keys begin below it.
    again
        Read also what is known to be indexed as it lies there.
    threads
        Files that are read at once.
    """

    root: Path | None = None
    again: bool = False
    threads: int = 2
    limits: ReadLimits = field(default_factory=ReadLimits)
    zone: tzinfo = UTC
    spool: SpoolSettings = field(default_factory=SpoolSettings)


@dataclass(slots=True, kw_only=True)
class IndexCounts:
    """What became of the files.

    Attributes
    ----------
    found
        Snapshots by their names; each is one of the others.
    added
        Contents that the catalog did not have.
    known
        Read, but in the catalog already.
    unchanged
        Not read: indexed before, and of the same size and time of change since.
    unsettled
        Left for the next time: perhaps still being written.
    unread
        Could not be read at all, by reason.
    refused
        Of those that were read: no snapshots, or not whole, by reason.
    read_bytes
        Of all that were read.
    folders
        That could not be listed.
    """

    found: int = 0
    added: int = 0
    known: int = 0
    unchanged: int = 0
    unsettled: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    read_bytes: int = 0
    folders: int = 0

    @property
    def complete(self) -> bool:
        """Whether all that was found is in the catalog, but for what is perhaps still being written."""
        return not self.unread and not self.folders

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {
            "found": self.found,
            "added": self.added,
            "known": self.known,
            "unchanged": self.unchanged,
            "unsettled": self.unsettled,
            "unread": dict(sorted(self.unread.items())),
            "refused": dict(sorted(self.refused.items())),
            "read_bytes": self.read_bytes,
            "folders_not_listed": self.folders,
        }


class Indexer:
    """Reads files with some threads; batches go into the catalog, then into the journal, in the order of the walk.

    Killed at any moment it leaves whole batches; the next run reads only what is in none. A file that the journal knows
    as it lies there, and whose content the catalog has, is not read: so a catalog that is begun anew is filled anew.

    Parameters
    ----------
    tell
        Told of each file that can't be read, or not wholly, in one sentence.
    advance
        Told how many files are done, of how many.
    """

    def __init__(
        self,
        catalog: Catalog,
        journal: IndexJournal,
        options: IndexOptions,
        clock: Clock,
        tell: Callable[[str], None],
        advance: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._options = options
        self._clock = clock
        self._tell = tell
        self._advance = advance
        self._total = 0
        self.counts = IndexCounts()

    def index(self, paths: Sequence[Path]) -> IndexCounts:
        """Index what lies in some folders.

        Raises
        ------
        FatalError
            ``index_paths`` for what is no folder, or not below the root; as the catalog and the journal.
        RetryableError
            As the catalog and the journal; what is done is done, and the next run goes on from there.
        """
        folders = index_folders(paths, self._options.root)
        self._total = sum(_count(str(folder)) for _, folder in folders)
        files = (file for root, folder in folders for file in self._settled(root, folder))
        waiting: deque[_Batch] = deque()
        pool = ThreadPoolExecutor(self._options.threads, thread_name_prefix="indexing")
        try:
            for batch in _portions(files, _BATCH, _BATCH_BYTES):
                waiting.append(self._begin(batch, pool))
                if len(waiting) > 1:  # one batch is read while the one before goes into the catalog
                    self._finish(waiting.popleft())
            while waiting:
                self._finish(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)
        return self.counts

    def _settled(self, root: Path, folder: Path) -> Iterator[SpoolFile]:
        """The snapshots below a folder that nobody is writing to."""
        now_ns = self._clock.now_ns()
        for entry in walk(str(folder), lambda _: None):
            if entry.status is None:
                notice = trouble_notice(root, entry.path, entry.trouble) if entry.trouble else None
                if notice is not None:
                    self.counts.folders += 1
                    self._tell(notice.sentence)
                continue
            if why_ignored(name_of(entry.path), entry.status) is not None:
                continue
            file = make_file(root, entry.path, entry.status, now_ns)
            self.counts.found += 1
            if self._is_settled(file):
                yield file
            else:
                self.counts.unsettled += 1

    def _is_settled(self, file: SpoolFile) -> bool:
        spool = self._options.spool
        settle_s = spool.settle_s if file.size else spool.settle_empty_s
        age_ns = self._clock.now_ns() - file.mtime_ns
        return age_ns >= settle_s * SECOND_NS or age_ns < -_CLOCKS_APART_NS

    def _begin(self, files: list[SpoolFile], pool: ThreadPoolExecutor) -> "_Batch":
        """Have those read that are not known to be indexed as they lie there."""
        stamps = [_stamp(file) for file in files]
        ids = {} if self._options.again else self._journal.ids_of(stamps)
        known = self._catalog.known_files(set(ids.values())) if ids else set()
        fresh = [file for file, stamp in zip(files, stamps, strict=True) if ids.get(stamp) not in known]
        self.counts.unchanged += len(files) - len(fresh)
        return _Batch([pool.submit(self._describe, task) for task in _portions(fresh, _TASK, _TASK_BYTES)])

    def _describe(self, files: list[SpoolFile]) -> "list[tuple[SpoolFile, _Described]]":
        """Run by a thread: each file's description, or why there is none."""
        found: list[tuple[SpoolFile, _Described]] = []
        for file in files:
            try:
                described: _Described = describe_file(
                    file.path, root=file.root, limits=self._options.limits, zone=self._options.zone
                )
            except (RecordError, RetryableError) as error:
                described = error
            found.append((file, described))
        return found

    def _finish(self, batch: "_Batch") -> None:
        """Take what was read into the catalog, then into the journal."""
        described: list[tuple[FileStamp, ArchivedFile]] = []
        for task in batch.tasks:
            for file, found in task.result():
                if isinstance(found, ArchivedFile):
                    described.append(
                        (_stamp(file)._replace(size_bytes=found.size_bytes, mtime_ns=found.mtime_ns), found)
                    )
                    self._count(found)
                else:
                    self.counts.unread[found.reason] += 1
                    self._tell(str(found))
        if described:
            added = self._catalog.add_files([file for _, file in described])
            self.counts.added += added
            self.counts.known += len(described) - added
            self._journal.add((stamp, file.id) for stamp, file in described)
        done = self.counts.added + self.counts.known + self.counts.unchanged + self.counts.unread.total()
        self._advance(done + self.counts.unsettled, max(self._total, self.counts.found))

    def _count(self, file: ArchivedFile) -> None:
        self.counts.read_bytes += file.size_bytes
        if file.refused:
            self.counts.refused[file.refused] += 1
            what = "is read in part" if file.records else "can't be read"
            self._tell(f"{file.root}/{file.path} {what} ({file.refused}); it is in the catalog with this reason")


_Described = ArchivedFile | RecordError | RetryableError


@dataclass(frozen=True, slots=True)
class _Batch:
    tasks: list[Future[list[tuple[SpoolFile, _Described]]]]


def index_folders(paths: Sequence[Path], root: Path | None) -> list[tuple[Path, Path]]:
    """Each folder with the root that its files' keys begin below.

    Raises
    ------
    FatalError
        ``index_paths``.
    """
    whole = None if root is None else Path(path.realpath(root))
    folders = [Path(path.realpath(folder)) for folder in paths]
    for folder in folders:
        if not folder.is_dir():
            raise FatalError(f"{folder} is no folder; name one that holds snapshots", reason="index_paths")
        if whole is not None and not folder.is_relative_to(whole):
            raise FatalError(
                f"{folder} does not lie in the root {whole}; name the watched folder", reason="index_paths"
            )
        if any(other != folder and folder.is_relative_to(other) for other in folders):
            raise FatalError(f"{folder} lies in another of the folders; name only one of them", reason="index_paths")
    return [(whole or folder, folder) for folder in dict.fromkeys(folders)]


def _portions(files: Iterable[SpoolFile], most: int, most_bytes: int) -> Iterator[list[SpoolFile]]:
    """Files in portions of at most so many, which end with the file with which they reach so many bytes."""
    portion: list[SpoolFile] = []
    size_bytes = 0
    for file in files:
        portion.append(file)
        size_bytes += file.size
        if len(portion) >= most or size_bytes >= most_bytes:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion


def _stamp(file: SpoolFile) -> FileStamp:
    return FileStamp(_printable(file.path), _printable(file.root), file.size, file.mtime_ns)


def _printable(name: Path) -> str:
    return fsencode(name).decode("utf-8", "backslashreplace")


def _count(folder: str) -> int:
    """How many snapshots there are by their names alone: without their status that takes little time."""
    found, pending = 0, [folder]
    while pending:
        try:
            with scandir(pending.pop()) as listing:
                for entry in listing:
                    if entry.name.endswith(SNAPSHOT_SUFFIX) and not entry.name.startswith("."):
                        found += 1
                    elif enters(entry.name) and entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:  # told of when it is walked through
            continue
    return found
