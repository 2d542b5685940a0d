"""Alarms after ISA-18.2: one for each subject and kind of alert, and what operators do about them."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from connectors.control_room.documents import alarm_document
from models.alarms.life_cycle import AlarmState
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind
from streams.alarms.alarm_desk import AlarmDesk
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, page_of, place_of
from streams.console.api.questions import Id, KindAsked, StagePattern, SubjectPattern, fits, time_of
from streams.console.api.route import ApiRoute
from streams.console.api.step_bodies import ExplainedStep, Step, StepUntil
from streams.console.api.validators import require_match, tag_answer, tag_of_answer, unless_known, untagged_if_any
from streams.console.desk import at_desk_of
from streams.console.guards import Operator
from streams.console.parts import parts
from streams.console.problems import RefusedError

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alarms"])


class Alarm(Answer):
    """One alarm as it stands."""

    id: str = Field(description="Computed from kind and subject.", examples=["3f9a07c1d2e4b586"])
    kind: AlertKind = Field(description="What is wrong when it is active.")
    subject: str = Field(description="The device, else the stage, the recorder's series, a part of the installation.")
    stage: str | None = Field(description="`LA-A3-31`; null for what belongs to none.")
    device: str = Field(description="Empty when it is about no device.")
    priority: Priority = Field(description="How soon somebody has to look.")
    state: AlarmState = Field(description="Covers first: out of service, suppressed, shelved; else where it stands.")
    active: bool = Field(description="Whether it is active under whatever covers it.")
    active_since: str | None = Field(description="By the clock, ISO 8601 in UTC; null when it is not active.")
    announcements: int = Field(description="How often it was announced.", ge=0)
    latest_alert: str = Field(description="Id of the alert that raised it last; empty before the first.")
    acknowledged: str | None = Field(description="When it was acknowledged last; null: never.")
    acknowledged_by: str = Field(description="By whom.")
    shelved_until: str | None = Field(description="End of the shelving; null when it is not shelved.")
    suppressed_by: list[str] = Field(description="`idle` or `maintenance`: what suppresses it by design.")
    out_of_service: bool = Field(description="Whether it is taken out until somebody puts it back.")
    covered_by: str = Field(description="Who shelved it or took it out of service.")
    covered_why: str = Field(description="Why.")


class DecidedAlarm(Alarm):
    """One alarm as it stands after a step."""

    troubles: list[str] = Field(
        description="Where else it is kept and the step could not be taken, one sentence each; usually none."
    )


class Alarms(Page[Alarm]):
    """Some alarms."""

    troubles: list[str] = Field(description="Why some are missing here, one sentence each; usually none.")


@router.get("/alarms")
def alarms(
    request: Request,
    state: Annotated[list[AlarmState] | None, Query(max_length=len(AlarmState), description="Any of these.")] = None,
    stage: StagePattern = "",
    subject: SubjectPattern = "",
    kind: KindAsked = None,
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Alarms:
    """Alarms by their ids: one for each subject and kind that ever had an alert."""
    room = parts(request).control_room.for_one_answer()
    place = place_of(request, cursor, str)
    unless_known(request, room.change_number(), room.troubles())
    found = [
        alarm
        for alarm in room.alarms(states=state, kind=kind)
        if (place is None or alarm.id > place[0]) and fits(alarm.stage.name, stage) and fits(alarm.subject, subject)
    ]
    page, behind = page_of(request, found, limit, lambda alarm: alarm.id)
    return Alarms(
        items=[Alarm.model_validate(alarm_document(alarm)) for alarm in page],
        next=behind,
        troubles=untagged_if_any(request, room.troubles()),
    )


@router.get("/alarms/{alarm_id}")
def alarm(request: Request, alarm_id: Id) -> Alarm:
    """One alarm as it stands."""
    answer = _alarm(request, alarm_id)
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.post("/alarms/{alarm_id}/acknowledge")
def acknowledge_alarm(request: Request, alarm_id: Id, who: Operator, step: Step | None = None) -> DecidedAlarm:
    """Say that somebody has seen it. With `If-Match` only if it stands as it was read."""
    return _after(request, alarm_id, lambda desk: desk.acknowledge(alarm_id, by=who.name, why=_why(step)))


@router.post("/alarms/{alarm_id}/shelve")
def shelve_alarm(request: Request, alarm_id: Id, who: Operator, step: StepUntil) -> DecidedAlarm:
    """Put it off until a time; of one that is shelved change the end."""

    def take(desk: AlarmDesk) -> None:
        until_ns = time_of("until", step.until)
        assert until_ns is not None  # noqa: S101 - the body has it
        desk.shelve(alarm_id, until_ns=until_ns, by=who.name, why=step.why)

    return _after(request, alarm_id, take)


@router.post("/alarms/{alarm_id}/unshelve")
def unshelve_alarm(request: Request, alarm_id: Id, who: Operator, step: Step | None = None) -> DecidedAlarm:
    """End its shelving before the time."""
    return _after(request, alarm_id, lambda desk: desk.unshelve(alarm_id, by=who.name, why=_why(step)))


@router.post("/alarms/{alarm_id}/take-out")
def take_out_alarm(request: Request, alarm_id: Id, who: Operator, step: ExplainedStep) -> DecidedAlarm:
    """Take it out of service, until somebody puts it back."""
    return _after(request, alarm_id, lambda desk: desk.take_out(alarm_id, by=who.name, why=step.why))


@router.post("/alarms/{alarm_id}/put-back")
def put_back_alarm(request: Request, alarm_id: Id, who: Operator, step: Step | None = None) -> DecidedAlarm:
    """Put it back into service."""
    return _after(request, alarm_id, lambda desk: desk.put_back(alarm_id, by=who.name, why=_why(step)))


@router.post("/alarms/{alarm_id}/reset")
def reset_alarm(request: Request, alarm_id: Id, who: Operator, step: Step | None = None) -> DecidedAlarm:
    """Let go of one that is latched, was acknowledged, and whose condition is gone."""
    return _after(request, alarm_id, lambda desk: desk.reset(alarm_id, by=who.name, why=_why(step)))


def _alarm(request: Request, alarm_id: str) -> Alarm:
    found = parts(request).control_room.alarm(alarm_id)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"There is no alarm {alarm_id}.", "unknown_alarm")
    return Alarm.model_validate(alarm_document(found))


def _after(request: Request, alarm_id: str, take: Callable[[AlarmDesk], object]) -> DecidedAlarm:
    """Take a step, if the alarm stands as it was read; how it stands then."""
    require_match(request, tag_of_answer(_alarm(request, alarm_id)))
    troubles = at_desk_of(request, alarm_id, take)
    return DecidedAlarm(**_alarm(request, alarm_id).model_dump(), troubles=troubles)


def _why(step: Step | None) -> str:
    return step.why if step else ""
