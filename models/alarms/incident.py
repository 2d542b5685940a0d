"""An incident: what happened at one time, which an operator looks at as one thing."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from models.alarms.likely_origin import likely_origin, place_in_chain
from models.alarms.priority import Priority, highest
from models.alerts.alert import AlertKind
from models.devices import NO_STAGE, Stage

_MOST_SUBJECTS = 20


class IncidentState(StrEnum):
    """Whether an episode of it goes on, or could still join."""

    OPEN = "open"
    CLOSED = "closed"


class IncidentStanding(StrEnum):
    """How one that people were told of stands: it goes on and nobody or somebody has seen it, or it ended unseen."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Episodes of one stage at one time, and those up- and downstream that the same shots hit.

    Attributes
    ----------
    id
        Computed from its first alert; it never changes.
    priority
        The highest of its alarms.
    first_shot_ns, last_shot_ns
        Event times of its first and of its latest odd shot so far.
    opened_ns, closed_ns
        By the clock; None while it is open.
    closes_ns
        When it closes unless something joins; None while an episode of it goes on, and once it is closed.
    origin
        The stage where it likely began, in words; empty when none can be named.
    stages
        Those hit, in the order of the beam; empty for files and the installation.
    subjects
        The devices, stages, series that its alerts are about, sorted; at most 20.
    episodes, open_episodes
        How many alerts belong to it, and how many of these are open.
    announced_ns
        When people were told of it first; None while all of it is shelved, suppressed, out of service, or delayed.
    acknowledged_ns, acknowledged_by
        When everything of it that was announced had been acknowledged, and by whom at last; None and empty before.
    revision
        Counts up with each announcement.
    """

    id: str
    first_alert_id: str
    priority: Priority
    state: IncidentState
    first_shot_ns: int
    last_shot_ns: int
    opened_ns: int
    closed_ns: int | None = None
    closes_ns: int | None = None
    origin: str = ""
    stages: tuple[Stage, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    subjects: tuple[str, ...] = ()
    episodes: int = 0
    open_episodes: int = 0
    announced_ns: int | None = None
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""
    revision: int = 0

    @property
    def is_acknowledged(self) -> bool:
        """Whether nothing of it that was announced is unseen."""
        return self.acknowledged_ns is not None

    @property
    def is_unseen(self) -> bool:
        """Whether people were told of something in it that nobody has acknowledged."""
        return self.announced_ns is not None and not self.is_acknowledged

    @property
    def standing(self) -> IncidentStanding:
        """How it stands; only for one that people were told of."""
        if self.is_acknowledged:
            return IncidentStanding.ACKNOWLEDGED
        return IncidentStanding.UNACKNOWLEDGED if self.state is IncidentState.OPEN else IncidentStanding.RETURNED


def incident_id(first_alert_id: str) -> str:
    """16 hexadecimal digits, the same for the same first alert, wherever computed."""
    return hashlib.sha256(f"incident|{first_alert_id}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPart:
    """What the alerts of one alarm are to an incident.

    Attributes
    ----------
    announced, unseen
        How many of them were announced, and how many of these nobody has acknowledged.
    told_now
        One of them was announced in this step.
    """

    kind: AlertKind
    subject: str
    stage: Stage
    priority: Priority
    first_shot_ns: int
    last_shot_ns: int
    episodes: int
    open_episodes: int
    announced: int
    unseen: int
    told_now: bool = False


def summed_up(
    before: Incident, parts: Sequence[IncidentPart], *, now_ns: int, by: str, quiet_ns: int, same_shots_ns: int
) -> Incident:
    """An incident as it stands after a step.

    Parameters
    ----------
    before
        As it stood before; of a new one only what never changes is looked at.
    parts
        At least one.
    by
        Who has made the step: whoever acknowledges the last of it has acknowledged the incident.
    quiet_ns
        It stays open for so long after its last episode, by the clock.
    """
    first_shots: dict[Stage, int] = {}
    for part in parts:
        if part.stage != NO_STAGE:
            first_shots[part.stage] = min(part.first_shot_ns, first_shots.get(part.stage, part.first_shot_ns))
    origin = likely_origin(first_shots, same_shots_ns)
    open_episodes = sum(part.open_episodes for part in parts)
    after = replace(
        before,
        priority=_priority(before, parts),
        first_shot_ns=min(part.first_shot_ns for part in parts),
        last_shot_ns=max(part.last_shot_ns for part in parts),
        origin="" if origin is None else str(origin),
        stages=tuple(sorted(first_shots, key=place_in_chain)),
        kinds=tuple(sorted({part.kind for part in parts})),
        subjects=tuple(sorted({part.subject for part in parts})[:_MOST_SUBJECTS]),
        episodes=sum(part.episodes for part in parts),
        open_episodes=open_episodes,
        announced_ns=_announced_ns(before, parts, now_ns),
    )
    after = _acknowledged(after, any(part.unseen for part in parts), now_ns, by)
    return _closing(before, after, now_ns, quiet_ns)


def is_news(
    before: Incident,
    after: Incident,
    *,
    told_before: Mapping[Stage, int],
    told_after: Mapping[Stage, int],
    same_shots_ns: int,
) -> bool:
    """Whether people who know of an incident are to be told how it stands now, although it neither began nor ended.

    Only of a step in which something of it was announced: what joins it under a cover, or during a delay, is shown and
    wakes nobody.

    Parameters
    ----------
    told_before, told_after
        Of the stages of which something was announced, the first odd shot that was (event time, ns since 1970), before
        the step and after it.
    """
    return (
        after.priority.rank > before.priority.rank
        or not told_after.keys() <= told_before.keys()
        or likely_origin(told_after, same_shots_ns) != likely_origin(told_before, same_shots_ns)
        or (before.is_acknowledged and not after.is_acknowledged)
        # It goes on again, or it did for a moment.
        or (before.state is IncidentState.CLOSED and after.closed_ns != before.closed_ns)
    )


def _priority(before: Incident, parts: Sequence[IncidentPart]) -> Priority:
    """The highest of what was announced, or of all before that.

    It rises with an announcement: what becomes worse under a cover, or during a delay, nobody is told of yet.
    """
    announced = [part for part in parts if part.announced]
    if before.announced_ns is None:
        return highest(part.priority for part in announced or parts)
    return highest(
        part.priority if part.told_now else min(part.priority, before.priority, key=_rank) for part in announced
    )


def _rank(priority: Priority) -> int:
    return priority.rank


def _announced_ns(before: Incident, parts: Sequence[IncidentPart], now_ns: int) -> int | None:
    if before.announced_ns is None and any(part.announced for part in parts):
        return now_ns
    return before.announced_ns


def _acknowledged(incident: Incident, unseen: bool, now_ns: int, by: str) -> Incident:
    if unseen or incident.announced_ns is None:
        return replace(incident, acknowledged_ns=None, acknowledged_by="")
    if incident.is_acknowledged:
        return incident
    return replace(incident, acknowledged_ns=now_ns, acknowledged_by=by)


def _closing(before: Incident, after: Incident, now_ns: int, quiet_ns: int) -> Incident:
    if after.open_episodes:
        return replace(after, state=IncidentState.OPEN, closed_ns=None, closes_ns=None)
    if after.episodes == before.episodes and before.state is IncidentState.CLOSED:
        return after
    ended_now = before.open_episodes or after.episodes > before.episodes or before.closes_ns is None
    closes_ns = now_ns + quiet_ns if ended_now or before.closes_ns is None else before.closes_ns
    if closes_ns <= now_ns:
        return replace(after, state=IncidentState.CLOSED, closed_ns=now_ns, closes_ns=None)
    return replace(after, state=IncidentState.OPEN, closed_ns=None, closes_ns=closes_ns)
