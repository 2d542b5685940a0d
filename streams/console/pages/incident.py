"""One incident: its episodes with the evidence, and what an operator does about them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connectors.links import ALERT_PATH
from dashboards.words import link, utc_words
from models.alerts.verdicts import Verdict
from streams.alarms.alarm_desk import LONGEST_WHY, AlarmDesk
from streams.console.desk import at_desk_of
from streams.console.guards import Operator
from streams.console.pages.shown_incident import IncidentLook, incident_page
from streams.console.pages.steps import answered, end_of
from streams.console.parts import parts
from streams.deciding import give_verdict

router = APIRouter()

_ALERT = "/incidents/alert/{alert_id}"
_MOST_PAGES = 10_000
_Id = Annotated[str, Form(max_length=16)]
_Why = Annotated[str, Form(max_length=LONGEST_WHY)]


@router.get(ALERT_PATH + "{alert_id}")
@router.get(_ALERT)
def alert(request: Request, alert_id: str) -> Response:
    """The permanent link of an alert: its incident, with the episode chosen."""
    member = parts(request).control_room.activation(alert_id)
    if member is None:
        return incident_page(request, "", IncidentLook(alert=alert_id))
    return RedirectResponse(link(f"/incidents/{member.incident_id}", alert=alert_id), 303)


@router.get("/incidents/{incident_id}")
def incident(
    request: Request,
    incident_id: str,
    alert: Annotated[str, Query(max_length=16)] = "",
    role: Annotated[str, Query(max_length=10)] = "",
    episodes: Annotated[int, Query(ge=0, le=_MOST_PAGES)] = 0,
    alarms: Annotated[int, Query(ge=0, le=_MOST_PAGES)] = 0,
) -> HTMLResponse:
    """An incident with one of its episodes."""
    parts(request).alert_pages.warm()
    return incident_page(request, incident_id, IncidentLook(alert=alert, role=role, episodes=episodes, alarms=alarms))


@router.post("/incidents/{incident_id}/acknowledge")
def acknowledge(
    request: Request,
    incident_id: str,
    who: Operator,
    alert: _Id = "",
    why: _Why = "",
    seen: Annotated[int | None, Form(ge=0, lt=2**63)] = None,
) -> Response:
    """Somebody has seen what the page showed of an incident: what was announced up to ``seen``, ns since 1970."""

    def step() -> str:
        console = parts(request)
        at_desk_of(request, incident_id, lambda desk: desk.acknowledge(incident_id, by=who.name, why=why, seen_ns=seen))
        done = f"Acknowledged by {who.name} at {utc_words(console.clock.now_ns(), seconds=True)}."
        after = console.control_room.incident(incident_id)
        newer = after is not None and after.is_unseen
        return f"{done} What was announced after the page was made stays unacknowledged." if newer else done

    return _answer(request, incident_id, alert, step)


@router.post(_ALERT + "/verdict")
def verdict(
    request: Request,
    alert_id: str,
    who: Operator,
    verdict: Annotated[Verdict, Form()],
    incident: _Id = "",
    why: _Why = "",
) -> Response:
    """Somebody says whether there was something."""

    def step() -> str:
        console = parts(request)
        place = console.control_room.place_of(alert_id)
        give_verdict(place, alert_id, verdict, why, console.clock, by=who.name)
        return f"The verdict of {who.name} is {verdict.value}."

    return _answer(request, incident, alert_id, step)


@router.post("/alarms/{alarm_id}/shelve")
def shelve(
    request: Request,
    alarm_id: str,
    who: Operator,
    length: Annotated[str, Form(max_length=10)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
    incident: _Id = "",
    alert: _Id = "",
    why: _Why = "",
) -> Response:
    """Put an alarm off; always with an end."""

    def step() -> str:
        until_ns = end_of(parts(request), length, until)
        beside = at_desk_of(
            request, alarm_id, lambda desk: desk.shelve(alarm_id, until_ns=until_ns, by=who.name, why=why)
        )
        return " ".join([f"Shelved by {who.name} until {utc_words(until_ns, seconds=True)}.", *beside])

    return _answer(request, incident, alert, step)


@router.post("/alarms/{alarm_id}/unshelve")
def unshelve(
    request: Request, alarm_id: str, who: Operator, incident: _Id = "", alert: _Id = "", why: _Why = ""
) -> Response:
    """End a shelving."""
    return _at_desk(
        request,
        alarm_id,
        incident,
        alert,
        lambda desk: desk.unshelve(alarm_id, by=who.name, why=why),
        f"{who.name} ended the shelving.",
    )


@router.post("/alarms/{alarm_id}/take-out")
def take_out(
    request: Request, alarm_id: str, who: Operator, incident: _Id = "", alert: _Id = "", why: _Why = ""
) -> Response:
    """Nobody wants to hear of an alarm until it is put back."""
    return _at_desk(
        request,
        alarm_id,
        incident,
        alert,
        lambda desk: desk.take_out(alarm_id, by=who.name, why=why),
        f"Taken out of service by {who.name}, until somebody puts it back.",
    )


@router.post("/alarms/{alarm_id}/put-back")
def put_back(
    request: Request, alarm_id: str, who: Operator, incident: _Id = "", alert: _Id = "", why: _Why = ""
) -> Response:
    """It is heard of again."""
    return _at_desk(
        request,
        alarm_id,
        incident,
        alert,
        lambda desk: desk.put_back(alarm_id, by=who.name, why=why),
        f"Put back into service by {who.name}.",
    )


@router.post("/alarms/{alarm_id}/reset")
def reset(
    request: Request, alarm_id: str, who: Operator, incident: _Id = "", alert: _Id = "", why: _Why = ""
) -> Response:
    """Let go of an alarm that latches."""
    return _at_desk(
        request,
        alarm_id,
        incident,
        alert,
        lambda desk: desk.reset(alarm_id, by=who.name, why=why),
        f"Reset by {who.name}.",
    )


def _at_desk(
    request: Request, alarm_id: str, incident_id: str, alert_id: str, take: Callable[[AlarmDesk], object], done: str
) -> Response:
    """The answer to a step about an alarm; ``done`` is said of it."""

    def step() -> str:
        return " ".join([done, *at_desk_of(request, alarm_id, take)])

    return _answer(request, incident_id, alert_id, step)


def _answer(request: Request, incident_id: str, alert_id: str, step: Callable[[], str]) -> Response:
    """Do it, and show the incident as it stands then; what was refused is said there."""
    return answered(
        request, step, lambda told: incident_page(request, incident_id, IncidentLook(alert=alert_id), told=told)
    )
