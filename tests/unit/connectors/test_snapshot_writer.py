import math
from pathlib import Path

import h5py
import numpy as np
import pytest

from connectors.snapshots.writer import snapshot_name, write_production_snapshot, write_test_period_day
from models.devices import Device, parse_device
from models.records import DeviceState
from models.simulation.laser import DeviceMinute

START_NS = 1_656_668_040_000_000_000  # 2022-07-01T09:34:00Z
CAMERA = "LA_A3_31-Camera_1-Camera-1"
METER = "LA_A3_31-EM_1-EnergyMeter-1"
SPECTROMETER = "LA_A3_31-Spectro_1-Spectro-1"


def recording(name: str, payload: np.ndarray, shots: list[int], state: int = DeviceState.ON) -> DeviceMinute:
    return DeviceMinute(
        device=parse_device(name),
        event_time_ns=START_NS + np.array(shots) * 100_000_000,
        state=np.full(len(shots), state, np.uint8),
        payload=payload,
    )


@pytest.fixture
def minute() -> dict[Device, DeviceMinute]:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 4093, (3, 102, 128)).astype(np.uint16)
    recorded = [
        recording(CAMERA, images, [0, 1, 2]),
        recording(METER, np.array([[300.0, 301.0], [302.0, 303.0]]), [0, 2], DeviceState.FAULT),
        recording(SPECTROMETER, draw.random((3, 2047)), [0, 1, 2]),
    ]
    return {one.device: one for one in recorded}


@pytest.mark.parametrize("gzip", [False, True])
def test_what_was_recorded_can_be_read(tmp_path: Path, minute: dict[Device, DeviceMinute], gzip: bool) -> None:
    path = tmp_path / "new" / "a.h5"
    write_production_snapshot(path, minute, gzip=gzip)

    camera, _, spectrometer = minute.values()
    with h5py.File(path) as file:
        assert list(file) == ["09-34-00-000", "09-34-00-100", "09-34-00-200"]
        assert list(file["09-34-00-100"]) == [CAMERA, SPECTROMETER]
        for row, shot in enumerate(file.values()):
            np.testing.assert_array_equal(shot[CAMERA]["ROIImageLow"][()], camera.payload[row])
            np.testing.assert_array_equal(shot[SPECTROMETER]["intensityFitted"][()], spectrometer.payload[row])
            assert shot[CAMERA]["STATE"][()] == b"ON"
            assert shot[CAMERA]["ROIImageLow"].dtype == np.uint16
            assert shot[CAMERA]["ROIImageLow"].compression == ("gzip" if gzip else None)
        meter = file["09-34-00-200"][METER]
        assert meter["energy1Corrected"][0] == 302.0
        assert meter["energy2Corrected"][0] == 303.0
        assert meter["STATE"][()] == b"FAULT"


def test_files_have_the_earliest_layout_and_the_same_bytes_for_the_same_readings(
    tmp_path: Path, minute: dict[Device, DeviceMinute]
) -> None:
    write_production_snapshot(tmp_path / "a.h5", minute)
    write_production_snapshot(tmp_path / "b.h5", minute)
    data = (tmp_path / "a.h5").read_bytes()

    assert data[:9] == b"\x89HDF\r\n\x1a\n\x00"  # superblock of version 0
    assert data == (tmp_path / "b.h5").read_bytes()


def test_a_file_appears_when_it_is_whole(tmp_path: Path, minute: dict[Device, DeviceMinute]) -> None:
    camera = parse_device(CAMERA)
    minute[camera] = recording(CAMERA, minute[camera].payload[:1], [0, 1, 2])  # too few images: fails half way

    with pytest.raises(IndexError):
        write_production_snapshot(tmp_path / "a.h5", minute)
    assert list(tmp_path.iterdir()) == []


def test_a_name_says_front_end_recorder_length_date_and_start() -> None:
    name = snapshot_name("LA", 1, "2022-07-01", START_NS)

    assert name == "LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5"
    assert name.split("_")[0] == "LA"
    assert name.split("_")[4] == "2022-07-01"


def test_a_day_of_the_test_period_has_numbered_images_and_series(tmp_path: Path) -> None:
    images = np.arange(4 * 102 * 128, dtype=np.uint16).reshape(4, 102, 128)
    numbers = np.array([66_440_739, 66_440_740, 66_440_741, 66_440_750])
    series = {"GAIA_1": (np.array([0, 1000]), np.array([13.8, math.pi]), ["ON", "STANDBY"])}

    parts = [(images[:2], numbers[:2]), (images[2:], numbers[2:])]
    write_test_period_day(tmp_path / "2020-09-04.h5", "DTG_66440739", parts, series)

    with h5py.File(tmp_path / "2020-09-04.h5") as file:
        assert list(file["IMAGES"]) == ["DTG_66440739"]
        np.testing.assert_array_equal(file["IMAGES/DTG_66440739/66440750"][()], images[3])
        assert file["GAIA_1/timeIndex"][()].tolist() == [0, 1000]
        assert file["GAIA_1/energy1Corrected"][1] == math.pi
        assert file["GAIA_1/STATE"][()].tolist() == [b"ON", b"STANDBY"]
