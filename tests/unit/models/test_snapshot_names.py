"""Names of snapshots as recorders write them, and as they should not."""

import math
from datetime import UTC, date
from pathlib import PurePath
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.errors import RecordError
from models.event_time import format_iso
from models.snapshot_names import (
    SnapshotName,
    acquisition_times_ns,
    midnight_ns,
    parse_acquisition_time,
    parse_snapshot_name,
)

REGULAR = "LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5"


def parse(path: str, root: str | None = None) -> SnapshotName:
    return parse_snapshot_name(PurePath(path), root=None if root is None else PurePath(root))


def times(name: SnapshotName, *texts: str, zone: str = "UTC") -> list[str]:
    ms = np.array([parse_acquisition_time(text) for text in texts], dtype=np.int64)
    return [format_iso(int(ns)) for ns in acquisition_times_ns(name, ms, ZoneInfo(zone))]


def test_a_regular_name() -> None:
    name = parse("10Hz/2022-07-01/" + REGULAR)
    assert name == SnapshotName(
        file="10Hz/2022-07-01/" + REGULAR,
        front_end="LA",
        recorder="CameraComputer01-Recorder",
        length_s=60.0,
        date=date(2022, 7, 1),
        start_ms=(9 * 60 + 34) * 60_000,
        interval_hz=10.0,
        series="10Hz/LA_CameraComputer01-Recorder",
        test_period=False,
    )


def test_the_example_of_the_reference_with_its_shortened_start() -> None:
    name = parse("2022-07-01/LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-...h5")
    assert (name.front_end, name.date, name.start_ms) == ("LA", date(2022, 7, 1), (9 * 60 + 34) * 60_000)
    assert math.isnan(name.interval_hz)


@pytest.mark.parametrize(
    ("tail", "start_ms"),
    [
        ("_09-34-05-250", ((9 * 60 + 34) * 60 + 5) * 1000 + 250),
        ("_09-34-05", ((9 * 60 + 34) * 60 + 5) * 1000),
        ("_09-34-05-25", ((9 * 60 + 34) * 60 + 5) * 1000),
        ("_09-34", (9 * 60 + 34) * 60_000),
        ("_09", None),
        ("_24-00-00-000", None),
        ("_soon", None),
        ("", None),
    ],
)
def test_a_start_is_read_as_far_as_it_is_clear(tail: str, start_ms: int | None) -> None:
    assert parse(f"LB_Spectro-Recorder_60s_snapshot_2022-07-01{tail}.h5").start_ms == start_ms


@pytest.mark.parametrize(
    ("path", "root", "hz"),
    [
        ("0.17Hz/a/" + REGULAR, None, 0.17),
        ("1Hz/10Hz/" + REGULAR, None, 10.0),
        ("1hz/a/b/" + REGULAR, None, 1.0),
        (REGULAR, "/data/10Hz", 10.0),
        ("1Hz/" + REGULAR, "/data/10Hz", 1.0),
        ("0Hz/" + REGULAR, None, math.nan),
        ("xHz/" + REGULAR, None, math.nan),
        ("10Hz-old/" + REGULAR, None, math.nan),
        (REGULAR, "/data", math.nan),
    ],
)
def test_the_rate_comes_from_the_nearest_folder(path: str, root: str | None, hz: float) -> None:
    assert parse(path, root).interval_hz == pytest.approx(hz, nan_ok=True)


def test_the_series_goes_on_over_the_folders_of_the_days() -> None:
    first, second = parse("10Hz/2022-07-01/" + REGULAR), parse("10Hz/2022-07-02/" + REGULAR.replace("07-01", "07-02"))
    other = parse("1Hz/2022-07-01/" + REGULAR)
    assert first.series == second.series != other.series


def test_front_ends_have_one_name() -> None:
    assert parse(REGULAR.replace("LA_", "F2_")).front_end == "LB"


def test_a_daily_file_of_the_test_period() -> None:
    name = parse("2020-09-04.h5")
    assert (name.date, name.test_period, name.recorder, name.series) == (date(2020, 9, 4), True, "", "")
    assert midnight_ns(name.date) == 1_599_177_600 * 10**9


