"""What a catalog in MongoDB tells of the files' content."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from connectors.catalog.documents import INT64_MIN, in_range, starts_between, values_of
from connectors.catalog.mongodb_database import Document, MongodbDatabase
from models.archive.findings import Episode, TripletBucket, Verdict
from models.event_time import MINUTE_NS


class MongodbFindings(MongodbDatabase):
    """The part of ``Catalog`` that is about triplets, episodes and verdicts."""

    def add_triplet_buckets(self, buckets: Iterable[TripletBucket]) -> None:
        """Add or update."""
        self._put("triplet_buckets", ({"_id": bucket.id, **values_of(bucket)} for bucket in buckets))

    def triplet_buckets(self, from_ns: int | None, to_ns: int | None, stage: str = "") -> list[TripletBucket]:
        """By stage and minute; ``stage`` is a pattern."""
        begun, before = starts_between(from_ns, to_ns, MINUTE_NS - 1)
        return [
            self._record(TripletBucket, document)
            for name in self._stages()
            if not stage or fnmatchcase(name, stage)
            for document in self._all(
                "triplet_buckets",
                {"stage": name, "minute_ns": {"$gte": begun, "$lt": before}},
                ("minute_ns",),
                index="by_stage",
            )
        ]

    def add_episodes(self, episodes: Iterable[Episode]) -> None:
        """Add or update."""
        self._put("episodes", map(_episode_document, episodes))

    def episodes(self, from_ns: int | None, to_ns: int | None) -> list[Episode]:
        """Those that touch a stretch of event time, by first shot and id."""
        begun, before = starts_between(from_ns, to_ns, self._longest("episodes"))
        reached = INT64_MIN if from_ns is None else in_range(from_ns)
        terms = {"first_ns": {"$gte": begun, "$lt": before}, "last_ns": {"$gte": reached}}
        documents = self._all("episodes", terms, ("first_ns", "_id"), index="by_time")
        return [self._record(Episode, document) for document in documents]

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Add or update."""
        self._put("verdicts", ({"_id": verdict.id, **values_of(verdict)} for verdict in verdicts))

    def verdicts(self, alert_id: str = "") -> list[Verdict]:
        """By time and id."""
        terms, index = ({"alert_id": alert_id}, "by_alert") if alert_id else ({}, "by_time")
        return [self._record(Verdict, each) for each in self._all("verdicts", terms, ("at_ns", "_id"), index=index)]

    def _stages(self) -> Iterator[str]:
        """Each by one look-up in the index, however many minutes there are."""
        stage = ""
        while True:
            with self._clear():
                found = self._database.triplet_buckets.find_one(
                    {"stage": {"$gt": stage}}, {"stage": 1}, sort=[("stage", 1), ("minute_ns", 1)], hint="by_stage"
                )
            if found is None:
                return
            stage = str(found["stage"])
            yield stage


def _episode_document(episode: Episode) -> Document:
    values = {**values_of(episode), "document": dict(episode.document)}
    return {"_id": episode.id, **values, "span_ns": episode.last_ns - episode.first_ns}
