"""Takes what a watch has found out of its state directory into the catalog: triplets, episodes, verdicts."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, takewhile
from pathlib import Path
from typing import TypeVar

from connectors.alert_documents import alert_document
from connectors.catalog.catalog import Catalog
from connectors.control_room.decisions import OperatorDecisions
from connectors.evidence_store import EvidenceLink
from connectors.state.file_changes import ChangedFiles
from models.alerts.alert import Alert, AlertStatus
from models.alerts.verdicts import EpisodeVerdict
from models.archive.archived_file import file_id
from models.archive.findings import Episode, TripletBucket, Verdict
from models.archive.keys import archive_key
from models.devices import NO_STAGE
from models.event_time import DAY_NS, HOUR_NS

Finding = TypeVar("Finding", TripletBucket, Episode, Verdict)

# How far before the earliest news results may still change: joins wait for late records, replaced files take theirs
# back.
_MARGIN_NS = HOUR_NS
_CHANGES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FedFindings:
    """What was new or had changed."""

    buckets: int
    episodes: int
    verdicts: int


@dataclass(frozen=True, slots=True)
class _Latest:
    """What the catalog was given last and did not have before; None of a kind of which nothing was given."""

    bucket: TripletBucket | None = None
    episode: Episode | None = None
    verdict: Verdict | None = None

    def is_in(self, catalog: Catalog) -> bool:
        """Whether the catalog has it: an older one, or one that was begun anew, has not."""
        return (
            _is_among(self.bucket, lambda bucket: catalog.triplet_buckets(bucket.minute_ns, bucket.minute_ns + 1))
            and _is_among(self.episode, lambda episode: catalog.episodes(episode.first_ns, episode.first_ns + 1))
            and _is_among(self.verdict, lambda verdict: catalog.verdicts(verdict.alert_id))
        )


class FindingsFeed:
    """Feeds a catalog from one state directory, also while a watch writes there; not for several threads.

    The first call compares all results with the catalog, day by day, and adds what differs; later ones look only at the
    time since the earliest snapshot that came or changed meanwhile. A catalog that lacks what it was given last is an
    older one: all is compared anew. So nothing has to be remembered: killed at any moment, or with a catalog that is
    begun anew, the next call makes it whole.
    """

    def __init__(self, state: Path, catalog: Catalog) -> None:
        self._state = state
        self._catalog = catalog
        self._numbering = ""
        self._number = 0
        # Episodes that may still change, as the catalog has them.
        self._open: dict[str, Episode] = {}
        self._verdicts = 0
        self._latest = _Latest()

    def feed(self) -> FedFindings:
        """Bring the catalog up to date.

        Raises
        ------
        FatalError, RetryableError
            As ``StateReader``, ``OperatorDecisions`` and ``Catalog``; the next call does what this one has not.
        """
        latest = self._latest
        fed = self._feed()
        # After the writing: what came last before was in the very catalog that has this now.
        if latest.is_in(self._catalog):
            return fed
        self._numbering, self._open, self._verdicts, self._latest = "", {}, 0, _Latest()
        more = self._feed()
        return FedFindings(
            buckets=fed.buckets + more.buckets,
            episodes=fed.episodes + more.episodes,
            verdicts=fed.verdicts + more.verdicts,
        )

    def _feed(self) -> FedFindings:
        verdicts = OperatorDecisions(self._state).verdicts()
        with ChangedFiles.open(self._state) as reader:
            end = reader.changes_end()
            # A directory of an earlier format has no identity: it is looked at as a whole each time.
            followed = bool(end.identity) and end.identity == self._numbering
            from_ns = self._earliest_news(reader) if followed else None
            buckets = self._feed_buckets(reader, from_ns)
            episodes = self._feed_episodes(reader, from_ns)
        given = self._feed_verdicts(verdicts)
        self._numbering, self._number = end.identity, end.number
        return FedFindings(buckets=buckets, episodes=episodes, verdicts=given)

    def _earliest_news(self, reader: ChangedFiles) -> int | None:
        """From when on results may be other ones than at the last call."""
        span = reader.triplet_span()
        earliest_ns = None if span is None else span[1]
        number = self._number
        while changes := reader.file_versions_after(number, _CHANGES_AT_ONCE):
            number = changes[-1].number
            begun = [change.first_ns for change in changes if change.first_ns is not None]
            earliest_ns = min([*begun, *([] if earliest_ns is None else [earliest_ns])], default=None)
        return None if earliest_ns is None else earliest_ns - _MARGIN_NS

    def _feed_buckets(self, reader: ChangedFiles, from_ns: int | None) -> int:
        span = reader.triplet_span()
        if span is None:
            return 0
        first_ns = span[0] if from_ns is None else max(span[0], from_ns)
        changed = 0
        for day_ns in takewhile(lambda day_ns: day_ns <= span[1], count(first_ns // DAY_NS * DAY_NS, DAY_NS)):
            begin_ns = max(day_ns, first_ns)
            known = {bucket.id: bucket for bucket in self._catalog.triplet_buckets(begin_ns, day_ns + DAY_NS)}
            found = list(_buckets(reader, begin_ns, day_ns + DAY_NS))
            fresh = [bucket for bucket in found if bucket != known.get(bucket.id)]
            if fresh:
                self._catalog.add_triplet_buckets(fresh)
                changed += len(fresh)
            self._latest = replace(self._latest, bucket=_latest(self._latest.bucket, found, known))
        return changed

    def _feed_episodes(self, reader: ChangedFiles, from_ns: int | None) -> int:
        known = self._open | {episode.id: episode for episode in self._catalog.episodes(from_ns, None)}
        found = [_episode(alert, links) for alert, links in reader.alerts(from_ns, self._open)]
        fresh = [episode for episode in found if episode != known.get(episode.id)]
        if fresh:
            self._catalog.add_episodes(fresh)
        self._latest = replace(self._latest, episode=_latest(self._latest.episode, found, known))
        self._open = {episode.id: episode for episode in found if episode.status == AlertStatus.OPEN}
        return len(fresh)

    def _feed_verdicts(self, given: Sequence[EpisodeVerdict]) -> int:
        """None of them is ever changed or removed."""
        after = self._verdicts if self._verdicts <= len(given) else 0
        known = {verdict.id: verdict for verdict in self._catalog.verdicts()} if after == 0 and given else {}
        found = list(map(_verdict, given[after:]))
        fresh = [verdict for verdict in found if verdict.id not in known]
        if fresh:
            self._catalog.add_verdicts(fresh)
        self._latest = replace(self._latest, verdict=_latest(self._latest.verdict, found, known))
        self._verdicts = len(given)
        return len(fresh)


def _is_among(given: Finding | None, there: Callable[[Finding], Iterable[Finding]]) -> bool:
    """Whether the catalog still has a finding that was given, if one was; ``there`` asks for those that may be it."""
    return given is None or given.id in {each.id for each in there(given)}


def _latest(before: Finding | None, found: Sequence[Finding], known: Collection[str]) -> Finding | None:
    """What the catalog got now for the first time; else what it got before, or any that it has."""
    new = [finding for finding in found if finding.id not in known]
    if new:
        return new[-1]
    return before or next(reversed(found), None)


def _buckets(reader: ChangedFiles, from_ns: int, to_ns: int) -> Iterator[TripletBucket]:
    for minute in reader.triplet_minutes(from_ns, to_ns):
        yield TripletBucket(
            stage=str(minute.stage),
            minute_ns=minute.minute_ns,
            complete=minute.complete,
            incomplete=minute.incomplete,
            idle=minute.idle,
            anomalous=minute.anomalous,
        )


def _episode(alert: Alert, evidence: Sequence[EvidenceLink]) -> Episode:
    source = alert.source
    return Episode(
        id=alert.id,
        kind=alert.kind.value,
        severity=alert.severity.value,
        status=alert.status.value,
        stage="" if alert.stage == NO_STAGE else str(alert.stage),
        device=alert.device,
        first_ns=alert.first_shot_ns,
        last_ns=alert.last_shot_ns,
        file_id=file_id(archive_key(source.file), source.sha256) if source.file and source.sha256 else "",
        document=alert_document(alert, evidence),
    )


def _verdict(given: EpisodeVerdict) -> Verdict:
    return Verdict(
        id=f"{given.alert_id}|{given.at_ns}|{given.by}",
        alert_id=given.alert_id,
        verdict=given.verdict.value,
        by=given.by,
        at_ns=given.at_ns,
        note=given.reason,
    )
