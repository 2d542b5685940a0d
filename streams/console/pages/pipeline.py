"""The pipeline: the ledger, how each file stands, and what was refused."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from connectors.state.commit import FileStatus
from connectors.state.file_accounts import FileAccount, FileFilter
from connectors.state.reader import StateReader
from dashboards.console.pipeline_view import balance_sentence, dead_letter_rows, file_count_rows, file_rows, record_rows
from dashboards.words import link
from models.errors import PetawatchError
from streams.agents.recorder import RECORDER_KEY
from streams.console.parts import parts
from streams.console.problems import sentence_of
from streams.console.rendering import render

router = APIRouter()

_FILES = 50
_CHOICES = {
    "": ("all", FileFilter()),
    "rejected": ("cut off, damaged or unreadable", FileFilter(status=FileStatus.REJECTED)),
    "dead_letters": ("with dead letters", FileFilter(only_dead_letters=True)),
    "under_way": ("not all records ended", FileFilter(only_unbalanced=True)),
}


@router.get("/pipeline")
def pipeline(
    request: Request,
    contains: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """The ledger, and files by the fifty."""
    show = show if show in _CHOICES else ""
    wanted = _CHOICES[show][1]
    ledger: dict[str, Any] | None = None
    files: list[FileAccount] = []
    trouble, on_kafka = "", False
    try:
        with StateReader.open(parts(request).state) as reader:
            on_kafka = RECORDER_KEY in reader.state_keys()
            found = reader.ledger()
            files = reader.file_accounts(replace(wanted, contains=contains), before_id=before, limit=_FILES + 1)
            ledger = {
                "records": record_rows(found),
                "files": file_count_rows(found),
                "dead_letters": dead_letter_rows(found),
                "balanced": found["balanced"],
                "sentence": balance_sentence(found),
            }
    except PetawatchError as error:
        trouble = sentence_of(error)
    asked = {"contains": contains, "show": show}
    more = len(files) > _FILES
    return render(
        request,
        "pipeline.html",
        trouble=trouble,
        ledger=ledger,
        on_kafka=on_kafka,
        files=file_rows(files[:_FILES]),
        older=link("/pipeline", **asked, before=files[_FILES - 1].id) if more else "",
        asked=asked,
        choices=[(value, words) for value, (words, _) in _CHOICES.items()],
        empty="No file is like that." if contains or show or before else "No file has come yet.",
    )
