"""A watch looks for accepted baselines, and goes on without those that can't be read."""

import sqlite3
from pathlib import Path

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.decisions import OperatorDecisions
from models.devices import parse_device
from streams.accepted_baselines import AcceptedBaselines

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")


def accept(state: Path, from_ns: int) -> None:
    OperatorDecisions(state).accept_baseline(CAMERA, from_ns, reason="realigned", by="ana", now_ns=1000)


def test_each_is_given_once_and_all_of_them_to_the_next_watch(tmp_path: Path) -> None:
    told: list[str] = []
    accepted = AcceptedBaselines(tmp_path, told.append)
    assert accepted.take_new() == []
    accept(tmp_path, 1)
    accept(tmp_path, 2)
    assert [baseline.from_ns for baseline in accepted.take_new()] == [1, 2]
    assert accepted.take_new() == []
    accept(tmp_path, 3)
    assert [baseline.from_ns for baseline in accepted.take_new()] == [3]
    assert [baseline.from_ns for baseline in AcceptedBaselines(tmp_path, told.append).take_new()] == [1, 2, 3]
    assert told == []


def test_one_that_is_taken_is_told_with_device_time_and_name(tmp_path: Path) -> None:
    told: list[str] = []
    accepted = AcceptedBaselines(tmp_path, told.append)
    accept(tmp_path, 1_656_667_800_000_000_000)
    [baseline] = accepted.take_new()
    accepted.taken(baseline)
    [sentence] = told
    for word in (CAMERA.name, "2022-07-01T09:30:00", "ana"):
        assert word in sentence


def test_somebody_who_writes_keeps_nobody_from_reading(tmp_path: Path) -> None:
    told: list[str] = []
    accept(tmp_path, 1)
    accepted = AcceptedBaselines(tmp_path, told.append)
    connection = sqlite3.connect(tmp_path / DECISIONS_NAME, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    assert [baseline.from_ns for baseline in accepted.take_new()] == [1]
    connection.execute("ROLLBACK")
    connection.close()
    assert told == []


def test_a_damaged_database_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / DECISIONS_NAME).write_bytes(b"this is none" * 1000)
    accepted = AcceptedBaselines(tmp_path, told.append)
    assert accepted.take_new() == []
    assert accepted.take_new() == []
    [sentence] = told
    assert "damaged" in sentence
    (tmp_path / DECISIONS_NAME).unlink()
    accept(tmp_path, 1)
    assert [baseline.from_ns for baseline in accepted.take_new()] == [1]
