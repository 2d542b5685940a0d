"""What the wall is sent."""

import json
import math
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboards.console.wall_view import frames_message, wall_incidents
from models.alarms.incident import Incident, IncidentState
from models.alarms.priority import Priority
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import AlertKind
from models.devices import parse_device
from models.live_reading import LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring
from tests.support.alarms import alert

CAMERA, OTHER = parse_device("LA_A3_31-Camera_1-Camera-1"), parse_device("LA_A3_31-Camera_2-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
MS = 1_000_000


def camera_reading(value: int, **changes: Any) -> LiveReading:
    reading = LiveReading(
        device=CAMERA,
        event_time_ns=1_656_667_800_123 * MS,
        scoring=Scoring.SCORED,
        refusal=Refusal.NONE,
        score=1.5,
        anomalous=False,
        values={"centroid_x_px": 64.0, "centroid_y_px": math.nan},
        thumbnail=np.full(IMAGE_SHAPE, value, np.uint8),
        number=7,
    )
    return replace(reading, **changes)


def incident(name: str, **changes: Any) -> Incident:
    one = Incident(
        id=name,
        first_alert_id="",
        priority=Priority.MEDIUM,
        state=IncidentState.OPEN,
        first_shot_ns=5 * MS,
        last_shot_ns=6 * MS,
        opened_ns=0,
        stages=(CAMERA.stage,),
        kinds=(AlertKind.STUCK_FRAME,),
        announced_ns=1,
    )
    return replace(one, **changes)


def test_readings_and_their_pictures_are_one_message() -> None:
    refused = camera_reading(0, device=OTHER, refusal=Refusal.STATE_NOT_ON, thumbnail=None, score=math.nan)
    message = frames_message([camera_reading(3), refused, camera_reading(200)])
    (length,) = struct.unpack_from("<I", message)
    first, second, third = json.loads(message[4 : 4 + length])
    assert first["device"] == CAMERA.name
    assert (first["stage"], first["event_ms"], first["number"]) == ("LA-A3-31", 1_656_667_800_123, 7)
    assert first["values"] == {"centroid_x_px": 64.0, "centroid_y_px": None}
    assert (first["refusal"], second["refusal"], second["score"]) == ("", "state not on", None)
    assert [each["picture"] for each in (first, second, third)] == [True, False, True]
    pixels = np.frombuffer(message, np.uint8, offset=4 + length)
    assert pixels.reshape(2, *IMAGE_SHAPE)[:, 0, 0].tolist() == [3, 200]


@pytest.mark.parametrize(("scoring", "score"), [(Scoring.SCORED, 1.5), (Scoring.LEARNING, None), (Scoring.DARK, None)])
def test_a_record_that_was_not_scored_shows_no_score(scoring: Scoring, score: float | None) -> None:
    message = frames_message([camera_reading(3, scoring=scoring, score=1.5 if score else 0.0)])
    (length,) = struct.unpack_from("<I", message)
    assert json.loads(message[4 : 4 + length])[0]["score"] == score


def test_without_readings_it_is_an_empty_list() -> None:
    assert frames_message([]) == struct.pack("<I", 2) + b"[]"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 6),
        ({"state": IncidentState.CLOSED}, None),
        ({"kinds": (AlertKind.ARCHIVE_LATE,)}, None),
        ({"subjects": ("recorders/10Hz",)}, None),
    ],
)
def test_a_wall_knows_where_data_had_ended(changes: dict[str, Any], expected: int | None) -> None:
    stop = incident("stop", stages=(), kinds=(AlertKind.DATA_STOPPED,), subjects=("recorders",))
    [shown] = wall_incidents([replace(stop, **changes)], {}, {}, [], {})["incidents"]
    assert shown["data_ended_ms"] == expected


def test_incidents_say_how_they_stand_and_what_is_worst_on_each_card() -> None:
    here, there = alert(CAMERA.name), alert("LA_A2_00-Camera_1-Camera-1")
    shown = wall_incidents(
        [
            incident("newer", first_shot_ns=9 * MS, stages=()),
            incident("high", priority=Priority.HIGH, state=IncidentState.CLOSED),
            incident("seen", priority=Priority.HIGH, acknowledged_ns=1, acknowledged_by="anna"),
        ],
        {"high": there},
        {"high": [here, there]},
        [
            Suppression(number=1, stage="LA-A3-31", cause=Cause.IDLE, from_ns=0),
            Suppression(number=2, stage="LA-A2-00", cause=Cause.IDLE, from_ns=0),
            Suppression(
                number=3, stage="LA-A2-00", cause=Cause.MAINTENANCE, from_ns=0, until_ns=9 * MS, by="anna", why="lens"
            ),
        ],
        {},
    )
    found = shown["incidents"]
    assert [each["id"] for each in found] == ["newer", "high", "seen"]
    assert [each["open"] for each in found[:2]] == [True, False]
    assert found[0]["stages"] == []
    assert found[-1]["acknowledged_by"] == "anna"
    assert found[0]["what"] == "stuck frame"
    assert {stage: each["device"] for stage, each in found[1]["at"].items()} == {
        "LA-A3-31": CAMERA.name,
        "LA-A2-00": "LA_A2_00-Camera_1-Camera-1",
    }
    assert shown["suppressed"] == {
        "LA-A3-31": {"cause": "idle", "words": "idle", "why": ""},
        # Of both maintenance is what people did.
        "LA-A2-00": {"cause": "maintenance", "words": "maintenance until 1970-01-01 00:00 UTC, by anna", "why": "lens"},
    }
