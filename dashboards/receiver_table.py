"""Receivers and messengers for eyes and as JSON: what waits for each, what it got last, why it gets nothing."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from connectors.webhooks.standing import ReceiverStanding
from dashboards.printable import printable
from dashboards.printed_rows import print_blocks, print_lines
from dashboards.words import counted
from models.event_time import format_iso, iso_or_none

_COLUMNS = (
    *("name", "form", "events", "from priority", "state", "waiting", "oldest", "latest"),
    *("failing since", "suspended since", "it said"),
)


def print_standings(standings: Sequence[ReceiverStanding], console: Console) -> None:
    """A block each; lines without a terminal."""
    if not standings:
        console.print("nobody is told of alerts: the settings name no receiver", highlight=False)
    elif console.is_terminal:
        print_blocks([(printable(one.name), _block(one)) for one in standings], console)
    else:
        print_lines(_COLUMNS, [_cells(one) for one in standings], console)


def standing_document(standing: ReceiverStanding) -> dict[str, Any]:
    """The same as JSON values; times are ISO 8601 in UTC, null where there is none."""
    return {
        "name": standing.name,
        "form": standing.form,
        "events": standing.events,
        "minimum_priority": standing.minimum_priority,
        "state": state_of(standing),
        "waiting": standing.waiting,
        "oldest": iso_or_none(standing.oldest_ns),
        "latest": iso_or_none(standing.latest_ns),
        "failing_since": iso_or_none(standing.failing_ns),
        "suspended_since": iso_or_none(standing.suspended_ns),
        "error": standing.last_error,
    }


def state_of(standing: ReceiverStanding) -> str:
    """``well``, ``refusing`` (single messages), ``failing``, ``suspended``, ``gone``, or ``not configured``."""
    if not standing.events:
        return "not configured"
    if standing.suspended_ns is not None:
        return "gone" if standing.gone else "suspended"
    if standing.failing_ns is not None:
        return "failing"
    return "refusing" if standing.last_error else "well"


def _block(one: ReceiverStanding) -> list[tuple[str, str]]:
    oldest = "" if one.oldest_ns is None else f", the oldest since {format_iso(one.oldest_ns)}"
    gets = "" if not one.events else f"{one.form}: {one.events}, from priority {one.minimum_priority} on"
    return [
        ("state", state_of(one)),
        ("gets", gets),
        ("waiting", f"{counted(one.waiting, 'message')}{oldest}"),
        ("latest", _iso(one.latest_ns) or "nothing yet"),
        ("failing since", _iso(one.failing_ns)),
        ("suspended since", _iso(one.suspended_ns)),
        ("it said", printable(one.last_error)),
    ]


def _cells(one: ReceiverStanding) -> list[str]:
    return [
        one.name,
        *(one.form, one.events, one.minimum_priority, state_of(one), str(one.waiting)),
        *(_iso(one.oldest_ns), _iso(one.latest_ns), _iso(one.failing_ns), _iso(one.suspended_ns)),
        one.last_error,
    ]


def _iso(time_ns: int | None) -> str:
    return "" if time_ns is None else format_iso(time_ns)
