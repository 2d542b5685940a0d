"""What a catalog in SQLite tells of the files' content."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from connectors.catalog.batches import batches
from connectors.catalog.documents import INT64_MIN, in_range, names_of, starts_between, values_of
from connectors.catalog.sqlite_database import BATCH, SqliteDatabase, listed, put_rows
from models.archive.findings import Episode, TripletBucket, Verdict
from models.event_time import MINUTE_NS

# One look-up in the primary key per stage, however many minutes there are.
_STAGES = """WITH RECURSIVE found (stage) AS (
        SELECT min(stage) FROM triplet_buckets
        UNION ALL SELECT (SELECT min(stage) FROM triplet_buckets WHERE stage > found.stage) FROM found
        WHERE found.stage IS NOT NULL)
    SELECT stage FROM found WHERE stage IS NOT NULL"""


class SqliteFindings(SqliteDatabase):
    """The part of ``Catalog`` that is about triplets, episodes and verdicts."""

    def add_triplet_buckets(self, buckets: Iterable[TripletBucket]) -> None:
        """Add or update."""
        self._put("triplet_buckets", buckets)

    def triplet_buckets(self, from_ns: int | None, to_ns: int | None, stage: str = "") -> list[TripletBucket]:
        """By stage and minute; ``stage`` is a pattern."""
        stages = [row["stage"] for row in self._rows(_STAGES)]
        fitting = [name for name in stages if not stage or fnmatchcase(name, stage)]
        begun, before = starts_between(from_ns, to_ns, MINUTE_NS - 1)
        statement = """SELECT * FROM triplet_buckets WHERE stage IN (SELECT value FROM json_each(?))
            AND minute_ns >= ? AND minute_ns < ? ORDER BY stage, minute_ns"""
        return self._records(TripletBucket, self._rows(statement, [listed(fitting), begun, before]))

    def add_episodes(self, episodes: Iterable[Episode]) -> None:
        """Add or update."""
        for batch in batches(episodes, BATCH):
            rows = [tuple(_episode_values(episode).values()) for episode in batch]
            with self._writing() as connection:
                put_rows(connection, "episodes", names_of(Episode), rows)

    def episodes(self, from_ns: int | None, to_ns: int | None) -> list[Episode]:
        """Those that touch a stretch of event time, by first shot and id."""
        longest = self._rows("SELECT max(last_ns - first_ns) AS longest FROM episodes")[0]["longest"]
        begun, before = starts_between(from_ns, to_ns, longest or 0)
        statement = """SELECT * FROM episodes WHERE first_ns >= ? AND first_ns < ? AND last_ns >= ?
            ORDER BY first_ns, id"""
        reached = INT64_MIN if from_ns is None else in_range(from_ns)
        return [
            self._record(Episode, {**dict(row), "document": json.loads(row["document"])})
            for row in self._rows(statement, [begun, before, reached])
        ]

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Add or update."""
        self._put("verdicts", verdicts)

    def verdicts(self, alert_id: str = "") -> list[Verdict]:
        """By time and id."""
        where, values = ("WHERE alert_id = ?", [alert_id]) if alert_id else ("", [])
        statement = f"SELECT * FROM verdicts {where} ORDER BY at_ns, id"  # noqa: S608 - our own terms
        return self._records(Verdict, self._rows(statement, values))


def _episode_values(episode: Episode) -> dict[str, Any]:
    return {**values_of(episode), "document": json.dumps(dict(episode.document), ensure_ascii=False)}
