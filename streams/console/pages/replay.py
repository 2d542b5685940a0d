"""Replays: an archived stretch is chosen and started, seen run, and looked at."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connectors.model_files import kept_names
from connectors.state.reader import StateReader
from dashboards.console.replay_view import camera_differences, found_rows, hour_rows, progress_facts, result_facts
from dashboards.html_page import PAGE_POLICY
from dashboards.words import time_words, utc_words
from models.errors import PetawatchError, RecordError
from models.event_time import DAY_NS, format_iso, parse_iso
from streams.console.guards import Operator
from streams.console.pages.asked_stretch import AskedStretch, asked_stretch
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of, status_of
from streams.console.rendering import render
from streams.console.replays.known_snapshots import known_snapshots
from streams.console.replays.question import ReplayQuestion
from streams.console.replays.run import ReplayRun
from streams.console.replays.starting import begin_replay
from streams.history.known_devices import latest_minute_end

router = APIRouter()

_Text = Annotated[str, Form(max_length=100)]


@router.get("/replay")
def replays(
    request: Request,
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """What can be replayed, and what was."""
    return _page(request, {"from": from_, "to": to, "model": "", "fresh": ""})


@router.post("/replay")
def start(
    request: Request,
    who: Operator,
    from_: Annotated[str, Form(alias="from", max_length=40)] = "",
    to: _Text = "",
    model: _Text = "",
    fresh: _Text = "",
) -> Response:
    """Begin one, or let it wait its turn."""
    try:
        question = ReplayQuestion(
            from_ns=_time(from_, "beginning"), to_ns=_time(to, "end"), model=model.strip(), fresh=bool(fresh)
        )
        run = begin_replay(parts(request), question, by=who.name)
    except PetawatchError as error:
        asked = {"from": from_, "to": to, "model": model, "fresh": fresh}
        return _page(request, asked, trouble=sentence_of(error), status=status_of(error))
    return RedirectResponse(f"/replay/{run.id}", 303)


@router.get("/replay/{run_id}")
def replay(request: Request, run_id: str) -> HTMLResponse:
    """One of them, as far as it has come."""
    return _run_page(request, run_id)


@router.post("/replay/{run_id}/cancel")
def cancel(request: Request, run_id: str, who: Operator) -> HTMLResponse:
    """End one that runs or waits."""
    try:
        parts(request).replays.cancel(run_id, by=who.name)
    except RecordError as error:
        return _run_page(request, run_id, trouble=sentence_of(error), status=status_of(error))
    return _run_page(request, run_id)


@router.get("/replay/{run_id}/page")
def page(request: Request, run_id: str) -> HTMLResponse:
    """The page of the results, with pictures."""
    found = parts(request).replays.page(run_id)
    if found is None:
        raise HTTPException(404, "There is no such page, or not yet.")
    return HTMLResponse(found.read_bytes(), headers={"Content-Security-Policy": PAGE_POLICY})


def _page(request: Request, asked: dict[str, str], *, trouble: str = "", status: int = 200) -> HTMLResponse:
    console = parts(request)
    day = _day(console, asked)
    snapshots, troubles = known_snapshots(console, day.from_ns, day.to_ns)
    return render(
        request,
        "replays.html",
        status=status,
        troubles=[each for each in (trouble, day.trouble, *troubles) if each],
        asked=asked,
        hours=hour_rows(snapshots),
        day=(time_words(day.from_ns, seconds=True), time_words(day.to_ns, seconds=True)),
        models=sorted(kept_names(console.state)),
        runs=[_shown(run) for run in console.replays.runs()],
    )


def _run_page(request: Request, run_id: str, *, trouble: str = "", status: int = 200) -> HTMLResponse:
    console = parts(request)
    run = console.replays.run(run_id)
    if run is None:
        raise HTTPException(404, "There is no such replay; the list shows all that are remembered.")
    result = console.replays.result(run_id)
    return render(
        request,
        "replay.html",
        status=status,
        trouble=trouble,
        run=_shown(run),
        facts=[] if result is None else result_facts(result),
        found=None if result is None else found_rows(result),
        cameras=[] if result is None else camera_differences(result),
    )


def _shown(run: ReplayRun) -> dict[str, object]:
    question = run.question
    other = question.model or "no other model"
    return {
        "id": run.id,
        "from": time_words(question.from_ns, seconds=True),
        "to": time_words(question.to_ns, seconds=True),
        "from_asked": format_iso(question.from_ns),
        "to_asked": format_iso(question.to_ns),
        "model": question.model,
        "fresh": question.fresh,
        "compared_with": f"{other}, begun anew" if question.fresh else other,
        "by": run.by,
        "asked": utc_words(run.asked_ns, seconds=True),
        "ended": utc_words(run.ended_ns, seconds=True),
        "status": run.status.value,
        "goes_on": not run.status.ended,
        "percent": None if run.progress is None else round(100 * run.progress.part),
        "progress": [] if run.progress is None else progress_facts(run.progress),
        "sentence": run.sentence,
    }


def _day(console: ConsoleParts, asked: dict[str, str]) -> AskedStretch:
    """The day around what is asked for, else the latest one with records."""

    def latest_ns() -> int | None:
        with StateReader.open(console.state) as reader:
            return latest_minute_end(reader)

    stretch = asked_stretch(asked["from"], asked["to"], latest_ns, DAY_NS)
    first_ns = stretch.from_ns // DAY_NS * DAY_NS if stretch.asked else stretch.from_ns
    return AskedStretch(from_ns=first_ns, to_ns=first_ns + DAY_NS, asked=stretch.asked, trouble=stretch.trouble)


def _time(text: str, which: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise RecordError(f"the {which} of the stretch: {error}", reason="replay_stretch") from error
