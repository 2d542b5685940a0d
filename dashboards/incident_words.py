"""Incidents in words and as rows, for pages and reports: what is odd, who has seen it, what was done."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboards.aside_words import aside_words
from dashboards.reason_words import why
from dashboards.words import counted, plain_words, span_words, time_words, utc_words
from models.alarms.alarm import Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident, IncidentState
from models.alarms.put_aside import PutAside
from models.alarms.suppression import Suppression
from models.alerts.alert import Alert
from models.alerts.verdicts import EpisodeVerdict
from models.event_time import SECOND_NS

_SHOWN_SUBJECTS = 3
# Details of steps about alarms; where an alarm has a name they stand in it.
_IN_THE_NAME = frozenset({"kind", "about"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """An incident in a list."""

    id: str
    priority: str
    what: str
    where: str
    origin: str
    first: str
    lasted: str
    episodes: str
    state: str
    standing: str
    seen: str
    unseen: bool
    calm: bool
    aside: str


def incident_rows(
    incidents: Sequence[Incident],
    worst_alerts: Mapping[str, Alert],
    aside: Mapping[str, PutAside] | None = None,
    maintenance: Collection[Suppression] = (),
) -> list[IncidentRow]:
    """A list's rows; of those without a known worst alert the kinds stand for it.

    Parameters
    ----------
    aside, maintenance
        What people have put aside of each, by its id, and where they work; an incident that is put aside is ``calm``.
    """
    return [
        _incident_row(incident, worst_alerts.get(incident.id), (aside or {}).get(incident.id), maintenance)
        for incident in incidents
    ]


def _lasted_words(incident: Incident) -> str:
    """From the first odd shot to the last so far; empty of what goes on without shots, as a receiver's."""
    if incident.state is IncidentState.OPEN and not incident.stages:
        return ""
    if incident.stages and incident.first_shot_ns == incident.last_shot_ns:
        return "1 shot"
    return span_words((incident.last_shot_ns - incident.first_shot_ns) / SECOND_NS)


def _incident_row(
    incident: Incident, worst: Alert | None, aside: PutAside | None, maintenance: Collection[Suppression]
) -> IncidentRow:
    kinds = ", ".join(plain_words(kind) for kind in incident.kinds)
    what = kinds if worst is None else why(worst)
    more = len(incident.subjects) - _SHOWN_SUBJECTS
    where = ", ".join(incident.subjects[:_SHOWN_SUBJECTS]) + (f" and {more} more" if more > 0 else "")
    return IncidentRow(
        id=incident.id,
        priority=incident.priority.value,
        what=what,
        where=where,
        origin=incident.origin,
        first=time_words(incident.first_shot_ns),
        lasted=_lasted_words(incident),
        episodes=episodes_words(incident),
        state=incident.state.value,
        standing=standing_words(incident),
        seen=seen_words(incident),
        unseen=incident.is_unseen,
        calm=aside is not None and aside.is_whole,
        aside="" if aside is None else aside_words(aside, incident.stages, maintenance),
    )


def episodes_words(incident: Incident) -> str:
    """How many episodes it has, and how many go on."""
    still = f", {incident.open_episodes} open" if incident.open_episodes else ""
    return f"{counted(incident.episodes, 'episode')}{still}"


def standing_words(incident: Incident) -> str:
    """Open, over or closed: it stays open for a while after its last episode."""
    if incident.state is not IncidentState.OPEN or incident.open_episodes or incident.closes_ns is None:
        return incident.state.value
    return f"over; closes at {utc_words(incident.closes_ns, seconds=True)} if it does not come back"


def seen_words(incident: Incident) -> str:
    """Who has seen it, if anybody."""
    if incident.is_acknowledged:
        return f"acknowledged by {incident.acknowledged_by} at {utc_words(incident.acknowledged_ns, seconds=True)}"
    return "unacknowledged" if incident.announced_ns is not None else "not announced: shelved, suppressed or delayed"


def verdict_words(verdict: EpisodeVerdict | None) -> str:
    """What was said of an episode last."""
    if verdict is None:
        return ""
    because = f": {verdict.reason}" if verdict.reason else ""
    return f"{verdict.verdict.value}, said {verdict.by} at {utc_words(verdict.at_ns, seconds=True)}{because}"


def audit_rows(entries: Iterable[AuditEntry], names: Mapping[str, str]) -> list[tuple[str, str, str, str, str]]:
    """When, who, what, of what, why; the latest first.

    Parameters
    ----------
    names
        What ids mean to people.
    """
    rows = [
        (
            time_words(entry.at_ns),
            entry.who,
            action_words(entry, names),
            names.get(entry.subject, entry.subject),
            entry.why,
        )
        for entry in entries
    ]
    return rows[::-1]


def action_words(entry: AuditEntry, names: Mapping[str, str]) -> str:
    """What was done, exactly, where ``names`` say what ids mean to people."""
    details = ", ".join(filter(None, (_detail(*each, entry.subject, names) for each in entry.details.items())))
    return f"{plain_words(entry.action)} ({details})" if details else plain_words(entry.action)


def _detail(name: str, value: object, subject: str, names: Mapping[str, str]) -> str:
    """One detail; names of devices and settings, and their values, as they are: they are copied from here."""
    if isinstance(value, Mapping):
        return f"{name} from {_setting_words(value.get('from'))} to {_setting_words(value.get('to'))}"
    if isinstance(value, list):
        unnamed = "incident " if name == "incidents" else ""
        return ", ".join(names.get(str(each), f"{unnamed}{each}") for each in value if each != subject)
    if name.endswith("_ns") and isinstance(value, int):
        return f"{plain_words(name.removesuffix('_ns'))} {utc_words(value)}"
    if value in (None, "") or (name in _IN_THE_NAME and subject in names):
        return ""
    if isinstance(value, bool):
        return f"{plain_words(name)} {'yes' if value else 'no'}"
    return f"{plain_words(name)} {value}"


def _setting_words(value: object) -> str:
    """A value as a settings file has it; nothing where it was not set."""
    if value is None:
        return "nothing"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def subject_names(incident: Incident | None, alarms: Collection[Alarm], alerts: Iterable[Alert]) -> dict[str, str]:
    """What the ids of an incident mean to people."""
    names = {alarm.id: f"{plain_words(alarm.kind)} of {alarm.subject}" for alarm in alarms}
    names |= {alert.id: f"the episode of {utc_words(alert.first_shot_ns)}" for alert in alerts}
    return names | ({} if incident is None else {incident.id: "the incident"})
