"""How far each recorder's series of snapshots has come."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.snapshots.manifest import Dialect, Manifest
from connectors.spool_listing import SpoolFile
from models.event_time import MINUTE_NS, SECOND_NS, parse_iso
from models.records import SourceReference
from models.state import decode_state, encode_state
from streams.series_progress import SeriesProgress, series_of
from tests.support.snapshot_files import CAMERA, METER, NAME

START_NS = parse_iso("2022-07-01T09:34:00Z")
UTC = ZoneInfo("UTC")


def snapshot(name: str = NAME, **records: int) -> SpoolFile:
    path = Path("/data/10Hz") / name
    return SpoolFile(root=Path("/data"), path=path, relative=f"10Hz/{name}", size=1, mtime_ns=1, closed_ns=1)


def manifest(devices: list[str], last_ns: int | None = START_NS + 59 * SECOND_NS) -> Manifest:
    return Manifest(
        dialect=Dialect.PRODUCTION,
        source=SourceReference(file=f"10Hz/{NAME}", sha256="00"),
        size_bytes=1,
        interval_hz=10.0,
        series=series_of(f"10Hz/{NAME}"),
        first_ns=START_NS,
        last_ns=last_ns,
        records=dict.fromkeys(devices, 1),
        dead_letters=(),
        dead_letter_counts={},
        truncated=False,
    )


def names(
    progress: SeriesProgress, file: SpoolFile, *devices: str, last_ns: int | None = None
) -> tuple[list[str], int]:
    found, until_ns = progress.snapshot_read(file, manifest(list(devices), last_ns or START_NS + 59 * SECOND_NS))
    return [device.name for device in found], until_ns


def test_a_snapshot_says_how_far_all_devices_of_its_recorder_are() -> None:
    progress = SeriesProgress(UTC)
    assert names(progress, snapshot(), CAMERA, METER) == ([CAMERA, METER], START_NS + 59 * SECOND_NS)
    later = NAME.replace("09-34", "09-35")
    # A device that a snapshot lacks is not waited for: its recorder has delivered.
    assert names(progress, snapshot(later), METER, last_ns=START_NS + 119 * SECOND_NS)[0] == [CAMERA, METER]


def test_a_wild_time_is_not_believed() -> None:
    wild_ns = parse_iso("2023-07-01T09:34:00Z")
    assert names(SeriesProgress(UTC), snapshot(), CAMERA, last_ns=wild_ns)[1] == START_NS + MINUTE_NS


@pytest.mark.parametrize("name", ["noise.h5", "2022-07-01.h5", "LA_Recorder_2022-07-01_09-34-00-000.h5"])
def test_a_name_that_says_no_length_says_nothing(name: str) -> None:
    assert names(SeriesProgress(UTC), snapshot(name), CAMERA) == ([], 0)


def test_a_snapshot_without_records_says_nothing() -> None:
    assert SeriesProgress(UTC).snapshot_read(snapshot(), manifest([], None)) == ([], 0)


def test_what_names_say() -> None:
    progress = SeriesProgress(ZoneInfo("Europe/Bucharest"))
    assert progress.front_end(f"10Hz/{NAME}") == "LA"
    assert progress.start_ns(f"10Hz/{NAME}", 5) == START_NS - 180 * MINUTE_NS
    assert progress.start_ns("10Hz/2022-07-01.h5", 5) == parse_iso("2022-06-30T21:00:00Z")
    assert (progress.front_end("noise.h5"), progress.start_ns("noise.h5", 5)) == ("", 5)
    assert series_of("noise.h5") == ""
    assert series_of(f"10Hz/2022-07-01/{NAME}") == series_of(f"10Hz/2022-07-02/{NAME.replace('07-01', '07-02')}")


def test_it_goes_on_from_a_saved_state() -> None:
    progress, other = SeriesProgress(UTC), SeriesProgress(UTC)
    names(progress, snapshot(), CAMERA)
    other.restore(decode_state(encode_state(progress.state())))
    assert other.series == [series_of(f"10Hz/{NAME}")]
    assert [device.name for device in other.devices(other.series[0])] == [CAMERA]


def test_names_that_are_noise_are_bounded() -> None:
    progress = SeriesProgress(UTC)
    for number in range(30):
        names(progress, snapshot(), *(f"LA_A3_32-Camera_{number}-{more}" for more in range(100)))
    assert len(progress.devices(progress.series[0])) == 1024
