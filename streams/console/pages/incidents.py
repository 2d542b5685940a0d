"""The list of incidents: filtered by its address, live, by the hundred."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from connectors.control_room.incident_search import IncidentQuestion
from connectors.state.reader import StateReader
from dashboards.incident_words import IncidentRow, incident_rows
from dashboards.words import changed_link, plain_words
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind
from models.devices import Stage
from models.errors import PetawatchError
from models.event_time import parse_iso
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.history.known_devices import known_devices, stages_of

router = APIRouter()

_INCIDENTS = 100
_SHOW = {
    "open": "open or unacknowledged",
    "unacknowledged": "unacknowledged",
    "put_aside": "shelved or otherwise put aside",
    "all": "all, also those nobody was told of",
}
# Of what nobody has acknowledged what people have put aside, or the rest.
_UNACKNOWLEDGED = {"unacknowledged": False, "put_aside": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a page of the list shows.

    Attributes
    ----------
    announced_ns
        When something of each incident was announced last, by its id.
    go_on_after
        The id behind which the next page begins; empty where there is none.
    troubles
        What can't be read, one sentence each.
    """

    rows: Sequence[IncidentRow] = ()
    announced_ns: Mapping[str, int] = field(default_factory=dict)
    go_on_after: str = ""
    troubles: Sequence[str] = ()


@router.get("/incidents")
def incidents(
    request: Request,
    show: Annotated[str, Query(max_length=20)] = "open",
    stage: Annotated[str, Query(max_length=20)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    priority: Annotated[str, Query(max_length=10)] = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str, Query(max_length=16)] = "",
) -> HTMLResponse:
    """The incidents that are asked for, the latest first."""
    console = parts(request)
    show = show if show in _SHOW else "open"
    asked = {"show": show, "stage": stage, "kind": kind, "priority": priority, "from": from_, "to": to}
    found = _found(console, asked, after)
    filtered = any((stage, kind, priority, from_, to)) or show != "open"
    return render(
        request,
        "incidents.html",
        troubles=found.troubles,
        rows=found.rows,
        announced_ns=found.announced_ns,
        asked=asked,
        first_page=changed_link("/incidents", asked) if after else "",
        next_page=changed_link("/incidents", asked, after=found.go_on_after) if found.go_on_after else "",
        choices=list(_SHOW.items()),
        stages=sorted({*_stages(console), *([stage] if stage else [])}),
        kinds=[(each.value, plain_words(each)) for each in AlertKind],
        priorities=[("low", "all"), ("medium", "medium and high"), ("high", "high")],
        empty="No incident is like that." if filtered else "Nothing is open, and nothing waits for a person.",
    )


def _found(console: ConsoleParts, asked: Mapping[str, str], after: str) -> _Found:
    """The incidents behind that of an id, or from the latest one on."""
    room, now_ns = console.control_room.for_one_answer(), console.clock.now_ns()
    try:
        found = room.incidents(_question(asked, now_ns), after=after or None, limit=_INCIDENTS + 1)
        shown = found[:_INCIDENTS]
        return _Found(
            announced_ns=room.latest_announcements(each.id for each in shown),
            rows=incident_rows(shown, room.worst_alerts(shown), room.put_aside(shown, now_ns), room.maintenance()),
            go_on_after=shown[-1].id if len(found) > _INCIDENTS else "",
            troubles=room.troubles(),
        )
    except (PetawatchError, ValueError) as error:
        return _Found(troubles=[sentence_of(error)])


def _question(asked: Mapping[str, str], now_ns: int) -> IncidentQuestion:
    """What a filter asks for."""
    stage, kind, priority, from_, to = (asked[name] for name in ("stage", "kind", "priority", "from", "to"))
    return IncidentQuestion(
        unfinished=asked["show"] == "open",
        announced=asked["show"] == "open",
        unacknowledged=asked["show"] in _UNACKNOWLEDGED,
        put_aside=_UNACKNOWLEDGED.get(asked["show"]),
        now_ns=now_ns,
        stage=Stage.parse(stage) if stage else None,
        kind=AlertKind(kind) if kind in set(AlertKind) else None,
        priority=Priority(priority) if priority in set(Priority) else None,
        from_ns=parse_iso(from_) if from_ else None,
        to_ns=parse_iso(to) if to else None,
    )


def _stages(console: ConsoleParts) -> list[str]:
    """Those that a filter may name; none when they can't be read."""
    try:
        with StateReader.open(console.state) as reader:
            return [str(stage) for stage in stages_of(known_devices(reader))]
    except PetawatchError:
        return []
