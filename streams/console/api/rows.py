"""Rows of records and triplets: page by page as JSON, or all of a stretch as one Arrow stream."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from io import BytesIO
from itertools import chain
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pyarrow as pa
from fastapi import Query, Request
from fastapi.responses import Response

from connectors.state.export import exported_schema
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from connectors.state.row_stream import RowQuestion, RowTable, Windows, stream_rows
from models.event_time import MINUTE_NS, SECOND_NS, format_iso
from streams.console.api.answers import Answer, Page, cursor_to, place_of
from streams.console.api.validators import unless_known
from streams.console.api_work import BoundedStream
from streams.console.parts import parts
from streams.console.problems import RefusedError

ARROW_TYPE = "application/vnd.apache.arrow.stream"
#: A page ends, even empty, when so many rows were looked at for it.
MOST_SCANNED = 500_000

Format = Annotated[
    Literal["json", "arrow"] | None,
    Query(description=f"`arrow`: all rows at once, as `{ARROW_TYPE}`, whatever `limit` says; else `Accept` decides."),
]
Fields = Annotated[
    str | None,
    Query(max_length=1_000, description="Names separated by commas; without: all.", examples=["event_time,score"]),
]
_EVENT_TIME = "event_time"
# A page of a facility is a minute's rows or fewer.
_MINUTES = Windows(MINUTE_NS, growth=8)


#: Of a resource of rows, for its document.
ROW_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page of rows as JSON, or all of them as Arrow.",
        "content": {ARROW_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}

Row = TypeVar("Row", bound=Answer)


class RowPage(Page[Row]):
    """Some rows."""

    def as_json(self) -> bytes:
        """Without the fields that were not asked for."""
        return self.model_dump_json(exclude_unset=True).encode()


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows as JSON values, and the cursor to those behind them."""

    rows: list[dict[str, Any]]
    next: str | None


def rows_answer(
    request: Request,
    question: RowQuestion,
    kinds: tuple[type[RowPage[Row]], type[Row]],
    *,
    form: str | None,
    cursor: str | None,
    limit: int,
) -> Answer | Response:
    """All rows as Arrow where that is asked for, else a page of them; ``kinds`` are those of the page and of a row."""
    if _wants_arrow(request, form):
        return _arrow_answer(request, question)
    found, (page, row) = _row_page(request, question, cursor, limit), kinds
    return page(items=[row.model_construct(**values) for values in found.rows], next=found.next)


def _wants_arrow(request: Request, form: str | None) -> bool:
    """Whether ``format`` says Arrow, or without one ``Accept`` names it."""
    return form == "arrow" or (form is None and ARROW_TYPE in request.headers.get("Accept", "").lower())


def exported_columns(what: Rows) -> list[str]:
    """All that a row may have."""
    names: list[str] = exported_schema(what).names
    return names


def chosen_columns(fields: str | None, what: Rows) -> tuple[str, ...] | None:
    """The columns that ``fields`` names, in their own order; None: all.

    Raises
    ------
    RefusedError
        422.
    """
    if fields is None:
        return None
    known = exported_columns(what)
    wanted = {name.strip() for name in fields.split(",")}
    if unknown := sorted(wanted.difference(known)):
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"`fields`: there is no {unknown[0]!r}; there are {', '.join(known)}.",
            "fields",
        )
    return tuple(name for name in known if name in wanted)


def _arrow_answer(request: Request, question: RowQuestion) -> Response:
    """All rows as one stream; its memory does not grow with it, and a slow reader holds up nobody."""
    _tag(request)
    chunks = _arrow_chunks(stream_rows(parts(request).state, question), question.schema)
    # What can't be read at all is told as a problem, before anything was sent.
    return BoundedStream(parts(request).api_work, chain([next(chunks)], chunks), ARROW_TYPE)


def _row_page(request: Request, question: RowQuestion, cursor: str | None, limit: int) -> _Found:
    """Rows behind those of the page before: every one that stands all the while comes once, whatever is added.

    A place is an event time, a subject, and how many rows of this subject at this time have been.
    """
    _tag(request)
    place = place_of(request, cursor, int, str, int)
    found: list[dict[str, Any]] = []
    scanned, behind = 0, cursor
    asked = replace(question, from_ns=place[0]) if place is not None else question
    for table in stream_rows(parts(request).state, asked, table_rows=limit + 1, windows=_MINUTES):
        first = _first_behind(table, place)
        last = min(first + limit - len(found), len(table.rows))
        if first < last:
            found += _json_rows(table, first, last)
            behind = cursor_to(request, *_place(table, last - 1))
        if last < len(table.rows):
            return _Found(found, behind)
        scanned += table.scanned
        if scanned >= MOST_SCANNED:
            return _Found(found, cursor_to(request, table.last_ns + 1, "", 0))
    return _Found(found, None)


def _tag(request: Request) -> None:
    with StateReader.open(parts(request).state) as reader:
        version = reader.version()
    unless_known(request, *version)


def _arrow_chunks(tables: Iterator[RowTable], schema: pa.Schema) -> Iterator[bytes]:
    sink = BytesIO()

    def written() -> bytes:
        data = sink.getvalue()
        sink.seek(0)
        sink.truncate()
        return data

    first = next(tables, None)
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for table in chain(() if first is None else (first,), tables):
            if len(table.rows):
                writer.write_table(table.rows)
                yield written()
    yield written()


def _first_behind(table: RowTable, place: list[Any] | None) -> int:
    """The number of the first row behind a place."""
    if place is None:
        return 0
    time_ns, subject, number = place
    behind = int(np.searchsorted(table.event_time_ns, time_ns, side="right"))
    at_time = int(np.searchsorted(table.event_time_ns, time_ns))
    for row in range(at_time, behind):
        if table.subjects[row] > subject or (table.subjects[row] == subject and _number(table, row) > number):
            return row
    return behind


def _place(table: RowTable, row: int) -> tuple[int, str, int]:
    return int(table.event_time_ns[row]), table.subjects[row], _number(table, row)


def _number(table: RowTable, row: int) -> int:
    """How many rows of the same subject and time there are up to this one."""
    first = row
    while (
        first > 0
        and table.subjects[first - 1] == table.subjects[row]
        and table.event_time_ns[first - 1] == table.event_time_ns[row]
    ):
        first -= 1
    return row - first + 1


def _json_rows(table: RowTable, first: int, last: int) -> list[dict[str, Any]]:
    rows = table.rows.slice(first, last - first)
    if _EVENT_TIME not in rows.column_names:
        found: list[dict[str, Any]] = rows.to_pylist()
        return found
    times = [_exact_iso(time_ns) for time_ns in table.event_time_ns[first:last].tolist()]
    others = rows.drop_columns([_EVENT_TIME]).to_pylist()
    return [{_EVENT_TIME: time, **row} for time, row in zip(times, others, strict=True)]


def _exact_iso(time_ns: int) -> str:
    """ISO 8601 in UTC to the nanosecond."""
    return f"{format_iso(time_ns)[:19]}.{time_ns % SECOND_NS:09d}Z"
