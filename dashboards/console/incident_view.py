"""What the pages of incidents show: rows of the list, one incident, the episode that is chosen of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.control_room.receipts import Receipt
from connectors.evidence_store import EvidenceLink
from dashboards.alert_table import cause_of, found_of, place_of, score_of
from dashboards.incident_words import episodes_words, seen_words, standing_words
from dashboards.reason_words import why
from dashboards.words import counted, plain_words, time_words, utc_words
from models.alarms.alarm import Activation, Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident, IncidentState
from models.alarms.life_cycle import words_of
from models.alerts.alert import Alert, AlertStatus
from models.alerts.verdicts import EpisodeVerdict, Verdict

_SHOWN_NEW = 3
VERDICT_WORDS = {
    Verdict.TRUE: "true: something was wrong",
    Verdict.FALSE: "false: nothing was wrong",
    Verdict.UNCLEAR: "unclear",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRow:
    """An episode of an incident."""

    id: str
    severity: str
    what: str
    where: str
    kind: str
    first: str
    shots: str
    state: str
    seen: str
    verdict: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceShot:
    """A shot whose evidence can be looked at; ``words`` say what it is in its episode."""

    role: str
    words: str
    time: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """An alarm, and what an operator may do with it now."""

    id: str
    name: str
    state: str
    note: str
    shelved: bool
    may_reset: bool
    out_of_service: bool


def seen_until(audit: Sequence[AuditEntry]) -> int | None:
    """Up to when what was announced had been seen at the latest acknowledgement, ns since 1970; None without one.

    Parameters
    ----------
    audit
        The entries about an incident, in their order.
    """
    latest = _latest_acknowledgement(audit)
    if latest is None:
        return None
    until = latest.details.get("seen_until_ns")
    return until if isinstance(until, int) else latest.at_ns


def new_since(unseen: Sequence[Activation], audit: Sequence[AuditEntry]) -> str:
    """What was announced after somebody acknowledged last, and who that was; empty when nothing was.

    Parameters
    ----------
    unseen
        What was announced after ``seen_until``, and that nobody has acknowledged.
    """
    latest = _latest_acknowledgement(audit)
    if latest is None or not unseen:
        return ""
    new = [f"{why(each.alert)} ({place_of(each.alert)})" for each in unseen]
    more = f"; and {len(new) - _SHOWN_NEW} more" if len(new) > _SHOWN_NEW else ""
    at = utc_words(latest.at_ns, seconds=True)
    return f"since {latest.who} acknowledged at {at}: {'; '.join(new[:_SHOWN_NEW])}{more}"


def _latest_acknowledgement(audit: Sequence[AuditEntry]) -> AuditEntry | None:
    return next((entry for entry in reversed(audit) if entry.action == "acknowledge"), None)


def incident_facts(incident: Incident, new: str = "") -> list[tuple[str, str]]:
    """What is known of an incident as a whole.

    Parameters
    ----------
    new
        What came since it was acknowledged, if anything.
    """
    closed = f" at {utc_words(incident.closed_ns, seconds=True)}" if incident.state is IncidentState.CLOSED else ""
    facts = [
        ("state", f"{standing_words(incident)}{closed}"),
        ("seen", seen_words(incident)),
        ("new", new),
        ("first shot", utc_words(incident.first_shot_ns)),
        ("latest shot", utc_words(incident.last_shot_ns)),
        ("opened, by the clock", utc_words(incident.opened_ns)),
        ("episodes", episodes_words(incident)),
        ("stages", ", ".join(map(str, incident.stages))),
        ("likely origin", incident.origin),
        ("about", ", ".join(incident.subjects)),
    ]
    return [(name, value) for name, value in facts if value]


def episode_rows(
    members: Sequence[Activation], verdicts: Mapping[str, EpisodeVerdict], chosen: str
) -> list[EpisodeRow]:
    """The episodes of an incident."""
    rows = []
    for member in members:
        alert, verdict = member.alert, verdicts.get(member.alert.id)
        rows.append(
            EpisodeRow(
                id=alert.id,
                severity=alert.severity.value,
                what=why(alert),
                where=place_of(alert),
                kind=plain_words(alert.kind),
                first=time_words(alert.first_shot_ns),
                shots=counted(alert.shots, "shot"),
                state=alert.status.value,
                seen=f"acknowledged by {member.acknowledged_by}" if member.acknowledged_ns is not None else "",
                verdict="" if verdict is None else verdict.verdict.value,
                chosen=alert.id == chosen,
            )
        )
    return rows


def alert_facts(alert: Alert) -> list[tuple[str, str]]:
    """What is known of an episode."""
    facts = [
        ("where", place_of(alert)),
        ("stage", alert.stage.name),
        ("found", plain_words(found_of(alert))),
        ("likely cause", plain_words(cause_of(alert.explanation))),
        ("severity", alert.severity.value),
        ("score", score_of(alert)),
        ("first shot", utc_words(alert.first_shot_ns)),
        ("latest shot", utc_words(alert.last_shot_ns)),
        ("shots", f"{alert.shots:,}"),
        ("state", "open" if alert.status is AlertStatus.OPEN else "closed"),
    ]
    return [(name, value) for name, value in facts if value]


def source_facts(incident: Incident | None, alert: Alert | None) -> list[tuple[str, str]]:
    """What programs and commands know an incident and an episode of it by, and which file and model it is from."""
    facts = [] if incident is None else [("incident", incident.id)]
    if alert is None:
        return facts
    facts += [
        ("alert", alert.id),
        ("model", alert.model),
        ("file", f"{alert.source.file} {alert.source.path}".strip()),
        ("sha256", alert.source.sha256),
    ]
    return [(name, value) for name, value in facts if value]


def evidence_shots(links: Iterable[EvidenceLink], chosen: str) -> list[EvidenceShot]:
    """The shots of an episode that evidence is kept of, each once.

    Parameters
    ----------
    links
        The most telling one first.
    chosen
        The role that is looked at.
    """
    by_time: dict[int, list[str]] = {}
    for each in links:
        by_time.setdefault(each.event_time_ns, []).append(each.role)
    return [
        EvidenceShot(role=roles[0], words=" and ".join(roles), time=time_words(time_ns), chosen=chosen in roles)
        for time_ns, roles in by_time.items()
    ]


def alarm_rows(alarms: Iterable[Alarm]) -> list[AlarmRow]:
    """The alarms of an incident."""
    rows = []
    for alarm in alarms:
        life = alarm.life
        notes = [alarm.covered_why and f"{alarm.covered_by}: {alarm.covered_why}"]
        notes += [f"until {utc_words(life.shelved_until_ns, seconds=True)}"] if life.shelved_until_ns else []
        notes += [f"by {', '.join(life.suppressed_by)}"] if life.suppressed_by else []
        if alarm.acknowledged_ns is not None:
            at = utc_words(alarm.acknowledged_ns, seconds=True)
            notes.append(f"acknowledged last by {alarm.acknowledged_by} at {at}")
        rows.append(
            AlarmRow(
                id=alarm.id,
                name=f"{plain_words(alarm.kind)} of {alarm.subject}",
                state=words_of(alarm.state),
                note="; ".join(note for note in notes if note),
                shelved=life.shelved_until_ns is not None,
                may_reset=life.latched and life.seen and life.condition_since_ns is None,
                out_of_service=life.out_of_service,
            )
        )
    return rows


def receipt_rows(receipts: Iterable[Receipt], alerts: Iterable[Alert]) -> list[tuple[str, str, str, str]]:
    """When, to whom, of what, with what answer; the first first."""
    names = {alert.id: f"{why(alert)} ({place_of(alert)})" for alert in alerts}
    return [
        (
            time_words(receipt.delivered_ns),
            receipt.receiver,
            f"{names.get(receipt.subject_id, 'the incident')}: {plain_words(receipt.type.rpartition('.')[2])}",
            f"{receipt.status}" + (f" at attempt {receipt.attempts}" if receipt.attempts > 1 else ""),
        )
        for receipt in receipts
    ]