@pytest.mark.parametrize("path", ["run_2022-07-01.h5", "2022-07-01/run.h5", "2022-07-01/run_2022-13-45.h5"])
def test_an_irregular_name_with_a_clear_date(path: str) -> None:
    name = parse(path)
    assert (name.date, name.front_end, name.test_period) == (date(2022, 7, 1), "", False)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("run.h5", "no_date"),
        ("x_2022-02-30.h5", "no_date"),
        ("x_1066-10-14.h5", "no_date"),
        ("x_2101-01-01.h5", "no_date"),
        ("x_12022-07-011.h5", "no_date"),
        ("LA_Recorder_60s_snapshot_.h5", "no_date"),
        ("from_2022-07-01_to_2022-07-02.h5", "ambiguous_date"),
    ],
)
def test_a_name_without_a_clear_date(path: str, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(path)
    assert caught.value.reason == reason


def test_bytes_that_are_no_text_are_escaped() -> None:
    name = parse(b"a\xff/LA_R\xfe_60s_snapshot_2022-07-01_09-34.h5".decode("utf-8", "surrogateescape"))
    assert name.file.encode() == rb"a\xff/LA_R\xfe_60s_snapshot_2022-07-01_09-34.h5"
    assert name.recorder == r"R\xfe"


@pytest.mark.parametrize("text", ["00-00-00-000", "23-59-59-999", "09-34-00-100"])
def test_acquisition_times(text: str) -> None:
    hours, minutes, seconds, ms = (int(part) for part in text.split("-"))
    assert parse_acquisition_time(text) == ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms


@pytest.mark.parametrize(
    "text",
    [
        *["", "09-34-00", "9-34-00-100", "24-00-00-000", "09-60-00-000", "09-34-60-000", "09-34-00-1000"],
        *["09-34-00-100\n", "09:34:00.100", " 09-34-00-100", "-9-34-00-100", "٠٩-34-00-100"],
    ],
)
def test_no_acquisition_times(text: str) -> None:
    assert parse_acquisition_time(text) is None


def test_a_snapshot_over_midnight_rolls_the_date() -> None:
    name = parse(REGULAR.replace("09-34-00", "23-59-30"))
    assert times(name, "00-00-01-000", "23-59-30-000", "23-59-59-900") == [
        "2022-07-02T00:00:01.000Z",
        "2022-07-01T23:59:30.000Z",
        "2022-07-01T23:59:59.900Z",
    ]


def test_a_group_just_before_a_start_at_midnight_is_of_the_day_before() -> None:
    name = parse(REGULAR.replace("09-34-00", "00-00-00"))
    assert times(name, "23-59-59-990", "00-00-00-090") == ["2022-06-30T23:59:59.990Z", "2022-07-01T00:00:00.090Z"]


def test_midnight_without_a_start_in_the_name() -> None:
    name = parse("LA_R_60s_snapshot_2022-07-01.h5")
    assert times(name, "23-59-59-900", "00-00-00-000") == ["2022-07-01T23:59:59.900Z", "2022-07-02T00:00:00.000Z"]
    assert times(name, "00-00-00-000", "09-00-00-000") == ["2022-07-01T00:00:00.000Z", "2022-07-01T09:00:00.000Z"]


def test_a_snapshot_of_a_whole_day_rolls_nothing() -> None:
    name = parse("LA_R_86400s_snapshot_2022-07-01_23-00-00.h5")
    assert times(name, "00-00-00-000", "23-59-59-900") == ["2022-07-01T00:00:00.000Z", "2022-07-01T23:59:59.900Z"]


def test_the_time_zone_of_the_recorders() -> None:
    summer, winter = parse(REGULAR), parse(REGULAR.replace("2022-07", "2022-01"))
    assert times(summer, "09-34-00-100", zone="Europe/Bucharest") == ["2022-07-01T06:34:00.100Z"]
    assert times(winter, "09-34-00-100", zone="Europe/Bucharest") == ["2022-01-01T07:34:00.100Z"]


def test_the_night_in_which_summer_time_begins() -> None:
    name = parse(REGULAR.replace("2022-07-01_09-34-00", "2022-03-27_02-59-30"))
    assert times(name, "02-59-59-900", "04-00-00-000", zone="Europe/Bucharest") == [
        "2022-03-27T00:59:59.900Z",
        "2022-03-27T01:00:00.000Z",
    ]


def test_no_times() -> None:
    assert acquisition_times_ns(parse(REGULAR), np.empty(0, np.int64), UTC).shape == (0,)
