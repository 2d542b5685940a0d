"""Receivers for eyes."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from connectors.webhooks.standing import ReceiverStanding
from dashboards.receiver_table import print_standings, state_of
from models.event_time import parse_iso

WELL = ReceiverStanding(
    name="shift",
    form="signed webhook",
    events="alert",
    minimum_priority="low",
    waiting=0,
    oldest_ns=None,
    latest_ns=parse_iso("2022-07-01T09:30:00Z"),
    failing_ns=None,
    suspended_ns=None,
    gone=False,
    last_error="",
)
SUSPENDED = replace(WELL, waiting=2, oldest_ns=7, failing_ns=8, suspended_ns=9, last_error="answered 500 \x1b[2J")


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (WELL, "well"),
        (replace(WELL, waiting=3, oldest_ns=7), "well"),
        (replace(WELL, last_error="answered 422"), "refusing"),
        (replace(SUSPENDED, suspended_ns=None), "failing"),
        (SUSPENDED, "suspended"),
        (replace(SUSPENDED, gone=True), "gone"),
        (replace(WELL, events="", form="not configured"), "not configured"),
    ],
)
def test_how_each_stands(standing: ReceiverStanding, state: str) -> None:
    assert state_of(standing) == state


def shown(*standings: ReceiverStanding, terminal: bool) -> str:
    out = io.StringIO()
    print_standings(standings, Console(file=out, force_terminal=terminal, no_color=True, width=100))
    return out.getvalue()


def test_a_terminal_shows_a_block_each_and_nothing_steers_it() -> None:
    text = shown(WELL, SUSPENDED, terminal=True)
    assert "gets     signed webhook: alert, from priority low on" in text
    assert "2 messages, the oldest since 1970-01-01T00:00:00.000Z" in text
    assert "answered 500 ?[2J" in text


def test_elsewhere_each_is_a_line() -> None:
    lines = shown(WELL, SUSPENDED, terminal=False).splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["name", "form"], *[["shift", "signed webhook"]] * 2]
    assert {line.count("\t") for line in lines} == {10}


def test_nobody_is_told() -> None:
    assert shown(terminal=False) == "nobody is told of alerts: the settings name no receiver\n"
