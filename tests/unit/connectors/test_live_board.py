"""The live board: one writes, others read, nobody sees half of anything."""

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest

from connectors import live_board
from connectors.clock import SystemClock
from connectors.live_board import LiveBoardReader, LiveBoardWriter, LiveReading
from models.devices import Device, parse_device
from models.errors import RetryableError
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring
from tests.support.manual_clock import ManualClock

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")


def reading(device: Device = CAMERA, value: int = 7, event_time_ns: int = 1_000) -> LiveReading:
    """Every part of it tells the same number, so that a mixture of two shows."""
    if device.kind is not CAMERA.kind:
        return LiveReading(
            device=device,
            event_time_ns=event_time_ns,
            scoring=Scoring.LEARNING,
            refusal=Refusal.NONE,
            score=0.5,
            anomalous=False,
            values={"energy_j": float(value)},
        )
    return LiveReading(
        device=device,
        event_time_ns=event_time_ns,
        scoring=Scoring.SCORED,
        refusal=Refusal.NONE,
        score=float(value),
        anomalous=True,
        values={"centroid_x_px": float(value), "centroid_y_px": float(value)},
        thumbnail=np.full(IMAGE_SHAPE, value, np.uint8),
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.board"


@pytest.fixture
def writer(path: Path, clock: ManualClock) -> Iterator[LiveBoardWriter]:
    with LiveBoardWriter(path, clock) as opened:
        yield opened


@pytest.fixture
def reader(path: Path) -> Iterator[LiveBoardReader]:
    with LiveBoardReader(path) as opened:
        yield opened


def test_what_was_shown_is_read_with_all_that_belongs_to_it(
    writer: LiveBoardWriter, reader: LiveBoardReader, clock: ManualClock
) -> None:
    writer.show(reading(CAMERA, 200))
    clock.advance(1.5)
    writer.show(reading(METER, 31))
    meter, camera = reader.readings()
    assert (meter.device, camera.device) == (METER, CAMERA)
    assert (dict(meter.values), meter.thumbnail, meter.scoring) == ({"energy_j": 31.0}, None, Scoring.LEARNING)
    assert (camera.score, camera.anomalous, camera.valid, camera.event_time_ns) == (200.0, True, True, 1_000)
    assert camera.thumbnail is not None
    np.testing.assert_array_equal(camera.thumbnail, np.full(IMAGE_SHAPE, 200, np.uint8))
    assert meter.shown_ns - camera.shown_ns == 1_500_000_000


def test_a_refused_record_is_shown_as_such(writer: LiveBoardWriter, reader: LiveBoardReader) -> None:
    refused = LiveReading(
        device=CAMERA,
        event_time_ns=5,
        scoring=Scoring.NONE,
        refusal=Refusal.STATE_NOT_ON,
        score=0.0,
        anomalous=False,
        values={"centroid_x_px": float("nan"), "centroid_y_px": float("nan")},
    )
    writer.show(refused)
    [found] = reader.readings()
    assert not found.valid
    assert found.refusal is Refusal.STATE_NOT_ON
    assert np.isnan(found.values["centroid_x_px"])
    assert found.thumbnail is None


def test_only_what_was_shown_since_is_given_in_the_order_in_which_it_was_shown(
    writer: LiveBoardWriter, reader: LiveBoardReader
) -> None:
    writer.show(reading(CAMERA, 1))
    writer.show(reading(METER, 2))
    first = reader.frames_since(0)
    assert [found.device for found in first] == [CAMERA, METER]
    assert reader.frames_since(first[-1].number) == []
    writer.show(reading(CAMERA, 3))
    [newest] = reader.frames_since(first[-1].number)
    assert newest.values["centroid_x_px"] == 3.0
    assert newest.number < 2**53  # a browser's numbers hold it exactly


def test_without_a_board_nothing_is_shown(reader: LiveBoardReader) -> None:
    assert reader.readings() == []
    assert reader.writer_start_ns is None


@pytest.mark.parametrize("content", [b"", b"something else", os.urandom(live_board._SLOTS_AT)])
def test_a_foreign_file_is_no_board_and_is_replaced(
    path: Path, reader: LiveBoardReader, clock: ManualClock, content: bytes
) -> None:
    path.write_bytes(content)
    assert reader.readings() == []
    with LiveBoardWriter(path, clock) as writer:
        writer.show(reading())
        assert len(reader.readings()) == 1


def test_a_board_of_another_format_is_none(
    path: Path, writer: LiveBoardWriter, reader: LiveBoardReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.show(reading())
    monkeypatch.setattr(live_board, "FORMAT_VERSION", 2)
    assert reader.readings() == []


def test_readers_find_the_next_writers_board_which_begins_empty(
    path: Path, reader: LiveBoardReader, clock: ManualClock
) -> None:
    with LiveBoardWriter(path, clock) as first:
        first.show(reading(CAMERA, 1))
    [of_first] = reader.readings()
    start_ns = reader.writer_start_ns
    clock.set_wall_clock("2022-07-01T08:00:00Z")  # an operator sets it back
    with LiveBoardWriter(path, clock) as second:
        assert reader.readings() == []
        assert reader.writer_start_ns == clock.now_ns() != start_ns
        second.show(reading(METER, 2))
        [of_second] = reader.frames_since(of_first.number)
        assert of_second.device == METER


def test_a_thousand_devices_have_room_and_then_the_one_shown_longest_ago_leaves(
    writer: LiveBoardWriter, reader: LiveBoardReader
) -> None:
    meters = [parse_device(f"LA_A3_31-EM_{number}-EnergyMeter-1") for number in range(1_001)]
    for number, meter in enumerate(meters[:1_000]):
        writer.show(reading(meter, number))
    writer.show(reading(meters[0], 5_000))
    assert len(reader.readings()) == 1_000
    writer.show(reading(meters[1_000], 6_000))
    shown = {found.device: found.values["energy_j"] for found in reader.readings()}
    assert set(meters) - set(shown) == {meters[1]}
    assert (shown[meters[0]], shown[meters[1_000]]) == (5_000.0, 6_000.0)


def test_a_device_whose_name_is_too_long_is_left_out(writer: LiveBoardWriter, reader: LiveBoardReader) -> None:
    writer.show(reading(Device("x" * 256, METER.stage, METER.kind)))
    writer.show(reading(Device("y" * 255, METER.stage, METER.kind)))
    assert [found.device.name for found in reader.readings()] == ["y" * 255]


def test_a_slot_that_is_left_half_written_keeps_what_it_showed(
    path: Path, writer: LiveBoardWriter, reader: LiveBoardReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.show(reading(CAMERA, 1))
    assert [found.score for found in reader.readings()] == [1.0]
    written: list[bytes] = []
    really_write = os.pwrite

    def write(file: int, data: bytes, place: int) -> int:
        """Half of the reading, and then the power is gone."""
        written.append(data)
        if len(written) > 2:
            return 0
        return really_write(file, data[: max(8, len(data) // 2)], place)

    monkeypatch.setattr(os, "pwrite", write)
    writer.show(reading(CAMERA, 2))
    monkeypatch.undo()
    assert [found.score for found in reader.readings()] == [1.0]
    with LiveBoardReader(path) as fresh:
        assert fresh.readings() == []
    writer.show(reading(CAMERA, 3))
    assert [found.score for found in reader.readings()] == [3.0]


def test_a_board_takes_room_for_the_devices_that_it_shows(writer: LiveBoardWriter, path: Path) -> None:
    writer.show(reading())
    assert path.stat().st_blocks * 512 < 200_000


def test_a_full_disk_is_told_and_leaves_no_rest(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: bytes, place: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(RetryableError) as failure:
        LiveBoardWriter(path, clock)
    assert failure.value.reason == "disk_full"
    assert list(path.parent.iterdir()) == []


def test_a_reader_beside_a_writer_never_sees_half_a_reading(path: Path) -> None:
    """The writer goes on as fast as it can; a mixture of two readings would show in values, picture and score."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=hammer, args=(path, stop))
    process.start()
    seen: set[int] = set()
    try:
        with LiveBoardReader(path) as reader:
            while len(seen) < 500:
                assert process.is_alive()
                for found in reader.readings():
                    assert found.thumbnail is not None
                    value = int(found.score)
                    assert found.event_time_ns == value
                    assert set(found.values.values()) == {float(value)}
                    assert np.all(found.thumbnail == value % 251)
                    seen.add(found.number)
    finally:
        stop.set()
        process.join(60)
    assert process.exitcode == 0


def hammer(path: Path, stop: Event) -> None:
    """Shows two cameras again and again."""
    cameras = [CAMERA, parse_device("LA_A3_31-Camera_1-Camera-1")]
    with LiveBoardWriter(path, SystemClock()) as writer:
        value = 0
        while not stop.is_set():
            value += 1
            writer.show(
                LiveReading(
                    device=cameras[value % 2],
                    event_time_ns=value,
                    scoring=Scoring.SCORED,
                    refusal=Refusal.NONE,
                    score=float(value),
                    anomalous=False,
                    values={"centroid_x_px": float(value), "centroid_y_px": float(value)},
                    thumbnail=np.full(IMAGE_SHAPE, value % 251, np.uint8),
                )
            )
