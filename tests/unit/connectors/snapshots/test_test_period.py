"""Daily files of the test period: images without times, and long series of meters and pumps."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import Dialect, Manifest
from connectors.snapshots.reader import open_snapshot
from connectors.snapshots.writer import write_test_period_day
from models.devices import NO_STAGE, RecordKind
from models.errors import RecordError
from models.event_time import parse_iso
from models.records import DeviceState, RecordBlock, Refusal
from tests.support.snapshot_files import IMAGE_SHAPE, random_images, write_test_period

DAY = "2020-09-04.h5"
MIDNIGHT_NS = parse_iso("2020-09-04")
STEP_NS = 100_000_000
SECOND_NS = 1_000_000_000


def read(path: Path, block_records: int = 1000, **more: Any) -> tuple[Manifest, dict[str, list[RecordBlock]]]:
    found: dict[str, list[RecordBlock]] = {}
    with open_snapshot(path, root=path.parent, **more) as snapshot:
        for block in snapshot.blocks(block_records):
            found.setdefault(block.device.name, []).append(block)
        return snapshot.manifest, found


def test_images_get_times_from_their_numbers(tmp_path: Path) -> None:
    images = random_images(4)
    numbers = [66541040, 66541038, 66541039, 66541050]
    group = {str(number): image for number, image in zip(numbers, images, strict=True)}
    path = write_test_period(tmp_path / DAY, {"DTG_66440739": group})
    manifest, devices = read(path)
    assert manifest.dialect is Dialect.TEST_PERIOD
    assert manifest.records == {"DTG_66440739": 4}
    [block] = devices["DTG_66440739"]
    assert (block.device.kind, block.device.stage) == (RecordKind.CAMERA, NO_STAGE)
    assert not block.device.joins
    assert ((block.event_time_ns - MIDNIGHT_NS) // STEP_NS).tolist() == [0, 1, 2, 12]
    assert block.hdf5_group[0] == "IMAGES/DTG_66440739/66541038"
    np.testing.assert_array_equal(block.payload, [images[1], images[2], images[0], images[3]])
    assert set(block.state) == {DeviceState.ON}


def test_data_groups_share_the_first_number_of_the_file(tmp_path: Path) -> None:
    [image] = random_images(1)
    path = write_test_period(tmp_path / DAY, {"DTG_1": {"img_0100": image}, "DTG_2": {"img_0105.png7": image}})
    with h5py.File(path, "a") as file:
        del file["IMAGES/DTG_2/img_0105.png7"]
        file["IMAGES/DTG_2/img_0105.png"] = image
    _, devices = read(path)
    assert devices["DTG_1"][0].event_time_ns[0] == MIDNIGHT_NS
    assert devices["DTG_2"][0].event_time_ns[0] == MIDNIGHT_NS + 5 * STEP_NS


def test_odd_images_and_names_are_counted(tmp_path: Path) -> None:
    [image] = random_images(1)
    group = {"1": image, "2": image.T, "3": image.astype("f8"), "none": image, "9" * 18: image}
    group[f"{32 * 864_000}"] = image  # a month later
    path = write_test_period(tmp_path / DAY, {"DTG_1": group})
    with h5py.File(path, "a") as file:
        file.create_group("IMAGES/DTG_1/4")
        file["IMAGES/DTG_1/5"] = h5py.ExternalLink(DAY, "/IMAGES/DTG_1/1")
        file["IMAGES/DTG_2"] = h5py.SoftLink("/IMAGES/DTG_1")
        file["IMAGES/6"] = image
        images = file["IMAGES"].id
        images.links.create_hard(b"\xff", images, b"DTG_1")
    manifest, devices = read(path)
    [block] = devices["DTG_1"]
    assert manifest.dead_letter_counts == {
        "image_number": 3,
        "link_not_followed": 1,
        "unreadable_group": 1,
        "device_name": 1,
    }
    assert manifest.record_count == len(block) == 5
    assert [Refusal(value) for value in block.refusal] == [
        Refusal.NONE,
        Refusal.WRONG_SHAPE,
        Refusal.NONE,
        Refusal.UNREADABLE,
        Refusal.UNREADABLE,
    ]


def test_series_of_meters_and_pumps(tmp_path: Path) -> None:
    series = {
        "METERS/EM_1": {
            "energy1Corrected": np.array([1.0, 2.0, np.inf, 0.0]),
            "timeIndex": np.array([5000, 6000, 9000, 7000]),
            "STATE": np.array([b"ON", b"ON", b"FAULT", b"ON"]),
        },
        "PUMPS/GAIA_1": {
            "energy1Corrected": np.array([13.8, 13.9]),
            "time": np.array([0.0, 1000.0]),
            "state": np.array(["ON", "STANDBY"], dtype=h5py.string_dtype()),
        },
    }
    manifest, devices = read(write_test_period(tmp_path / DAY, {}, series))
    assert manifest.records == {"EM_1": 4, "GAIA_1": 2}
    [meter], [pump] = devices["EM_1"], devices["GAIA_1"]
    assert (meter.device.kind, pump.device.kind) == (RecordKind.ENERGY_METER, RecordKind.OTHER)
    assert ((meter.event_time_ns - MIDNIGHT_NS) // SECOND_NS).tolist() == [0, 1, 2, 4]
    np.testing.assert_array_equal(meter.payload, [[1.0, np.nan], [2.0, np.nan], [0.0, np.nan], [0.0, 0.0]])
    assert meter.refusal.tolist() == [0, 0, 0, Refusal.NOT_FINITE]
    assert meter.state.tolist() == [DeviceState.ON, DeviceState.ON, DeviceState.ON, DeviceState.FAULT]
    assert meter.hdf5_group == tuple(f"METERS/EM_1/{row}" for row in (0, 1, 3, 2))
    assert pump.payload.shape == (2, 0)
    assert pump.state.tolist() == [DeviceState.ON, DeviceState.STANDBY]


def test_a_time_index_that_counts_from_1970(tmp_path: Path) -> None:
    at_ms = MIDNIGHT_NS // 1_000_000 + 3_600_000
    series = {"EM": {"energy1Corrected": np.ones(2), "time": np.array([at_ms, at_ms + 1000])}}
    _, devices = read(write_test_period(tmp_path / DAY, {}, series))
    assert ((devices["EM"][0].event_time_ns - MIDNIGHT_NS) // SECOND_NS).tolist() == [3600, 3601]


def test_series_without_times_states_or_equal_lengths(tmp_path: Path) -> None:
    series: dict[str, dict[str, Any]] = {
        "A/EM": {"energy1Corrected": np.arange(1.0, 4.0)},
        "B/EM": {"energy1Corrected": np.ones(1), "energy2Corrected": np.ones(3), "timeIndex": np.arange(3) * 1000},
        "C": {"energy1Corrected": np.ones(3), "timeIndex": np.array([0.0, np.nan, 1e300]), "STATE": 7},
        "D": {"notes": np.bytes_(b"nothing"), "matrix": np.ones((3, 3))},
    }
    manifest, devices = read(write_test_period(tmp_path / DAY, {}, series))
    assert manifest.records == {"EM": 3, "B/EM": 3, "C": 1}
    assert manifest.dead_letter_counts == {"time_index": 2}
    assert np.diff(devices["EM"][0].event_time_ns).tolist() == [SECOND_NS] * 2
    np.testing.assert_array_equal(devices["B/EM"][0].payload, [[1.0, 1.0], [np.nan, 1.0], [np.nan, 1.0]])
    assert devices["C"][0].refusal.tolist() == [Refusal.UNREADABLE]


def test_links_back_up_end(tmp_path: Path) -> None:
    path = write_test_period(tmp_path / DAY, {}, {"METERS/EM": {"energy1Corrected": np.ones(2)}})
    with h5py.File(path, "a") as file:
        file["METERS/up"] = file["/"]
        file["OUT"] = h5py.ExternalLink(DAY, "/METERS")
    with pytest.raises(RecordError) as caught:
        read(path, limits=ReadLimits(max_records=3))
    assert caught.value.reason == "too_many_records"
    manifest, _ = read(path)
    assert manifest.record_count < 20


def test_blocks_are_small_and_nothing_is_held(tmp_path: Path) -> None:
    images = {str(number): np.full(IMAGE_SHAPE, number, "u2") for number in range(50)}
    path = write_test_period(tmp_path / DAY, {"DTG": images})
    for limits in (ReadLimits(), ReadLimits(max_buffered_mib=0)):
        _, devices = read(path, block_records=8, limits=limits)
        assert [len(block) for block in devices["DTG"]] == [8] * 6 + [2]
        assert [int(block.payload[0, 0, 0]) for block in devices["DTG"]] == [0, 8, 16, 24, 32, 40, 48]


def test_a_day_of_the_simulator(tmp_path: Path) -> None:
    frames, numbers = np.stack(random_images(3)), np.array([10, 11, 13])
    seconds = np.arange(4) * 1000
    write_test_period_day(
        tmp_path / DAY,
        "DTG_10",
        [(frames, numbers)],
        {"EnergyMeter-1": (seconds, np.arange(4.0), ["ON", "ON", "OFF", "ON"])},
        gzip=True,
    )
    manifest, devices = read(tmp_path / DAY)
    assert manifest.dead_letter_count == 0
    assert manifest.records == {"DTG_10": 3, "EnergyMeter-1": 4}
    np.testing.assert_array_equal(devices["DTG_10"][0].payload, frames)
    assert devices["EnergyMeter-1"][0].state.tolist() == [0, 0, DeviceState.OFF, 0]


def test_production_times_in_a_daily_file_win(tmp_path: Path) -> None:
    path = tmp_path / DAY
    with h5py.File(path, "w") as file:
        file["09-34-00-000/LA_A3_31-EM_1-EnergyMeter-1/STATE"] = "ON"
    assert read(path)[0].dialect is Dialect.PRODUCTION
