"""The archive: what waits, what is safe where, and which cartridges there are."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from connectors.state.reader import StateReader
from dashboards.console.archive_view import archive_facts, archived_rows, cartridge_rows, waiting_rows
from dashboards.words import changed_link, time_words
from models.archive.file_query import FileQuery
from models.errors import PetawatchError
from models.event_time import HOUR_NS
from streams.archive.cataloguing.judged_files import opened_search
from streams.archive.places import archive_folder
from streams.archive.tape.inventory import list_volumes
from streams.archive.uploading.archive_status import archive_status
from streams.console.pages.asked_stretch import asked_stretch
from streams.console.parts import ConsoleParts, parts
from streams.console.problems import sentence_of
from streams.console.rendering import render
from streams.history.known_devices import latest_minute_end

router = APIRouter()

_FILES = 200
_HOURS = 8


@router.get("/archive")
def archive(
    request: Request,
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Annotated[str, Query(max_length=40)] = "",
    hide: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """What waits and what is safe, of the files of a stretch: the latest hours unless one is asked for."""
    console = parts(request)
    if not has_archive(console):
        return render(request, "no_archive.html")
    shown: dict[str, Any] = {"waiting": [], "facts": [], "left_out": [], "differing": [], "files": [], "cartridges": []}
    troubles: list[str] = []
    try:
        status = archive_status(console.state, console.settings, console.clock.now_ns())
        shown["waiting"], shown["facts"] = waiting_rows(status), archive_facts(status)
        shown["left_out"], shown["differing"] = status["left_out"], status["states"].get("differing", ())
        troubles += [f"{status['catalog_error']}."] if status["catalog_error"] else []
    except PetawatchError as error:
        troubles.append(sentence_of(error))
    stretch = asked_stretch(from_, to, lambda: _latest_ns(console), _HOURS * HOUR_NS)
    try:
        with opened_search(console.state, console.settings) as search:
            found = search.files(FileQuery(from_ns=stretch.from_ns, to_ns=stretch.to_ns, latest_only=True), _FILES + 1)
            rows = archived_rows(found[:_FILES])
            shown["files"] = [row for row in rows if not (hide == "safe" and row.safe)]
            shown["cartridges"] = cartridge_rows(list_volumes(search.archive.catalog))
            shown["more"] = len(found) > _FILES
            shown["counted"] = (len(rows), sum(row.safe for row in rows))
    except PetawatchError as error:
        if sentence_of(error) not in troubles:
            troubles.append(sentence_of(error))
    asked = {"from": stretch.from_text, "to": stretch.to_text, "hide": hide}
    return render(
        request,
        "archive.html",
        troubles=troubles + ([stretch.trouble] if stretch.trouble else []),
        shown=shown,
        asked=asked,
        from_words=time_words(stretch.from_ns, seconds=True),
        to_words=time_words(stretch.to_ns, seconds=True),
        earlier=changed_link("/archive", asked, **stretch.moved(-1)),
        later=changed_link("/archive", asked, **stretch.moved(1)),
    )


def has_archive(console: ConsoleParts) -> bool:
    """Whether one is set up, or was: else nothing is missing."""
    settings = console.settings
    wanted = settings.archive.store or settings.tape.mounts
    return bool(wanted) or archive_folder(settings.archive, console.state).exists()


def _latest_ns(console: ConsoleParts) -> int | None:
    with StateReader.open(console.state) as reader:
        return latest_minute_end(reader)
