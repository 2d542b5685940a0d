"""The files of a catalog in SQLite."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from connectors.catalog.anomalies import EpisodeFinder, EpisodePlace, Stretch
from connectors.catalog.batches import batches
from connectors.catalog.documents import INT64_MIN, as_known, file_times, in_range, names_of
from connectors.catalog.sqlite_database import BATCH, SqliteDatabase, listed
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery

_PAGE = 500
_CONTENT = ("devices", "stages", "states")
_OWN = tuple(name for name in names_of(ArchivedFile) if name not in _CONTENT)
_COLUMNS = ", ".join([*(f"f.{name}" for name in _OWN), *(f"c.{name}" for name in _CONTENT)])
# CROSS JOIN keeps the order: the files by their index, the content of each by its number.
_SELECT = f"SELECT {_COLUMNS}, f.time_ns FROM files AS f CROSS JOIN contents AS c ON c.n = f.content"  # noqa: S608 - our own names
_IS_LATEST = (
    "NOT EXISTS (SELECT 1 FROM files AS later WHERE later.key = f.key"
    " AND (later.mtime_ns, later.n) > (f.mtime_ns, f.n))"
)
_WRITTEN = (*_OWN, "id", "time_ns", "end_ns", "content")
_UPSERT = (
    f"INSERT INTO files ({', '.join(_WRITTEN)}, bundled) VALUES ({', '.join(f':{name}' for name in _WRITTEN)}, "  # noqa: S608 - our own names
    "EXISTS (SELECT 1 FROM bundle_members WHERE file_id = :id)) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _WRITTEN if name != 'id')}"
)


class SqliteFiles(SqliteDatabase):
    """The part of ``Catalog`` that is about files."""

    def add_files(self, files: Iterable[ArchivedFile]) -> int:
        """Add or update files; how many were not known."""
        added = 0
        for batch in batches(files, BATCH):
            with self._writing() as connection:
                known = self._of_ids({file.id for file in batch})
                added += len({file.id for file in batch} - known.keys())
                changed: dict[str, ArchivedFile] = {}
                for file in batch:
                    before = known.get(file.id)
                    known[file.id] = as_known(file, before)
                    if known[file.id] != before:
                        changed[file.id] = known[file.id]
                numbers = _content_numbers(connection, changed.values())
                connection.executemany(_UPSERT, (_row(file, numbers[_content(file)]) for file in changed.values()))
        return added

    def file(self, id_: str) -> ArchivedFile | None:
        """The file of this id."""
        return self._of_ids({id_}).get(id_)

    def known_files(self, ids: Collection[str]) -> set[str]:
        """Those of the ids that the catalog has."""
        rows = self._rows("SELECT id FROM files WHERE id IN (SELECT value FROM json_each(?))", [listed(ids)])
        return {row["id"] for row in rows}

    def unbundled_files(self, limit: int) -> list[ArchivedFile]:
        """Files that are in no bundle yet, ordered by date, recorder, time and id: the order of tapes."""
        order = "ORDER BY f.date, f.recorder, f.time_ns, f.id LIMIT ?"
        return [self._file_of(row) for row in self._rows(f"{_SELECT} WHERE f.bundled = 0 {order}", [limit])]

    def find_files(self, query: FileQuery) -> Iterator[ArchivedFile]:
        """The files that are asked for, by time (those without records by their date), then by id."""
        if query.anomalous is None:
            return self._found(query, INT64_MIN)
        finder = EpisodeFinder(self._episode_places(), self._times_of)
        return finder.chosen(query, self._found)

    def _found(self, query: FileQuery, not_before_ns: int) -> Iterator[ArchivedFile]:
        """Page by page, each begun after the last file: nothing is held open while files are looked at."""
        terms, values = self._terms(query)
        after = (max(self._earliest_start(query), not_before_ns), "")
        conditions = " AND ".join(["(f.time_ns, f.id) > (?, ?)", *terms])
        statement = f"{_SELECT} WHERE {conditions} ORDER BY f.time_ns, f.id LIMIT {_PAGE}"
        while page := self._rows(statement, [*after, *values]):
            yield from map(self._file_of, page)
            if len(page) < _PAGE:
                return
            after = (page[-1]["time_ns"], f"{page[-1]['key']}@{page[-1]['sha256']}")

    def _earliest_start(self, query: FileQuery) -> int:
        """No file that begins earlier reaches the time asked for: none is longer than the longest."""
        if query.from_ns is None:
            return INT64_MIN
        longest = self._rows("SELECT max(end_ns - time_ns) AS longest FROM files")[0]["longest"]
        return in_range(query.from_ns - (longest or 0))

    def _terms(self, query: FileQuery) -> tuple[list[str], list[Any]]:
        terms: list[str] = []
        values: list[Any] = []
        if query.from_ns is not None:
            terms.append("f.end_ns >= ?")
            values.append(in_range(query.from_ns))
        if query.to_ns is not None:
            terms.append("f.time_ns < ?")
            values.append(in_range(query.to_ns))
        if query.device or query.stage or query.state:
            terms.append("f.content IN (SELECT value FROM json_each(?))")
            values.append(listed(self._contents(query)))
        if query.valid is not None:
            terms.append("f.refused = ''" if query.valid else "f.refused <> ''")
        if query.latest_only:
            terms.append(_IS_LATEST)
        return terms, values

    def _contents(self, query: FileQuery) -> list[int]:
        """The numbers of the contents that are asked for: they are few, whatever the number of files."""
        return [
            row["n"]
            for row in self._rows("SELECT n, devices, stages, states FROM contents")
            if _fits(row["devices"], query.device)
            and _fits(row["stages"], query.stage)
            and (not query.state or query.state in _words(row["states"]))
        ]

    def _episode_places(self) -> Iterator[EpisodePlace]:
        return map(EpisodePlace._make, self._rows("SELECT stage, device, first_ns, last_ns, file_id FROM episodes"))

    def _times_of(self, ids: set[str]) -> Iterator[Stretch]:
        statement = "SELECT time_ns, end_ns FROM files WHERE id IN (SELECT value FROM json_each(?))"
        return map(Stretch._make, self._rows(statement, [listed(ids)]))

    def _of_ids(self, ids: set[str]) -> dict[str, ArchivedFile]:
        statement = f"{_SELECT} WHERE f.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
        rows = self._rows(statement, [listed(ids)])
        return {file.id: file for file in map(self._file_of, rows)}

    def _file_of(self, row: sqlite3.Row) -> ArchivedFile:
        return self._record(ArchivedFile, {**dict(row), **{name: _words(row[name]) for name in _CONTENT}})


def _content(file: ArchivedFile) -> tuple[str, ...]:
    return tuple(listed(words) for words in (file.devices, file.stages, file.states))


def _content_numbers(connection: sqlite3.Connection, files: Iterable[ArchivedFile]) -> dict[Sequence[str], int]:
    """The number of each content that occurs, given when it is new."""
    contents = {_content(file) for file in files}
    connection.executemany("INSERT OR IGNORE INTO contents (devices, stages, states) VALUES (?, ?, ?)", contents)
    find = "SELECT n FROM contents WHERE devices = ? AND stages = ? AND states = ?"
    return {content: connection.execute(find, content).fetchone()[0] for content in contents}


def _row(file: ArchivedFile, content: int) -> dict[str, Any]:
    time_ns, end_ns = file_times(file)
    own = {name: getattr(file, name) for name in _OWN}
    return {**own, "id": file.id, "time_ns": time_ns, "end_ns": end_ns, "content": content}


def _fits(words: str, pattern: str) -> bool:
    return not pattern or any(fnmatchcase(word, pattern) for word in _words(words))


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
