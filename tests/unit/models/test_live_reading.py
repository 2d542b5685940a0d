"""Which record of a stretch of work the wall shows."""

import numpy as np
import pytest

from models.devices import Device, parse_device
from models.images.thumbnail import thumbnail
from models.live_reading import reading_of
from models.records import IMAGE_SHAPE, RecordBlock, Refusal, SourceReference, rows_of
from models.results import FEATURE_NAMES, Admission, ScoredBlock, Scoring

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")
METER = parse_device("LA_A3_32-EM_1-EnergyMeter-1")
PUMP = parse_device("LA_A3_32-Saga_1")


def block(device: Device, count: int) -> RecordBlock:
    """Frames of which each has its own brightness."""
    payload = np.zeros((count, *IMAGE_SHAPE), np.uint16) + np.arange(count, dtype=np.uint16)[:, None, None] * 40
    return RecordBlock(
        device=device,
        source=SourceReference(file="day/one.h5", sha256="ab"),
        event_time_ns=np.arange(count, dtype=np.int64) * 100,
        state=np.zeros(count, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=payload,
        hdf5_group=("",) * count,
        interval_hz=10.0,
    )


def scored(of: RecordBlock) -> ScoredBlock:
    """All taken, lit and normal."""
    count = len(of)
    features = np.arange(count, dtype=float)[:, None] + np.zeros(len(FEATURE_NAMES[of.device.kind]))
    return ScoredBlock(
        device=of.device,
        source=of.source,
        event_time_ns=of.event_time_ns,
        state=of.state,
        refusal=of.refusal.copy(),
        admission=np.full(count, Admission.ACCEPTED, np.uint8),
        fires=np.ones(count, np.bool_),
        scoring=np.full(count, Scoring.SCORED, np.uint8),
        score=np.ones(count, np.float32),
        anomalous=np.zeros(count, np.bool_),
        reasons=np.zeros(count, np.uint32),
        features=features,
        interval_hz=10.0,
    )


def shown_row(frames: RecordBlock, rows: ScoredBlock) -> int:
    reading = reading_of([frames], [rows])
    assert reading is not None
    return reading.event_time_ns // 100


def test_the_latest_frame_is_shown_with_its_picture_score_and_place() -> None:
    frames = block(CAMERA, 5)
    rows = scored(frames)
    reading = reading_of([frames], [rows])
    assert reading is not None
    assert (reading.device, reading.event_time_ns, reading.score, reading.valid) == (CAMERA, 400, 1.0, True)
    assert reading.values == {"centroid_x_px": 4.0, "centroid_y_px": 4.0}
    assert reading.thumbnail is not None
    np.testing.assert_array_equal(reading.thumbnail, thumbnail(frames.payload[4]))


def test_a_frame_with_beam_is_shown_rather_than_later_dark_ones() -> None:
    frames = block(CAMERA, 5)
    rows = scored(frames)
    rows.fires[2:] = False
    assert shown_row(frames, rows) == 1
    rows.fires[:] = False
    assert shown_row(frames, rows) == 4


def test_a_striking_frame_is_shown_rather_than_later_normal_ones_but_not_one_that_is_odd_by_chance() -> None:
    frames = block(CAMERA, 6)
    rows = scored(frames)
    rows.anomalous[[1, 3]] = True
    rows.score[[1, 3]] = 3.0
    assert shown_row(frames, rows) == 5
    rows.score[1] = 4.5
    assert shown_row(frames, rows) == 1
    rows.score[3] = 0.0  # a stuck frame: a rule that knows
    assert shown_row(frames, rows) == 3


def test_of_refused_records_the_last_is_shown_without_a_picture() -> None:
    frames = block(CAMERA, 3)
    rows = scored(frames)
    rows.refusal[:] = Refusal.STATE_NOT_ON
    reading = reading_of([frames], [rows])
    assert reading is not None
    assert (reading.event_time_ns, reading.valid, reading.thumbnail) == (200, False, None)
    rows.refusal[0] = Refusal.NONE
    assert shown_row(frames, rows) == 0


def test_records_that_came_before_are_not_shown() -> None:
    frames = block(CAMERA, 3)
    rows = scored(frames)
    rows.admission[2] = Admission.LATE
    assert shown_row(frames, rows) == 1
    rows.admission[:] = Admission.DUPLICATE
    assert reading_of([frames], [rows]) is None


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_the_picture_is_that_of_the_row_however_blocks_and_rows_are_cut(cut: int) -> None:
    frames = block(CAMERA, 7)
    parts = [rows_of(frames, 0, cut), rows_of(frames, cut, 7)]
    rows = [scored(rows_of(frames, 0, 4)), scored(rows_of(frames, 4, 5)), scored(rows_of(frames, 5, 7))]
    for place, of in enumerate([0, 0, 0, 0, 1, 2, 2]):
        first = (0, 4, 5)[of]
        rows[of].anomalous[place - first], rows[of].score[place - first] = True, 9.0
        reading = reading_of(parts, rows)
        assert reading is not None
        assert reading.event_time_ns == place * 100
        assert reading.thumbnail is not None
        np.testing.assert_array_equal(reading.thumbnail, thumbnail(frames.payload[place]))


def test_a_meter_shows_its_energy_and_no_picture() -> None:
    readings = block(METER, 2)
    reading = reading_of([readings], [scored(readings)])
    assert reading is not None
    assert (dict(reading.values), reading.thumbnail) == ({"energy_j": 1.0}, None)


def test_other_devices_replaced_files_and_nothing_at_all_are_not_shown() -> None:
    pump = block(PUMP, 2)
    assert reading_of([pump], [scored(pump)]) is None
    assert reading_of([], []) is None
