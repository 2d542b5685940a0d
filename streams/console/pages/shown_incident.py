"""One incident as its page shows it: read together, at one place, for looking and after each step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    seen_until,
    source_facts,
)
from dashboards.incident_words import audit_rows, subject_names, verdict_words
from dashboards.reason_words import why
from dashboards.words import link, plain_words, utc_words
from models.alarms.alarm import Activation, Alarm, alarm_id
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident
from models.alarms.life_cycle import AlarmState
from models.alerts.alert import Alert
from models.alerts.verdicts import EpisodeVerdict
from models.devices import RecordKind, parse_device
from models.errors import PetawatchError
from models.event_time import MINUTE_NS, format_iso
from streams.console.pages.paged import ONE_PAGE, Paged, nearest_page, page_links
from streams.console.pages.steps import LENGTH_CHOICES, NO_STEP, StepTold
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render

# Of each a page has so many: what is shown is made, sent and drawn again with every step and every change.
_EPISODES = 25
_ALARMS = 5
_AROUND_NS = 30 * MINUTE_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLook:
    """What somebody looks at of an incident.

    Attributes
    ----------
    alert
        The episode that is chosen; empty: the worst one.
    role
        Which of its shots; empty: the most telling one.
    episodes, alarms
        The pages of the lists, from 1; 0: that with what is chosen.
    """

    alert: str = ""
    role: str = ""
    episodes: int = 0
    alarms: int = 0


@dataclass(slots=True, kw_only=True)
class _Found:
    """What was read in the state directory ``place``; what could not be is empty, and ``troubles`` say why.

    ``beside`` is a picture of another episode, where that which is chosen has none.
    """

    place: Path
    incident: Incident | None = None
    announced_ns: int | None = None
    episodes: Paged = ONE_PAGE
    members: list[Activation] = field(default_factory=list)
    unseen: list[Activation] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    worst_id: str = ""
    alert: Alert | None = None
    evidence: tuple[EvidenceLink, ...] = ()
    beside: tuple[Alert, EvidenceLink] | None = None
    verdicts: dict[str, EpisodeVerdict] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def incident_page(
    request: Request,
    incident_id: str,
    look: IncidentLook,
    *,
    told: StepTold = NO_STEP,
) -> HTMLResponse:
    """The page of an incident, or of an episode that belongs to none yet.

    Parameters
    ----------
    told
        What came of a step.
    """
    console, alert_id = parts(request), look.alert
    found = _read(console, incident_id, look)
    if found.incident is None and found.alert is None:
        missing = f"There is no incident {incident_id}." if incident_id else f"There is no alert {alert_id}."
        code, sentence = (503, found.troubles[0]) if found.troubles else (404, missing)
        return render(request, "failure.html", status=code, sentence=sentence, code=code)
    roles = [each.role for each in _by_role(found.evidence)]
    role = look.role if look.role in roles else (roles[0] if roles else "")
    alarms = nearest_page(len(found.alarms), look.alarms, _ALARMS)
    path = f"/incidents/{incident_id}"
    pages = {"alert": look.alert, "episodes": look.episodes, "alarms": look.alarms}
    return render(
        request,
        "incident.html",
        status=told.status,
        outcome=told,
        troubles=found.troubles,
        incident=_shown_incident(found),
        chosen=None if found.alert is None else _shown_alert(console, found, found.alert, role),
        beside=_shown_beside(found, incident_id),
        sources=source_facts(found.incident, found.alert),
        count=max(found.episodes.entries, len(found.members)),
        episodes=episode_rows(found.members, found.verdicts, "" if found.alert is None else found.alert.id),
        episode_pages=page_links(found.episodes, path, pages, "episodes"),
        alarms=alarm_rows(found.alarms[alarms.first : alarms.end]),
        alarm_pages=page_links(alarms, path, pages, "alarms"),
        receipts=receipt_rows(found.receipts, [each.alert for each in found.members]),
        audit=audit_rows(
            found.audit, subject_names(found.incident, found.alarms, [each.alert for each in found.members])
        ),
        verdict_choices=[(verdict.value, words) for verdict, words in VERDICT_WORDS.items()],
        shelving_choices=LENGTH_CHOICES,
    )


def _read(console: ConsoleParts, incident_id: str, look: IncidentLook) -> _Found:
    found = _Found(place=console.state)
    try:
        found.place = console.control_room.place_of(incident_id or look.alert)
        room = ControlRoomReader(found.place)
        if incident_id:
            _read_incident(room, found, incident_id, look)
        chosen = look.alert or found.worst_id
        _read_alert(room, found, chosen)
        first = "" if found.alert is None else alarm_id(found.alert)
        found.alarms.sort(key=lambda alarm: (alarm.id != first, alarm.state is AlarmState.NORMAL))
        subjects = {*(each.alert.id for each in found.members), chosen, incident_id} - {""}
        found.receipts = ReceiptReader(found.place).of_subjects(sorted(subjects))
        entries = room.audit_of([*subjects, *(alarm.id for alarm in found.alarms)])
        found.audit = [entry for entry in entries if _touches(entry, incident_id)]
        seen_ns = seen_until(found.audit)
        if seen_ns is not None and found.incident is not None and found.incident.is_unseen:
            found.unseen = room.unseen(incident_id, seen_ns)
        found.verdicts = {each.alert_id: each for each in OperatorDecisions(found.place).verdicts()}
    except PetawatchError as error:
        found.troubles.append(sentence_of(error))
    return found


def _read_incident(room: ControlRoomReader, found: _Found, incident_id: str, look: IncidentLook) -> None:
    found.announced_ns = room.latest_announcements([incident_id]).get(incident_id)  # before what is shown is read
    found.incident = room.incident(incident_id)
    worst_first = room.worst_first(incident_id)
    found.worst_id = next(iter(worst_first), "")
    chosen = worst_first.index(look.alert) if look.alert in worst_first else 0
    found.episodes = page = nearest_page(len(worst_first), look.episodes or chosen // _EPISODES + 1, _EPISODES)
    found.members = room.activations_of(worst_first[page.first : page.end])
    found.alarms = room.alarms(incident=incident_id)


def _touches(entry: AuditEntry, incident_id: str) -> bool:
    """An alarm can be acknowledged while it is unseen in other incidents only."""
    touched = entry.details.get("incidents")
    return entry.action != "acknowledge" or not isinstance(touched, list) or incident_id in touched


def _read_alert(room: ControlRoomReader, found: _Found, alert_id: str) -> None:
    """The episode with its evidence."""
    if not alert_id:
        return
    member = next((each for each in found.members if each.alert.id == alert_id), None) or room.activation(alert_id)
    found.alert = None if member is None else member.alert
    try:
        with StateReader.open(found.place) as state:
            found.alert = state.alert(alert_id) or found.alert
            found.evidence = state.evidence(alert_id)
            if found.alert is not None and not found.evidence:
                found.beside = _picture_beside(state, found.alert, found.members)
    except PetawatchError as error:
        found.troubles.append(sentence_of(error))


def _picture_beside(
    state: StateReader, chosen: Alert, members: Sequence[Activation]
) -> tuple[Alert, EvidenceLink] | None:
    """The worst episode of the same incident with a picture, and its most telling one: of the same shots, if there is.

    Parameters
    ----------
    members
        The worst first.
    """
    others = [each.alert for each in members if parse_device(each.alert.device).kind is RecordKind.CAMERA]

    def apart(other: Alert) -> tuple[bool, bool]:
        meets = other.first_shot_ns <= chosen.last_shot_ns and chosen.first_shot_ns <= other.last_shot_ns
        return not meets, other.stage != chosen.stage

    for other in sorted(others, key=apart):
        if kept := _by_role(state.evidence(other.id)):
            return other, kept[0]
    return None


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
        "facts": incident_facts(incident, new_since(found.unseen, found.audit)),
        "unseen": incident.is_unseen,
        "announced_ns": found.announced_ns,
    }


def _shown_alert(console: ConsoleParts, found: _Found, alert: Alert, role: str) -> dict[str, object]:
    evidence = _by_role(found.evidence)
    at_ns = next((each.event_time_ns for each in evidence if each.role == role), alert.first_shot_ns)
    rules = console.settings.alarms.rules(alert.kind)
    stretch = {"from_": format_iso(at_ns - _AROUND_NS), "to": format_iso(at_ns + _AROUND_NS)}
    path = f"/incidents/alert/{alert.id}"
    has_shots = bool(alert.device or alert.stage.amp)
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
        "has_shots": has_shots,
        "around": link(f"{path}/around", at=at_ns),
        "at": utc_words(at_ns),
        "shot_page": f"{path}/shot",
        "stage_history": link(f"/stages/{alert.stage}", **stretch) if alert.stage.amp else "",
        "camera_history": link(f"/cameras/{alert.device}", **stretch) if camera else "",
        "verdict": verdict_words(found.verdicts.get(alert.id)),
    }


def _shown_beside(found: _Found, incident_id: str) -> dict[str, str] | None:
    if found.beside is None or found.alert is None:
        return None
    other, kept = found.beside
    return {
        "why": why(other),
        "where": other.device,
        "at": utc_words(kept.event_time_ns),
        "same": "yes" if found.alert.first_shot_ns <= kept.event_time_ns <= found.alert.last_shot_ns else "",
        "address": link(f"/incidents/{incident_id}", alert=other.id),
        "evidence": f"/incidents/alert/{other.id}/evidence/{kept.role}",
    }
