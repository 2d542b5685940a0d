"""Alarms and the audit log for eyes: heads everywhere, nothing broken, nothing that steers a terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from connectors.control_room.room_entries import OWN_ROOM, RoomEntry
from dashboards.alarm_tables import print_audit
from models.alarms.audit_chain import AuditEntry

ALARM, INCIDENT = "3f9a07c1d2e4b586", "8c1d2e4b5863f9a0"
NAMES = {ALARM: "hot spot of LA_A3_31-Camera_2-Camera-1", INCIDENT: "the incident of 2022-07-01 09:34"}
ENTRY = AuditEntry(
    number=7,
    at_ns=1_656_667_801_100_000_000,
    who="ada",
    action="shelve",
    subject=ALARM,
    why="spare on\x1b[2J its way",
    details={"until_ns": 1_656_671_400_000_000_000, "incidents": [INCIDENT]},
    previous="",
    hash="",
)


def printed(*entries: AuditEntry, width: int, terminal: bool, room: str = OWN_ROOM) -> list[str]:
    out = io.StringIO()
    found = [RoomEntry(room=room, entry=entry) for entry in entries]
    print_audit(found, NAMES, Console(file=out, width=width, force_terminal=terminal, color_system=None))
    return out.getvalue().splitlines()


def test_without_a_terminal_it_has_heads_and_tabs() -> None:
    heads, row = (line.split("\t") for line in printed(ENTRY, width=20, terminal=False))
    assert heads == ["number", "when", "who", "what", "subject", "why"]
    assert row[:3] == ["7", "2022-07-01T09:30:01.100Z", "ada"]
    assert row[3].startswith("shelve (until 2022-07-01 10:30")
    assert row[3].endswith("the incident of 2022-07-01 09:34)")
    assert row[4:] == ["hot spot of LA_A3_31-Camera_2-Camera-1 (3f9a07c1)", "spare on?[2J its way"]


def test_what_has_no_name_is_shown_as_it_is() -> None:
    _, row = printed(replace(ENTRY, subject="LA-A3-31", details={}), width=20, terminal=False)
    assert row.split("\t")[3:5] == ["shelve", "LA-A3-31"]


@pytest.mark.parametrize("width", [40, 80, 300])
def test_a_terminal_shows_all_of_it_in_its_width(width: int) -> None:
    lines = printed(ENTRY, replace(ENTRY, number=8), width=width, terminal=True)
    assert max(map(len, lines)) <= width
    text = "".join(line.strip() for line in lines).replace(" ", "")
    assert text.count("LA_A3_31-Camera_2-Camera-1(3f9a07c1)") == 2
    assert ("Auditlog" in text) is (width == 300)


def test_where_another_room_has_entries_each_row_names_its_own() -> None:
    heads, row = (line.split("\t") for line in printed(ENTRY, width=20, terminal=False, room="tape"))
    assert (heads[:2], heads[-2:]) == (["number", "when"], ["why", "room"])
    assert (row[0], row[-1]) == ("7", "tape")


def test_nothing_was_decided() -> None:
    assert printed(width=80, terminal=False) == ["nothing was decided yet"]
