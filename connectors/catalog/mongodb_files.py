"""The files of a catalog in MongoDB."""

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import CursorNotFound

from connectors.catalog.anomalies import EpisodeFinder, EpisodePlace, Stretch
from connectors.catalog.batches import batches
from connectors.catalog.documents import (
    DESCRIPTION,
    INT64_MIN,
    as_known,
    file_times,
    in_range,
    is_described,
    record_of,
    starts_between,
    values_of,
)
from connectors.catalog.mongodb_copies import MongodbCopies
from connectors.catalog.mongodb_database import BATCH, FEW, Document
from connectors.catalog.mongodb_failures import damaged
from connectors.catalog.mongodb_schema import META, SEQUENCE_ID
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery

_BY_TIME = [("time_ns", 1), ("_id", 1)]
_VERSION = ("key", "mtime_ns", "sequence")
_BY_TAPE = [("date", 1), ("recorder", 1), ("time_ns", 1), ("_id", 1)]
# Kept when a file is added again; those of the description, too, when it comes without one.
_AS_INSERTED = ("_id", "sequence", "bundled")
_OF_DESCRIPTION = (*DESCRIPTION, "time_ns", "end_ns", "span_ns", "valid")
_WORD_INDEXES = {"devices": "by_device", "stages": "by_stage", "states": "by_state"}
# The server merges a few stretches of an index in their order; of many words nearly all files have one.
_FEW_WORDS = 20


