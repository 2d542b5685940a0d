"""Incidents: episodes of one stage at one time, and of those before and behind it that the same shots hit."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from connectors.control_room.incident_search import IncidentQuestion
from models.alarms import incident as incidents_model
from models.alarms.incident import IncidentState
from models.alarms.priority import Priority
from models.alarms.put_aside import AsideCause, PutAside
from models.alerts.alert import AlertKind
from models.devices import Stage
from models.event_time import format_iso, iso_or_none
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, page_of, place_of
from streams.console.api.questions import Id, KindAsked, StageName, StretchAsked
from streams.console.api.route import ApiRoute
from streams.console.api.step_bodies import Step
from streams.console.api.validators import require_match, tag_answer, tag_of_answer, unless_known, untagged_if_any
from streams.console.desk import at_desk_of
from streams.console.guards import Operator
from streams.console.parts import parts
from streams.console.problems import RefusedError

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alarms"])

# Of one incident; a larger one is read by episodes.
_MOST_MEMBERS = 1_000


class Incident(Answer):
    """One incident as it stands."""

    id: str = Field(description="Computed from its first alert; it never changes.", examples=["8c1d2e4b5863f9a0"])
    priority: Priority = Field(description="The highest of its alarms.")
    state: IncidentState = Field(description="Whether an episode of it goes on, or could still join.")
    first_shot: str = Field(description="Event time of its first odd shot, ISO 8601 in UTC.")
    last_shot: str = Field(description="Of its latest odd shot so far.")
    opened: str = Field(description="By the clock, ISO 8601 in UTC.")
    closed: str | None = Field(description="Null while it is open.")
    origin: str = Field(description="The stage where it likely began, in words; empty when none can be named.")
    stages: list[str] = Field(description="Those hit, in the order of the beam.")
    kinds: list[AlertKind] = Field(description="What is wrong.")
    subjects: list[str] = Field(description="Devices, stages, series that its alerts are about; at most 20.")
    episodes: int = Field(description="How many alerts belong to it.", ge=0)
    open_episodes: int = Field(description="How many of them are open.", ge=0)
    announced: str | None = Field(description="When people were told first; null: covered or delayed.")
    acknowledged: str | None = Field(description="When all that was announced had been acknowledged; null: not yet.")
    acknowledged_by: str = Field(description="By whom at last.")
    put_aside: AsideCause | None = Field(
        description="By what people have put aside all of it that nobody has acknowledged; null: not all, or nothing."
    )
    put_aside_until: str | None = Field(description="When the first shelving of it ends; null without one.")
    put_aside_by: str = Field(description="Who did it; empty for maintenance.")
    revision: int = Field(description="Counts up with each announcement.", ge=0)


class IncidentWithMembers(Incident):
    """One incident with its alerts."""

    members: list[str] = Field(description="Ids of its alerts by first shot; at most 1,000.")


class Incidents(Page[Incident]):
    """Some incidents."""

    troubles: list[str] = Field(description="Why some are missing here, one sentence each; usually none.")


@router.get("/incidents")
def incidents(
    request: Request,
    stretch: StretchAsked,
    open_only: Annotated[bool, Query(description="Those that are open, or that nobody has acknowledged.")] = False,
    stage: StageName = None,
    kind: KindAsked = None,
    priority: Annotated[Priority | None, Query(description="Of at least this one.")] = None,
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Incidents:
    """Incidents with a shot in the stretch, the latest first shot first."""
    room, now_ns = parts(request).control_room.for_one_answer(), parts(request).clock.now_ns()
    place = place_of(request, cursor, str)
    # A shelving may be over before anybody has written that down.
    unless_known(request, room.change_number(), room.overdue(now_ns), room.troubles())
    question = IncidentQuestion(
        unfinished=open_only,
        stage=None if stage is None else Stage.parse(stage),
        kind=kind,
        priority=priority,
        from_ns=stretch.from_ns,
        to_ns=stretch.to_ns,
    )
    found = room.incidents(question, after=place[0] if place else None, limit=limit + 1)
    page, behind = page_of(request, found, limit, lambda each: each.id)
    aside = room.put_aside(page, now_ns)
    return Incidents(
        items=[Incident(**_values(each, aside.get(each.id))) for each in page],
        next=behind,
        troubles=untagged_if_any(request, room.troubles()),
    )


@router.get("/incidents/{incident_id}")
def incident(request: Request, incident_id: Id) -> IncidentWithMembers:
    """One incident as it stands, with the ids of its alerts."""
    answer = _incident(request, incident_id)
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.post("/incidents/{incident_id}/acknowledge")
def acknowledge_incident(
    request: Request, incident_id: Id, who: Operator, step: Step | None = None
) -> IncidentWithMembers:
    """Say that somebody has seen all of it. With `If-Match` only if it stands as it was read."""
    require_match(request, tag_of_answer(_incident(request, incident_id)))
    why = step.why if step else ""
    at_desk_of(request, incident_id, lambda desk: desk.acknowledge(incident_id, by=who.name, why=why))
    return _incident(request, incident_id)


def _incident(request: Request, incident_id: str) -> IncidentWithMembers:
    room, now_ns = parts(request).control_room, parts(request).clock.now_ns()
    found = room.incident(incident_id)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"There is no incident {incident_id}.", "unknown_incident")
    members = room.activations(incident_id, limit=_MOST_MEMBERS)
    aside = room.put_aside([found], now_ns).get(found.id)
    return IncidentWithMembers(**_values(found, aside), members=[member.alert.id for member in members])


def _values(found: incidents_model.Incident, aside: PutAside | None) -> dict[str, Any]:
    whole = aside if aside is not None and aside.is_whole else None
    return {
        "id": found.id,
        "priority": found.priority,
        "state": found.state,
        "first_shot": format_iso(found.first_shot_ns),
        "last_shot": format_iso(found.last_shot_ns),
        "opened": format_iso(found.opened_ns),
        "closed": iso_or_none(found.closed_ns),
        "origin": found.origin,
        "stages": [str(stage) for stage in found.stages],
        "kinds": list(found.kinds),
        "subjects": list(found.subjects),
        "episodes": found.episodes,
        "open_episodes": found.open_episodes,
        "announced": iso_or_none(found.announced_ns),
        "acknowledged": iso_or_none(found.acknowledged_ns),
        "acknowledged_by": found.acknowledged_by,
        "put_aside": None if whole is None else whole.cause,
        "put_aside_until": None if whole is None else iso_or_none(whole.until_ns),
        "put_aside_by": "" if whole is None else whole.by,
        "revision": found.revision,
    }
