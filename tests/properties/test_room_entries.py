"""Entries of several audit logs beside each other: each log in its own order, all by time, and pages lose nothing."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.control_room.room_entries import RoomEntry, in_order
from models.alarms.audit_chain import AuditEntry, next_entry

ROOMS = ("own", "tape", "other")

# Clocks are set back now and then: times within a log need not ascend.
times_of_logs = st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=len(ROOMS))


def log(times: list[int]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number, at_ns in enumerate(times):
        before = entries[-1] if entries else None
        entries.append(next_entry(before, number, at_ns=at_ns, who="ada", action="a", subject="s", why="", details={}))
    return entries


def in_pages(logs: dict[str, list[AuditEntry]], size: int) -> list[RoomEntry]:
    """As the API asks for them: of each log one more than a page has, behind what was seen of it."""
    seen: list[RoomEntry] = []
    while True:
        reached = {each.room: each.entry.number for each in seen}
        parts = [
            (room, [entry for entry in entries if entry.number > reached.get(room, 0)][: size + 1])
            for room, entries in logs.items()
        ]
        found = in_order(parts)
        seen += found[:size]
        if len(found) <= size:
            return seen


@given(times_of_logs, st.integers(1, 5))
def test_each_log_stays_in_its_order_and_pages_are_parts_of_the_whole(times: list[list[int]], size: int) -> None:
    logs = {room: log(each) for room, each in zip(ROOMS, times, strict=False)}
    whole = in_order(logs.items())
    for room, entries in logs.items():
        assert [each.entry for each in whole if each.room == room] == entries
    assert in_pages(logs, size) == whole


@given(times_of_logs)
def test_where_no_clock_was_set_back_all_are_by_time(times: list[list[int]]) -> None:
    logs = {room: log(sorted(each)) for room, each in zip(ROOMS, times, strict=False)}
    at_ns = [each.entry.at_ns for each in in_order(logs.items())]
    assert at_ns == sorted(at_ns)
