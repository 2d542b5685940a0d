"""Episodes: alerts as they stand, what operators said of them, and their evidence."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field

from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.reader import ControlRoomReader
from connectors.evidence_store import EXPIRED, EvidenceLink
from connectors.state.alert_search import AlertQuestion
from connectors.state.reader import StateReader
from models.alerts.alert import Alert, AlertKind, AlertStatus, Severity
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.event_time import format_iso
from streams.console.api.answers import USUAL_PAGE, Answer, Cursor, Limit, Page, cursor_to, place_of
from streams.console.api.questions import DevicePattern, Id, KindAsked, StagePattern, StretchAsked, fits
from streams.console.api.route import ApiRoute
from streams.console.api.step_bodies import Step
from streams.console.api.validators import require_match, tag_answer, tag_of_answer, unless_known, untagged_if_any
from streams.console.guards import Operator
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import RefusedError
from streams.deciding import give_verdict

router = APIRouter(prefix="/api/v1", route_class=ApiRoute, tags=["alerts"])

# Alerts of a room that are looked at for one page.
_MOST_SCANNED, _AT_ONCE = 5_000, 500

# First shot, ns since 1970, and id.
_Place = tuple[int, str]


class Evidence(Answer):
    """Of one shot."""

    role: str = Field(description="`first`, `worst` or `last`.")
    shot: str = Field(description="When it was taken, ISO 8601 in UTC.")
    png: str | None = Field(description="Path of the picture; null when it is no longer kept.")
    npz: str | None = Field(description="Path of the arrays; null when they are no longer kept.")


class Source(Answer):
    """Where the first odd shot was recorded."""

    file: str = Field(description="Snapshot, below the watched folder.")
    sha256: str = Field(description="Of its content, hex.")
    path: str = Field(description="HDF5 group inside it.")


class Judgement(Answer):
    """What an operator said."""

    verdict: Verdict = Field(description="Whether the alert was right.")
    why: str = Field(description="In words; may be empty.")
    by: str = Field(description="Who said it.")
    at: str = Field(description="When, ISO 8601 in UTC.")


class JudgementStep(Step):
    """A verdict."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"verdict": "false", "why": "shutter test"}]}
    )

    verdict: Verdict = Field(description="Whether the alert was right.")


class Episode(Answer):
    """One alert: an episode of odd shots."""

    id: str = Field(description="Computed: the same wherever the alert is seen.", examples=["3f9a07c1d2e4b586"])
    kind: AlertKind = Field(description="What is wrong.")
    severity: Severity = Field(description="How bad.")
    status: AlertStatus = Field(description="Whether it goes on.")
    stage: str | None = Field(description="`LA-A3-31`; null for alerts about files and the installation.")
    device: str = Field(description="Empty when it is about a whole stage, a file or a part of the installation.")
    first_shot: str = Field(description="Event time of the first odd shot, ISO 8601 in UTC.")
    last_shot: str = Field(description="Of the latest odd shot.")
    shots: int = Field(description="How many odd shots so far.", ge=0)
    score: float | None = Field(description="Largest -log10 of a corrected tail probability; 0 for rules without one.")
    reasons: list[str] = Field(description="What is odd.")
    explanation: str = Field(description="Why, by the worst shot so far; may be empty.")
    cause: str = Field(description="Likely cause of an image anomaly; may be empty.")
    cause_probability: float | None = Field(description="0 to 1; null without a cause.")
    model: str = Field(description="Id of the model that scored; empty for rules.")
    source: Source = Field(description="Of the first odd shot.")
    evidence: list[Evidence] = Field(description="By event time.")
    judgement: Judgement | None = Field(description="The one that counts; null when nobody has judged it.")


class Episodes(Page[Episode]):
    """Some alerts."""

    troubles: list[str] = Field(description="Why some are missing here, one sentence each; usually none.")


@dataclass(frozen=True, slots=True)
class _Found:
    """Episodes of one room, each with its place; ``end``: how far was looked, None: there are no more."""

    episodes: list[tuple[_Place, Episode]]
    end: _Place | None


