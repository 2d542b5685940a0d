"""Stages under maintenance: all their alarms are suppressed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from connectors.control_room.documents import maintenance_document
from models.alarms.suppression import Suppression
from models.devices import STAGE_PATTERN, Stage
from streams.console.api.answers import LONGEST_PAGE, Answer
from streams.console.api.questions import time_of
from streams.console.api.route import ApiRoute
from streams.console.api.step_bodies import ExplainedStep, Step
from streams.console.api.validators import unless_known
from streams.console.desk import desk_of
from streams.console.guards import Operator
from streams.console.parts import parts

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alarms"])

StagePath = Annotated[str, Path(pattern=STAGE_PATTERN, description="`LA-A3-31`.", examples=["LA-A3-31"])]


class MaintenanceStep(ExplainedStep):
    """How long, and why."""

    until: str | None = Field(None, max_length=40, description="When it ends by itself, ISO 8601; null: never.")


class Maintenance(Answer):
    """One stretch of maintenance of a stage."""

    stage: str = Field(description="`LA-A3-31`.")
    since: str = Field(description="By the clock, ISO 8601 in UTC.")
    until: str | None = Field(description="When it ends by itself; null: when it is ended.")
    by: str = Field(description="Who began it.")
    why: str = Field(description="Why.")
    ended: str | None = Field(description="When it ended; null while it is in force.")
    ended_by: str = Field(description="Who ended it; empty when it ended by itself.")


class Maintenances(Answer):
    """Stretches of maintenance, the latest first; at most 1,000."""

    items: list[Maintenance] = Field(description="By their beginnings.")


@router.get("/maintenance")
def maintenance(
    request: Request, past: Annotated[bool, Query(description="Those that have ended, too.")] = False
) -> Maintenances:
    """Stages under maintenance."""
    room = parts(request).control_room
    unless_known(request, room.change_number())
    return Maintenances(items=[_document(each) for each in room.maintenance(past=past, limit=LONGEST_PAGE)])


@router.post("/maintenance/{stage}/start")
def start_maintenance(request: Request, stage: StagePath, who: Operator, step: MaintenanceStep) -> Maintenance:
    """Cover all alarms of a stage; of one under maintenance change the end."""
    until_ns = time_of("until", step.until)
    with desk_of(request) as desk:
        return _document(desk.start_maintenance(Stage.parse(stage), until_ns=until_ns, by=who.name, why=step.why))


@router.post("/maintenance/{stage}/end")
def end_maintenance(request: Request, stage: StagePath, who: Operator, step: Step | None = None) -> Maintenance:
    """Cover the alarms of a stage no longer; what was in force."""
    why = step.why if step else ""
    with desk_of(request) as desk:
        return _document(desk.end_maintenance(Stage.parse(stage), by=who.name, why=why))


def _document(found: Suppression) -> Maintenance:
    return Maintenance.model_validate(maintenance_document(found))
