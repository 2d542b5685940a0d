"""Which episodes are one incident: those of one stage at one time, and those of other stages hit by the same shots."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from models.alarms.alarm import stage_of, subject_of
from models.alarms.incident import incident_id
from models.alerts.alert import Alert, AlertKind, AlertStatus
from models.devices import NO_STAGE
from models.event_time import SECOND_NS

# Of these one thing is behind all subjects: a laser that rests, full servers, a store that is away, the one drive.
_SCOPES = {
    AlertKind.DATA_STOPPED: "data",
    AlertKind.PIPELINE_LAG: "pipeline",
    AlertKind.ARCHIVE_LATE: "archive",
    AlertKind.RECEIVER_FAILING: "receivers",
    AlertKind.TAPE_TROUBLE: "tape",
    AlertKind.TAPE_WANTED: "tape",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRules:
    """What belongs together. All times are event times.

    Attributes
    ----------
    gap_ns
        Episodes of one stage that overlap, or are no further apart, are one incident.
    same_shots_ns
        Episodes of different stages of one laser arm whose first odd shots are no further apart are one incident: the
        join pairs records within milliseconds, but each device takes another number of odd shots to be sure.
    span_ns
        An incident takes in what begins within so long of the episode that founded it. Else an episode that stays for
        days would draw everything of its stage into one incident that was acknowledged long ago.
    """

    gap_ns: int = 60 * SECOND_NS
    same_shots_ns: int = 2 * SECOND_NS
    span_ns: int = 900 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What is looked at of an alert.

    Attributes
    ----------
    scope
        Episodes of different scopes are never one incident: the laser arm, the recorder's series, the installation's
        part.
    place
        The stage; episodes of one place are joined by overlapping, those of different places by their first shots.
    """

    alert_id: str
    scope: str
    place: str
    first_ns: int
    last_ns: int
    is_open: bool

    @classmethod
    def of_alert(cls, alert: Alert) -> "Episode":
        """That of an alert as it stands."""
        stage = stage_of(alert)
        scope = stage.front_end if stage != NO_STAGE else _SCOPES.get(alert.kind, subject_of(alert))
        return cls(
            alert_id=alert.id,
            scope=scope,
            place=stage.name or scope,
            first_ns=alert.first_shot_ns,
            last_ns=max(alert.first_shot_ns, alert.last_shot_ns),
            is_open=alert.status is AlertStatus.OPEN,
        )


@dataclass(slots=True)
class _Extent:
    """What an incident has of one place."""

    first_ns: int
    last_ns: int
    open_alerts: set[str]


class IncidentGrouping:
    """Puts each episode into exactly one incident, one after the other; ids never change.

    An episode joins the incident of its own stage, else one of another stage with the same shots, else it founds one.
    Of several it takes the one that began first. Two incidents never become one, so that nothing that somebody has
    acknowledged disappears: an episode that arrives late and would connect them belongs to the earlier one.
    """

    def __init__(self, rules: IncidentRules) -> None:
        self._rules = rules
        # Of each incident, the first shot of the episode that founded it: it stays, whatever arrives late. The earliest
        # of all would let episodes that arrive in the reverse order widen an incident without end.
        self._begin: dict[str, int] = {}
        self._extents: dict[tuple[str, str], dict[str, _Extent]] = defaultdict(dict)  # by scope and place
        self._first_shots: dict[str, list[tuple[int, str, str]]] = defaultdict(list)  # by scope, sorted

    def add(self, episode: Episode, incident: str, begin_ns: int) -> None:
        """An episode of which is known where it belongs; the first shot of the episode that founded its incident."""
        self._begin.setdefault(incident, begin_ns)
        extents = self._extents[episode.scope, episode.place]
        extent = extents.setdefault(incident, _Extent(episode.first_ns, episode.last_ns, set()))
        extent.first_ns = min(extent.first_ns, episode.first_ns)
        insort(self._first_shots[episode.scope], (episode.first_ns, episode.place, incident))
        self.changed(episode, incident)

    def changed(self, episode: Episode, incident: str) -> None:
        """An episode goes on, or is over; one that was not added, as of another scope, now is."""
        if incident not in self._extents[episode.scope, episode.place]:
            self.add(episode, incident, episode.first_ns)
            return
        extent = self._extents[episode.scope, episode.place][incident]
        extent.last_ns = max(extent.last_ns, episode.last_ns)
        if episode.is_open:
            extent.open_alerts.add(episode.alert_id)
        else:
            extent.open_alerts.discard(episode.alert_id)

    def place(self, episode: Episode) -> str:
        """Find or found the incident of a new episode, and add it there; the incident's id."""
        fitting = self._of_same_place(episode) or self._of_same_shots(episode)
        found = min(fitting, key=lambda each: (self._begin[each], each), default=incident_id(episode.alert_id))
        self.add(episode, found, episode.first_ns)
        return found

    def _of_same_place(self, episode: Episode) -> set[str]:
        gap_ns = self._rules.gap_ns
        return {
            incident
            for incident, extent in self._extents[episode.scope, episode.place].items()
            if (extent.open_alerts or extent.last_ns + gap_ns >= episode.first_ns)
            and (episode.is_open or episode.last_ns + gap_ns >= extent.first_ns)
            and self._takes_in(incident, episode)
        }

    def _of_same_shots(self, episode: Episode) -> set[str]:
        shots, within_ns = self._first_shots[episode.scope], self._rules.same_shots_ns
        low = bisect_left(shots, (episode.first_ns - within_ns,))
        high = bisect_right(shots, (episode.first_ns + within_ns, "\U0010ffff"))
        return {
            incident
            for _, place, incident in shots[low:high]
            if place != episode.place and self._takes_in(incident, episode)
        }

    def _takes_in(self, incident: str, episode: Episode) -> bool:
        return abs(episode.first_ns - self._begin[incident]) <= self._rules.span_ns


def in_reach(episodes: Iterable[Episode], rules: IncidentRules) -> dict[str, tuple[int, int]]:
    """Which first shots of each scope can decide where these episodes belong: from and up to, both included."""
    reach: dict[str, tuple[int, int]] = {}
    wide_ns = 2 * rules.span_ns  # from the episode to the founding one, and from there to any other
    for episode in episodes:
        low, high = reach.get(episode.scope, (episode.first_ns, episode.first_ns))
        reach[episode.scope] = min(low, episode.first_ns), max(high, episode.first_ns)
    return {scope: (low - wide_ns, high + wide_ns) for scope, (low, high) in reach.items()}
