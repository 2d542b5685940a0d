"""Makes the catalog anew from what lies in the store: for files of which nothing else is left."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.catalog.batches import batches
from connectors.clock import Clock
from connectors.process_lock import LockHeldError, ProcessLock
from models.archive.archived_file import ArchivedFile, file_id
from models.archive.copies import KnownCopies
from models.errors import FatalError, RecordError
from streams.archive.cataloguing.known_copies import known_copies
from streams.archive.cataloguing.stored_description import StoredDescriptions, copy_of
from streams.archive.opened_archive import OpenedArchive
from streams.archive.stored_contents import damage_in

# Keys that the store and the catalog are asked about in one go.
_TOGETHER = 200
Outcome = TypeVar("Outcome")
_LOCK = "rebuild.lock"
_FOLDER = "rebuilt"


@dataclass(slots=True, kw_only=True)
class StoreRebuildCounts:
    """What was found.

    Attributes
    ----------
    files, copies
        That the catalog did not have.
    problems
        Versions that are left out, each told of.
    """

    keys: int = 0
    files: int = 0
    copies: int = 0
    problems: int = 0

    def sentence(self) -> str:
        """The counts in words."""
        return f"keys {self.keys}, files new in the catalog {self.files}, copies {self.copies}"

    def to_json(self) -> dict[str, Any]:
        """The counts as JSON values."""
        return {
            "keys": self.keys,
            "files_added": self.files,
            "copies_added": self.copies,
            "problems": self.problems,
        }


class StoreRebuild:
    """Takes each version in the store into the catalog that this does not have, or has without a copy there.

    Nothing is believed: what is taken in is read, to be described or compared. A portion of keys is durable before the
    next is looked at. Run again, it reads only what is still lacking.

    Parameters
    ----------
    tell
        Told of every version that is left out, in one sentence.
    advance
        Told how many keys are done, of how many.
    """

    def __init__(
        self,
        archive: OpenedArchive,
        clock: Clock,
        *,
        tell: Callable[[str], None],
        advance: Callable[[int, int], None] = lambda _, __: None,
    ) -> None:
        self._archive = archive
        self._catalog = archive.catalog
        self._clock = clock
        self._tell = tell
        self._advance = advance
        self.counts = StoreRebuildCounts()

    def run(self) -> StoreRebuildCounts:
        """Look at all that lies in the store.

        Raises
        ------
        FatalError
            ``configuration``: there is no store; ``rebuild_running``; as catalog and store.
        RetryableError
            As catalog and store; what is done is done.
        """
        store, settings = self._archive.store, self._archive.settings
        if store is None:
            raise FatalError("no store is configured; give archive.store in --config", reason="configuration")
        store.check()
        with self._alone(), ThreadPoolExecutor(settings.archive.uploads, thread_name_prefix="rebuild") as pool:
            descriptions = StoredDescriptions(
                store, self._archive.folder / _FOLDER, limits=settings.reading, zone=settings.zone
            )
            total = sum(1 for _ in _keys(store))
            for keys in batches(_keys(store), _TOGETHER):
                self._take_in(keys, store, descriptions, pool)
                self._advance(self.counts.keys, max(total, self.counts.keys))
        return self.counts

    def _alone(self) -> ProcessLock:
        try:
            return ProcessLock.of_file(self._archive.folder / _LOCK)
        except LockHeldError as error:
            raise FatalError(
                f"{error.holder} makes the catalog anew from the store already; wait for it", reason="rebuild_running"
            ) from error

    def _take_in(
        self, keys: list[str], store: ArchiveStore, descriptions: StoredDescriptions, pool: ThreadPoolExecutor
    ) -> None:
        stored: dict[str, list[StoredVersion]] = {}
        for found in pool.map(_versions(store), keys):
            if isinstance(found, RecordError):
                self._problem(f"{found}; it is left out")
            else:
                stored |= self._contents(found)
        known = known_copies(self._catalog, stored)
        lacking = [id_ for id_ in stored if not known[id_].cataloged]
        described = self._good(lacking, pool.map(_described(descriptions), [stored[id_] for id_ in lacking]))
        uncopied = [id_ for id_ in stored if known[id_].cataloged and not _is_copied(known[id_], store)]
        # It may have been found damaged before the catalog was lost: it is not believed either.
        whole = self._good(uncopied, pool.map(_whole(store), [stored[id_] for id_ in uncopied]))
        now_ns = self._clock.now_ns()
        self.counts.files += self._catalog.add_files(each.file for each in described.values())
        versions = {id_: each.version for id_, each in described.items()} | whole
        copies = [copy_of(id_, store, version, now_ns, read=True) for id_, version in versions.items()]
        self._catalog.add_store_copies(copies)
        self.counts.copies += len(copies)
        self.counts.keys += len(keys)

    def _good(self, ids: list[str], outcomes: Iterable[Outcome | str]) -> dict[str, Outcome]:
        """By their ids, those that there is something of; of the others is told why not."""
        good: dict[str, Outcome] = {}
        for id_, outcome in zip(ids, outcomes, strict=True):
            if isinstance(outcome, str):
                self._problem(outcome)
            else:
                good[id_] = outcome
        return good

    def _contents(self, versions: list[StoredVersion]) -> dict[str, list[StoredVersion]]:
        """The contents under a key by their ids, the oldest first, each with its versions, the latest first."""
        contents: dict[str, list[StoredVersion]] = {}
        for version in reversed(versions):
            if version.sha256:
                contents.setdefault(version.sha256, []).insert(0, version)
            else:
                self._problem(f"no SHA-256 is noted with {version.key}, which another program has put there; left out")
        return {file_id(same[0].key, sha256): same for sha256, same in contents.items()}

    def _problem(self, sentence: str) -> None:
        self.counts.problems += 1
        self._tell(sentence)


@dataclass(frozen=True, slots=True)
class _Described:
    file: ArchivedFile
    version: StoredVersion


def _keys(store: ArchiveStore) -> Iterator[str]:
    """All but what ``petawatch check`` has left there, locked."""
    there = store.keys()
    return (key for key in there if key != PROBE_KEY)


def _versions(store: ArchiveStore) -> Callable[[str], list[StoredVersion] | RecordError]:
    """Asks for the versions of a key; a key of another program may be none that the store can hold."""

    def versions(key: str) -> list[StoredVersion] | RecordError:
        try:
            return store.versions(key)
        except RecordError as error:
            return error

    return versions


def _described(descriptions: StoredDescriptions) -> Callable[[list[StoredVersion]], _Described | str]:
    """Describes a content by the first of its versions that is whole; else why it is left out."""

    def describe(versions: list[StoredVersion]) -> _Described | str:
        try:
            for version in versions:
                if (file := descriptions.describe(version)) is not None:
                    return _Described(file, version)
        except RecordError as error:
            return f"{versions[0].key} can't be described ({error}); it is left out"
        return _damaged(versions[0].key)

    return describe


def _whole(store: ArchiveStore) -> Callable[[list[StoredVersion]], StoredVersion | str]:
    """Finds the first version of a content that is whole; else says that there is none."""

    def whole(versions: list[StoredVersion]) -> StoredVersion | str:
        for version in versions:
            if damage_in(store, version.key, version.version, version.sha256) is None:
                return version
        return _damaged(versions[0].key)

    return whole


def _damaged(key: str) -> str:
    return f"{key} is damaged in the store: its content is not what was archived; it is left out"


def _is_copied(known: KnownCopies, store: ArchiveStore) -> bool:
    return any(copy.store == store.address for copy in known.store_copies)
