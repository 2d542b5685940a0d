"""One incident as its page shows it: read together, at one place, for looking and after each step."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.responses import HTMLResponse

from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.receipts import Receipt, ReceiptReader
from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.kept_evidence import by_telling
from connectors.state.reader import StateReader
from dashboards.console.incident_view import (
    VERDICT_WORDS,
    alarm_rows,
    alert_facts,
    episode_rows,
    evidence_shots,
    incident_facts,
    new_since,
    receipt_rows,
)
from dashboards.incident_words import audit_rows, subject_names, verdict_words
from dashboards.reason_words import why
from dashboards.words import link, plain_words, time_words
from models.alarms.alarm import Activation, Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident
from models.alerts.alert import Alert
from models.alerts.verdicts import EpisodeVerdict
from models.devices import RecordKind, parse_device
from models.errors import PetawatchError
from models.event_time import MINUTE_NS, format_iso
from streams.console.pages.steps import LENGTH_CHOICES, NO_STEP, StepTold
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render

_EPISODES = 100
_ALARMS = 50
_AROUND_NS = 30 * MINUTE_NS


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was read; what could not be is empty, and ``troubles`` say why."""

    incident: Incident | None = None
    announced_ns: int | None = None
    members: list[Activation] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    worst_id: str = ""
    alert: Alert | None = None
    evidence: tuple[EvidenceLink, ...] = ()
    verdicts: dict[str, EpisodeVerdict] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def incident_page(
    request: Request,
    incident_id: str,
    alert_id: str = "",
    role: str = "",
    *,
    told: StepTold = NO_STEP,
) -> HTMLResponse:
    """The page of an incident, or of an episode that belongs to none yet.

    Parameters
    ----------
    alert_id
        The episode that is looked at; empty: the worst one.
    told
        What came of a step.
    """
    console = parts(request)
    found = _read(console, incident_id, alert_id)
    if found.incident is None and found.alert is None:
        missing = f"There is no incident {incident_id}." if incident_id else f"There is no alert {alert_id}."
        code, sentence = (503, found.troubles[0]) if found.troubles else (404, missing)
        return render(request, "failure.html", status=code, sentence=sentence, code=code)
    roles = [each.role for each in _by_role(found.evidence)]
    role = role if role in roles else (roles[0] if roles else "")
    return render(
        request,
        "incident.html",
        status=told.status,
        outcome=told,
        troubles=found.troubles,
        incident=_shown_incident(found),
        chosen=None if found.alert is None else _shown_alert(console, found, found.alert, role),
        episodes=episode_rows(found.members, found.verdicts, "" if found.alert is None else found.alert.id),
        alarms=alarm_rows(found.alarms),
        receipts=receipt_rows(found.receipts, [each.alert for each in found.members]),
        audit=audit_rows(
            found.audit, subject_names(found.incident, found.alarms, [each.alert for each in found.members])
        ),
        verdict_choices=[(verdict.value, words) for verdict, words in VERDICT_WORDS.items()],
        shelving_choices=LENGTH_CHOICES,
    )


def _read(console: ConsoleParts, incident_id: str, alert_id: str) -> _Found:
    found = _Found()
    room = console.control_room
    try:
        if incident_id:
            _read_incident(room, found, incident_id)
        chosen = alert_id or found.worst_id
        _read_alert(room, console, found, chosen)
        subjects = [each.alert.id for each in found.members] + ([chosen] if chosen else [])
        if found.incident is not None:
            subjects.append(found.incident.id)
        found.receipts = ReceiptReader(console.state).of_subjects(sorted(set(subjects)))
        entries = room.audit_of([*subjects, *(alarm.id for alarm in found.alarms)])
        found.audit = [entry for entry in entries if _touches(entry, incident_id)]
        found.verdicts = {each.alert_id: each for each in OperatorDecisions(console.state).verdicts()}
    except PetawatchError as error:
        found.troubles.append(sentence_of(error))
    return found


def _read_incident(room: ControlRoomReader, found: _Found, incident_id: str) -> None:
    found.announced_ns = room.latest_announcements([incident_id]).get(incident_id)  # before what is shown is read
    found.incident = room.incident(incident_id)
    if found.incident is not None:
        found.worst_id = room.worst_alerts([found.incident])[incident_id].id
    found.members = room.activations(incident_id, limit=_EPISODES)
    found.alarms = room.alarms(incident=incident_id)[:_ALARMS]


def _touches(entry: AuditEntry, incident_id: str) -> bool:
    """An alarm can be acknowledged while it is unseen in other incidents only."""
    touched = entry.details.get("incidents")
    return entry.action != "acknowledge" or not isinstance(touched, list) or incident_id in touched


def _read_alert(room: ControlRoomReader, console: ConsoleParts, found: _Found, alert_id: str) -> None:
    """The episode with its evidence; one that is beyond those that are listed is put behind them."""
    if not alert_id:
        return
    listed = next((each for each in found.members if each.alert.id == alert_id), None)
    if listed is None and found.incident is not None:
        listed = room.activation(alert_id)
        if listed is not None and listed.incident_id == found.incident.id:
            found.members.append(listed)
    found.alert = None if listed is None else listed.alert
    try:
        with StateReader.open(console.state) as state:
            found.alert = state.alert(alert_id) or found.alert
            found.evidence = state.evidence(alert_id)
    except PetawatchError as error:
        found.troubles.append(sentence_of(error))


def _by_role(links: Sequence[EvidenceLink]) -> list[EvidenceLink]:
    """Those that are kept, the most telling one first."""
    return by_telling(each for each in links if each.npz != EXPIRED)


def _shown_incident(found: _Found) -> dict[str, object] | None:
    incident = found.incident
    if incident is None:
        return None
    return {
        "id": incident.id,
        "priority": incident.priority.value,
        "state": incident.state.value,
        "facts": incident_facts(incident, new_since(found.members, found.audit)),
        "unseen": incident.is_unseen,
        "announced_ns": found.announced_ns,
        "more_episodes": max(incident.episodes - len(found.members), 0),
    }


def _shown_alert(console: ConsoleParts, found: _Found, alert: Alert, role: str) -> dict[str, object]:
    evidence = _by_role(found.evidence)
    at_ns = next((each.event_time_ns for each in evidence if each.role == role), alert.first_shot_ns)
    rules = console.settings.alarms.rules(alert.kind)
    stretch = {"from_": format_iso(at_ns - _AROUND_NS), "to": format_iso(at_ns + _AROUND_NS)}
    path = f"/incidents/alert/{alert.id}"
    camera = parse_device(alert.device).kind is RecordKind.CAMERA
    return {
        "id": alert.id,
        "why": why(alert),
        "severity": alert.severity.value,
        "kind": plain_words(alert.kind),
        "facts": alert_facts(alert),
        "guidance": [
            ("what it means", rules.meaning),
            ("why it is an alarm", rules.rationale),
            ("what to check", rules.check),
            ("whom to call", rules.call),
        ],
        "shots": evidence_shots(evidence, role),
        "evidence": f"{path}/evidence/{role}" if role else "",
        "expired": bool(found.evidence) and not evidence,
        "around": link(f"{path}/around", at=at_ns),
        "at": time_words(at_ns),
        "shot_page": f"{path}/shot",
        "stage_history": link(f"/stages/{alert.stage}", **stretch) if alert.stage.amp else "",
        "camera_history": link(f"/cameras/{alert.device}", **stretch) if camera else "",
        "verdict": verdict_words(found.verdicts.get(alert.id)),
    }
