"""Replays of archived stretches: started, looked at, cancelled."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from models.event_time import format_iso, iso_or_none
from streams.console.api.answers import Answer
from streams.console.api.questions import ID_PATTERN, stretch_between
from streams.console.api.route import JSON_TYPE, ApiRoute
from streams.console.api.validators import tag_answer, tag_of_answer
from streams.console.guards import Operator
from streams.console.parts import parts
from streams.console.problems import RefusedError
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun, ReplayStatus
from streams.console.replays.starting import begin_replay

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["replays"])

ReplayId = Annotated[str, Path(pattern=ID_PATTERN, description="16 hexadecimal digits.")]


class ReplayStart(BaseModel):
    """What is to be replayed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"from": "2022-07-01T09:00:00Z", "to": "2022-07-01T09:10:00Z"}]},
    )

    from_: str = Field(alias="from", max_length=40, description="Beginning of the stretch, ISO 8601.")
    to: str = Field(max_length=40, description="Its end, not included; at most 24 hours later.")
    model: str = Field("", max_length=100, description="Name of another model, to be compared; empty: none.")
    fresh: bool = Field(False, description="Whether all devices learn anew, instead of an archived state.")


class Replay(Answer):
    """One replay as it stands."""

    id: str = Field(description="Computed: the same for the same stretch, model and beginning.")
    status: ReplayStatus = Field(description="How far it has come.")
    from_: str = Field(alias="from", description="Beginning of the stretch, ISO 8601 in UTC.")
    to: str = Field(description="Its end, not included.")
    model: str = Field(description="The other model that is compared; empty: none.")
    fresh: bool = Field(description="Whether it starts without a state.")
    by: str = Field(description="Who started it.")
    asked: str = Field(description="When, ISO 8601 in UTC.")
    ended: str | None = Field(description="When it ended; null: not yet.")
    sentence: str = Field(description="What it said last; why it failed, or why it need not give the same again.")


class Replays(Answer):
    """All that are remembered, at most 50."""

    items: list[Replay] = Field(description="Those asked last first.")


class ReplayResult(Answer):
    """What a replay gave."""

    model_config = ConfigDict(extra="allow", frozen=True, serialize_by_alias=True)

    from_: str = Field(alias="from", description="Beginning of the stretch, ISO 8601 in UTC.")
    to: str = Field(description="Its end, not included.")
    alerts: list[dict[str, Any]] = Field(description="Alerts of the stretch, as `petawatch alerts --json` gives them.")
    comparison: dict[str, Any] | None = Field(description="With another model: what both found; else null.")


@router.get("/replays")
def replays(request: Request) -> Replays:
    """Replays that were started in this console."""
    answer = Replays(items=[_document(run) for run in parts(request).replays.runs()])
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.post(
    "/replays",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Replay,
    responses={202: {"headers": {"Location": {"description": "Of the replay.", "schema": {"type": "string"}}}}},
)
def start_replay(request: Request, who: Operator, start: ReplayStart) -> Response:
    """Start one; it runs as a process of its own that gives way to the watch. One that has ended begins again."""
    stretch = stretch_between(start.from_, start.to)
    assert stretch.from_ns is not None  # noqa: S101 - the body has both
    assert stretch.to_ns is not None  # noqa: S101
    question = ReplayQuestion(from_ns=stretch.from_ns, to_ns=stretch.to_ns, model=start.model, fresh=start.fresh)
    run = begin_replay(parts(request), question, by=who.name)
    return Response(
        _document(run).as_json(),
        HTTPStatus.ACCEPTED,
        {"Location": f"/api/v1/replays/{run.id}"},
        media_type=JSON_TYPE,
    )


@router.get("/replays/{replay_id}")
def replay(request: Request, replay_id: ReplayId) -> Replay:
    """One replay as it stands."""
    answer = _document(_run(request, replay_id))
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.get("/replays/{replay_id}/result")
def replay_result(request: Request, replay_id: ReplayId) -> ReplayResult:
    """What it gave, once it has finished: as `petawatch replay --json`."""
    run = _run(request, replay_id)
    found = parts(request).replays.result(replay_id)
    if found is None:
        raise RefusedError(
            HTTPStatus.CONFLICT, f"The replay {replay_id} has no result: it is {run.status}.", "replay_not_finished"
        )
    answer = ReplayResult.model_validate(found)
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.post("/replays/{replay_id}/cancel")
def cancel_replay(request: Request, replay_id: ReplayId, who: Operator) -> Replay:
    """End one that runs or waits."""
    return _document(parts(request).replays.cancel(replay_id, by=who.name))


def _run(request: Request, replay_id: str) -> ReplayRun:
    run = parts(request).replays.run(replay_id)
    if run is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"There is no replay {replay_id}.", "unknown_replay")
    return run


def _document(run: ReplayRun) -> Replay:
    return Replay.model_validate(
        {
            "id": run.id,
            "status": run.status,
            "from": format_iso(run.question.from_ns),
            "to": format_iso(run.question.to_ns),
            "model": run.question.model,
            "fresh": run.question.fresh,
            "by": run.by,
            "asked": format_iso(run.asked_ns),
            "ended": iso_or_none(run.ended_ns),
            "sentence": run.sentence,
        }
    )