class MongodbFiles(MongodbCopies):
    """The part of ``Catalog`` that is about files."""

    _written_words: frozenset[str] = frozenset()

    def add_files(self, files: Iterable[ArchivedFile]) -> int:
        """Add or update files; how many were not known."""
        added = 0
        for batch in batches(files, BATCH):
            found: dict[str, ArchivedFile] = {}
            for file in batch:
                found[file.id] = as_known(file, found.get(file.id))
            self._write_words(found.values())
            first = self._first_number(len(found))
            documents = [_document(file, first + place) for place, file in enumerate(found.values())]
            added += self._put_batch("files", documents, _update)
        return added

    def file(self, id_: str) -> ArchivedFile | None:
        """The file of this id."""
        found = self._all("files", {"_id": id_})
        return self._record(ArchivedFile, found[0]) if found else None

    def known_files(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that the catalog has."""
        return {document["_id"] for document in self._any_of("files", "_id", ids, ("_id",))}

    def unbundled_files(self, limit: int) -> list[ArchivedFile]:
        """Files that are in no bundle yet, ordered by date, recorder, time and id: the order of tapes.

        The mark of a file that is in a bundle only shortens the search. It is missing where a program was killed, and
        on files that became known after their bundle: so those without it are looked for in the bundles, and marked.
        """
        waiting: list[ArchivedFile] = []
        with (
            self._clear(),
            self._database.files.find({"bundled": False}).sort(_BY_TAPE).hint("for_tape") as cursor,
        ):
            for some in batches(cursor, FEW):
                bundled = self.bundles_of([document["_id"] for document in some])
                self._mark_bundled(bundled)
                waiting += [self._record(ArchivedFile, each) for each in some if each["_id"] not in bundled]
                if len(waiting) >= limit:
                    break
        return waiting[:limit]

    def find_files(self, query: FileQuery) -> Iterator[ArchivedFile]:
        """The files that are asked for, by time (those without records by their date), then by id."""
        if query.anomalous is None:
            return self._found(query, INT64_MIN)
        finder = EpisodeFinder(self._episode_places(), self._times_of)
        return finder.chosen(query, self._found)

    def _found(self, query: FileQuery, not_before_ns: int) -> Iterator[ArchivedFile]:
        words = self._words_asked_for(query)
        terms = self._terms(query, not_before_ns) | {field: {"$in": some} for field, some in words.items()}
        documents = self._streamed(terms, _index(terms, words))
        for document in self._latest(documents) if query.latest_only else documents:
            yield self._record(ArchivedFile, document)

    def _streamed(self, terms: Document, index: str) -> Iterator[Document]:
        """One by one. A server forgets who asks for nothing for minutes: it is asked for those after the last one."""
        rest = terms
        while True:
            with self._clear():
                try:
                    with self._database.files.find(rest, batch_size=BATCH).sort(_BY_TIME).hint(index) as cursor:
                        for document in cursor:
                            rest = {"$and": [terms, _after(document)]}
                            yield document
                except CursorNotFound:
                    continue
            return

    def _latest(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The latest versions of their keys."""
        for some in batches(documents, FEW):
            last: dict[str, tuple[int, int]] = {}
            for version in self._any_of("files", "key", {each["key"] for each in some}, _VERSION):
                key, place = version["key"], (version["mtime_ns"], version["sequence"])
                last[key] = max(last.get(key, place), place)
            # By the number alone: its time of change may have become a later one meanwhile.
            yield from (each for each in some if each["sequence"] == last[each["key"]][1])

    def _terms(self, query: FileQuery, not_before_ns: int) -> Document:
        terms: Document = {}
        if query.from_ns is not None or query.to_ns is not None or not_before_ns > INT64_MIN:
            longest = self._longest("files") if query.from_ns is not None else 0
            begun, before = starts_between(query.from_ns, query.to_ns, longest)
            terms["time_ns"] = {"$gte": max(begun, not_before_ns), "$lt": before}
        if query.from_ns is not None:
            terms["end_ns"] = {"$gte": in_range(query.from_ns)}
        if query.valid is not None:
            terms["valid"] = query.valid
        return terms

    def _words_asked_for(self, query: FileQuery) -> dict[str, list[str]]:
        """By field, the words that fit its pattern."""
        asked: dict[str, list[str]] = {"states": [query.state]} if query.state else {}
        for field, pattern in (("devices", query.device), ("stages", query.stage)):
            if pattern:
                words = self._all("words", {"kind": field}, index="by_kind")
                asked[field] = [each["word"] for each in words if fnmatchcase(each["word"], pattern)]
        return asked

    def _write_words(self, files: Iterable[ArchivedFile]) -> None:
        """Before the files that hold them: no file is found less than it should be."""
        words = {
            f"{field}|{word}": {"_id": f"{field}|{word}", "kind": field, "word": word}
            for file in files
            for field in ("devices", "stages")
            for word in getattr(file, field)
        }
        if new := words.keys() - self._written_words:
            self._put("words", [words[id_] for id_ in sorted(new)])
            self._written_words |= new

    def _first_number(self, count: int) -> int:
        """The first of so many numbers in the order in which files become known; nobody else gets them."""
        with self._clear():
            noted = self._database[META].find_one_and_update(
                {"_id": SEQUENCE_ID}, {"$inc": {"n": count}}, return_document=ReturnDocument.AFTER
            )
        if noted is None:
            raise damaged(self._settings, "the number of the last file is missing")
        return int(noted["n"]) - count + 1

    def _episode_places(self) -> Iterator[EpisodePlace]:
        for each in self._all("episodes", {}, fields=EpisodePlace._fields):
            yield EpisodePlace(**{name: each[name] for name in EpisodePlace._fields})

    def _times_of(self, ids: set[str]) -> Iterator[Stretch]:
        for each in self._any_of("files", "_id", ids, ("time_ns", "end_ns")):
            yield Stretch(each["time_ns"], each["end_ns"])


def _document(file: ArchivedFile, sequence: int) -> Document:
    time_ns, end_ns = file_times(file)
    computed = {"time_ns": time_ns, "end_ns": end_ns, "span_ns": end_ns - time_ns, "valid": not file.refused}
    return {"_id": file.id, **values_of(file), **computed, "sequence": sequence, "bundled": False}


def _update(document: Document) -> UpdateOne:
    kept = _AS_INSERTED if is_described(record_of(ArchivedFile, document)) else (*_AS_INSERTED, *_OF_DESCRIPTION)
    changed = {name: value for name, value in document.items() if name not in {*kept, "mtime_ns"}}
    # The later time of change stays, as in ``as_known``.
    return UpdateOne({"_id": document["_id"]}, {"$set": changed, "$max": {"mtime_ns": document["mtime_ns"]}})


def _index(terms: Document, words: dict[str, list[str]]) -> str:
    """Named for the server: it would try several, and may settle on none."""
    if "time_ns" not in terms:
        for field, some in words.items():
            if len(some) <= _FEW_WORDS:
                return _WORD_INDEXES[field]
        if "valid" in terms:
            return "by_validity"
    return "by_time"


def _after(document: Document) -> dict[str, Any]:
    time_ns = document["time_ns"]
    later = [{"time_ns": {"$gt": time_ns}}, {"time_ns": time_ns, "_id": {"$gt": document["_id"]}}]
    return {"time_ns": {"$gte": time_ns}, "$or": later}
