"""One model for each camera and each combination of devices that its shots come with."""

from dataclasses import replace

import numpy as np
import pytest

from models.devices import Device
from models.state import State, decode_state, encode_state
from models.triplets.stage_join import JoinSettings, StageJoin
from tests.unit.models.triplets.stage_records import CAMERA, CAMERA_2, METER, SPECTROMETER, STAGE, Row, blocks

ALL = (CAMERA, CAMERA_2, METER, SPECTROMETER)
SETTINGS = JoinSettings(roster=tuple(device.name for device in ALL))


def combinations(state: State) -> list[list[str]]:
    return [[name for name, _ in entry["devices"]] for entry in state["triplet_models"]["models"]]


def join_of(rows: list[Row]) -> StageJoin:
    join = StageJoin(STAGE, SETTINGS)
    for part in blocks(rows):
        join.add(part)
    join.finish()
    return join


def test_each_camera_has_a_model_for_each_combination_it_comes_with() -> None:
    rows = [Row(device=device, ms=100.0 * shot) for shot in range(40) for device in ALL]
    rows = [row for row in rows if row.device != SPECTROMETER or row.ms < 1_000]
    rows = [row.dark() if row.device == METER and row.ms >= 2_000 else row for row in rows]
    c, c_2, m, s = (device.name for device in ALL)
    assert combinations(join_of(rows).state()) == [[c, m], [c, m, s], [c_2, m], [c_2, m, s]]


@pytest.mark.parametrize("alone", [CAMERA, METER])
def test_a_device_alone_has_none(alone: Device) -> None:
    assert combinations(join_of([Row(device=alone, ms=100.0 * shot) for shot in range(40)]).state()) == []


def test_the_combination_that_was_away_for_longest_makes_room() -> None:
    meters = [replace(METER, name=f"LA_A3_31-EM_{number}-EnergyMeter-{number}") for number in range(4)]
    settings = JoinSettings(roster=(CAMERA.name, *(meter.name for meter in meters)))
    join = StageJoin(STAGE, settings)
    rows = []
    for shot in range(1, 16):  # every combination once, as the bits of the shot's number
        there = [CAMERA, *(meter for place, meter in enumerate(meters) if shot >> place & 1)]
        rows += [Row(device=device, ms=100.0 * shot) for device in there]
    for part in blocks(rows, 3):
        join.add(part)
        join.decide()
    join.finish()
    kept = combinations(join.state())
    assert len(kept) == 8
    names = [meter.name for meter in meters]
    assert [CAMERA.name, *names] in kept
    assert [CAMERA.name, names[0]] not in kept
    saved = join.state()["triplet_models"]
    other = StageJoin(STAGE, settings)
    other.restore(decode_state(encode_state(join.state())))
    assert encode_state(other.state()["triplet_models"]) == encode_state(saved)
    assert np.all([entry["last_ns"] > 0 for entry in saved["models"]])