@router.get("/episodes")
def episodes(
    request: Request,
    stretch: StretchAsked,
    stage: StagePattern = "",
    device: DevicePattern = "",
    kind: KindAsked = None,
    severity: Annotated[Severity | None, Query(description="This bad, and no other.")] = None,
    status: Annotated[AlertStatus | None, Query(description="Those that go on, or those that are over.")] = None,
    verdict: Annotated[Verdict | None, Query(description="Judged so; without: judged or not.")] = None,
    cursor: Cursor = None,
    limit: Limit = USUAL_PAGE,
) -> Episodes:
    """Alerts with an odd shot in the stretch, by first shot, then id."""
    rooms = parts(request).control_room.for_one_answer()
    place = place_of(request, cursor, int, str)
    after: _Place | None = None if place is None else (place[0], place[1])
    question = AlertQuestion(from_ns=stretch.from_ns, to_ns=stretch.to_ns, kind=kind, severity=severity, status=status)
    unless_known(request, rooms.look(_version)[0], rooms.change_number(), rooms.troubles())

    def wanted(alert: Alert, judged: EpisodeVerdict | None) -> bool:
        said = verdict is None or (judged is not None and judged.verdict is verdict)
        return said and fits(alert.stage.name, stage) and fits(alert.device, device)

    parts_found, _ = rooms.look(lambda room: _found_in(room.state, question, after, wanted, limit + 1))
    found = sorted((each for part in parts_found for each in part.episodes), key=lambda each: each[0])
    # Behind where one was not looked at, others come later, too: pages go on from one place in all.
    ends = [part.end for part in parts_found if part.end is not None]
    known = [each for each in found if not ends or each[0] <= min(ends)]
    if len(known) > limit:
        ends = [known[limit - 1][0]]
    return Episodes(
        items=[episode for _, episode in known[:limit]],
        next=cursor_to(request, *min(ends)) if ends else None,
        troubles=untagged_if_any(request, rooms.troubles()),
    )


@router.get("/episodes/{alert_id}")
def episode(request: Request, alert_id: Id) -> Episode:
    """One alert as it stands."""
    answer = _episode(parts(request), alert_id)
    tag_answer(request, tag_of_answer(answer))
    return answer


@router.post("/episodes/{alert_id}/verdict")
def judge_episode(request: Request, alert_id: Id, who: Operator, judgement: JudgementStep) -> Episode:
    """Say whether there was something; it takes the place of an earlier verdict, which is kept, too."""
    console = parts(request)
    require_match(request, tag_of_answer(_episode(console, alert_id)))
    place = console.control_room.place_of(alert_id)
    give_verdict(place, alert_id, judgement.verdict, judgement.why, console.clock, by=who.name)
    return _episode(console, alert_id)


def _episode(console: ConsoleParts, alert_id: str) -> Episode:
    place = console.control_room.place_of(alert_id)
    with StateReader.open(place) as reader:
        alert, links = reader.alert(alert_id), reader.evidence(alert_id)
    if alert is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"There is no alert {alert_id}.", "unknown_alert")
    return _document(alert, links, _judgements(place).get(alert_id))


def _judgements(place: Path) -> Mapping[str, EpisodeVerdict]:
    """The one that counts of each judged alert."""
    return {verdict.alert_id: verdict for verdict in OperatorDecisions(place).verdicts()}


def _version(room: ControlRoomReader) -> tuple[str, int]:
    """Of the alerts beside a room."""
    with StateReader.open(room.state) as reader:
        return reader.version()


def _found_in(
    place: Path,
    question: AlertQuestion,
    after: _Place | None,
    wanted: Callable[[Alert, EpisodeVerdict | None], bool],
    most: int,
) -> _Found:
    """The next episodes that are wanted of a state directory, at most so many."""
    found: list[tuple[_Place, Episode]] = []
    with StateReader.open(place) as reader:
        judgements = _judgements(place)
        for _ in range(_MOST_SCANNED // _AT_ONCE):
            alerts = reader.find_alerts(question, after=after, limit=_AT_ONCE)
            for alert, links in alerts:
                judged = judgements.get(alert.id)
                after = _place(alert)
                if wanted(alert, judged):
                    found.append((after, _document(alert, links, judged)))
                    if len(found) == most:
                        return _Found(found, after)
            if len(alerts) < _AT_ONCE:
                return _Found(found, None)
    return _Found(found, after)


def _place(alert: Alert) -> _Place:
    return alert.first_shot_ns, alert.id


def _document(alert: Alert, links: Sequence[EvidenceLink], judged: EpisodeVerdict | None) -> Episode:
    explanation = alert.explanation
    return Episode(
        id=alert.id,
        kind=alert.kind,
        severity=alert.severity,
        status=alert.status,
        stage=alert.stage.name or None,
        device=alert.device,
        first_shot=format_iso(alert.first_shot_ns),
        last_shot=format_iso(alert.last_shot_ns),
        shots=alert.shots,
        score=alert.score if math.isfinite(alert.score) else None,
        reasons=list(alert.reasons),
        explanation=explanation.text,
        cause=explanation.cause,
        cause_probability=explanation.cause_probability if explanation.cause else None,
        model=alert.model,
        source=Source(file=alert.source.file, sha256=alert.source.sha256, path=alert.source.path),
        evidence=[_evidence(link) for link in links],
        judgement=None
        if judged is None
        else Judgement(verdict=judged.verdict, why=judged.reason, by=judged.by, at=format_iso(judged.at_ns)),
    )


def _evidence(link: EvidenceLink) -> Evidence:
    path = f"/api/v1/evidence/{link.alert_id}/{link.role}"
    return Evidence(
        role=link.role,
        shot=format_iso(link.event_time_ns),
        png=None if link.png == EXPIRED else f"{path}.png",
        npz=None if link.npz == EXPIRED else f"{path}.npz",
    )
