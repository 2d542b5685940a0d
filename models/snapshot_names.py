"""What a snapshot's path says (front end, recorder, date, start, series, rate), and the event times of its groups."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import PurePath, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from models.errors import RecordError
from models.event_time import DAY_NS, MILLISECOND_NS, from_datetime

DAY_MS = DAY_NS // MILLISECOND_NS
_HALF_DAY_MS = DAY_MS // 2
_MINUTE_MS = 60_000

_DATE_TEXT = r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"
_DATE = re.compile(_DATE_TEXT)
_DATE_AND_TIME = re.compile(r"[_ ]?" + _DATE_TEXT + r"(?:[_ ].*)?")
_PRODUCTION = re.compile(r"(?P<front_end>[^_]+)_(?P<recorder>.+?)_(?P<length>\d+(?:\.\d+)?)s_snapshot_(?P<rest>.*)")
_START = re.compile(r"[_ ]([01]\d|2[0-3])-([0-5]\d)(?:-([0-5]\d)(?:-(\d{3})(?!\d))?)?")
_ACQUISITION_TIME = re.compile(r"([01]\d|2[0-3])-([0-5]\d)-([0-5]\d)-(\d{3})", re.ASCII)
_RATE_FOLDER = re.compile(r"(\d+(?:\.\d+)?) ?Hz", re.ASCII | re.IGNORECASE)
_FRONT_ENDS = {"F1": "LA", "F2": "LB"}
#: Dates outside of these years are no event times: the join's ``FOREVER_NS`` lies in 2116.
_YEARS = range(1970, 2101)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotName:
    """What the path of a snapshot below its watched root says (the reference, section 2.1 and 2.2).

    Attributes
    ----------
    file
        The path below the root with ``/`` between the parts: the identity of the file.
    front_end, recorder
        ``LA`` or ``LB`` and the recorder's name; empty where the name says none.
    length_s
        Length of the snapshot; NaN where the name says none.
    date
        The day of its first record, in the recorders' time zone.
    start_ms
        Milliseconds from midnight to its start, as far as the name can be read; None where it says none.
    interval_hz
        Acquisition rate from the nearest ancestor folder named ``<rate>Hz``; NaN when there is none.
    series
        Folder (without folders named by a date), front end and recorder: files of one series follow each other.
    test_period
        The name is a date and nothing else, as in the test period's daily files.
    """

    file: str
    front_end: str
    recorder: str
    length_s: float
    date: date
    start_ms: int | None
    interval_hz: float
    series: str
    test_period: bool


def parse_snapshot_name(path: PurePath, *, root: PurePath | None = None) -> SnapshotName:
    """Read the path of a snapshot below its watched root.

    Parameters
    ----------
    path
        Path below the watched root.
    root
        The watched root itself: looked at only for a ``<rate>Hz`` folder when there is none below it.

    Raises
    ------
    RecordError
        ``no_date`` when neither the name nor a folder holds a calendar date between 1970 and 2100,
        ``ambiguous_date`` when an irregular name holds several.
    """
    stem = PurePosixPath(path.name).stem
    production = _PRODUCTION.fullmatch(stem)
    dated = production["rest"] if production else stem
    day = _find_date(dated, path, production is not None)
    front_end = production["front_end"] if production else ""
    recorder = production["recorder"] if production else _DATE_AND_TIME.sub("", stem)
    folders = [part for part in path.parts[:-1] if not is_date(part)]
    return SnapshotName(
        file=_printable(path.as_posix()),
        front_end=_FRONT_ENDS.get(front_end, front_end),
        recorder=_printable(recorder),
        length_s=float(production["length"]) if production else math.nan,
        date=day,
        start_ms=_start_ms(dated),
        interval_hz=_interval_hz([*(root.parts if root else ()), *path.parts[:-1]]),
        series=_printable("/".join([*folders, "_".join(part for part in (front_end, recorder) if part)])),
        test_period=bool(_DATE.fullmatch(stem)),
    )


def is_date(part: str) -> bool:
    """Whether a folder is named by a date, as ``2022-07-01``."""
    return _DATE.fullmatch(part) is not None


def is_rate(part: str) -> bool:
    """Whether a folder is named by an acquisition rate, as ``10Hz``."""
    return _rate_hz(part) is not None


def parse_acquisition_time(text: str) -> int | None:
    """Milliseconds since midnight of a group named ``HH-MM-SS-mmm``, None when it has another syntax."""
    match = _ACQUISITION_TIME.fullmatch(text)
    if match is None:
        return None
    return (int(match[1]) * 60 + int(match[2])) * _MINUTE_MS + int(match[3]) * 1000 + int(match[4])


def acquisition_times_ns(name: SnapshotName, ms_of_day: NDArray[np.int64], zone: tzinfo = UTC) -> NDArray[np.int64]:
    """Event times of a snapshot's groups.

    A time that is half a day or more before the file's start belongs to the next day, one that is more than half a
    day after it to the day before: the snapshot ran over midnight. Without a start in the name the snapshot is taken
    to start in the evening when its times would otherwise span more than half a day, and it is shorter than that.

    Parameters
    ----------
    ms_of_day
        int64, shape (n,), 0 <= ms < 86,400,000: times of day in ``zone``.
    zone
        The recorders' time zone. Of an hour that a zone repeats in autumn the first passage is taken.

    Returns
    -------
    NDArray[np.int64]
        Nanoseconds since 1970 in UTC, shape (n,).
    """
    times = np.asarray(ms_of_day, dtype=np.int64)
    if not len(times):
        return times.copy()
    local_ms = _days_since_1970(name.date) * DAY_MS + times + DAY_MS * _day_shift(name, times)
    minutes, inverse = np.unique(local_ms // _MINUTE_MS, return_inverse=True)
    offsets_ms = np.array([_utc_offset_ms(int(minute), zone) for minute in minutes], dtype=np.int64)
    return (local_ms - offsets_ms[inverse]) * MILLISECOND_NS


def midnight_ns(day: date, zone: tzinfo = UTC) -> int:
    """Nanoseconds since 1970 of the beginning of a day in a time zone."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone))


def _find_date(dated: str, path: PurePath, regular: bool) -> date:
    """The file's date: from its name, else from the nearest folder that is named by a date."""
    days = list(dict.fromkeys(day for match in _DATE.finditer(dated) if (day := _date(match)) is not None))
    if len(days) > 1 and not regular:
        raise RecordError(f"the name of {_printable(str(path))} holds several dates", reason="ambiguous_date")
    if days:
        return days[0]
    for part in reversed(path.parts[:-1]):
        match = _DATE.fullmatch(part)
        if match and (day := _date(match)) is not None:
            return day
    raise RecordError(
        f"neither the name nor a folder of {_printable(str(path))} holds a date such as 2022-07-01", reason="no_date"
    )


def _date(match: re.Match[str]) -> date | None:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None


def _start_ms(dated: str) -> int | None:
    """The start as far as it can be read: recorders truncate it (``09-34-...``)."""
    day = _DATE.search(dated)
    match = _START.match(dated, day.end()) if day else None
    if match is None:
        return None
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups())
    return (hours * 60 + minutes) * _MINUTE_MS + seconds * 1000 + milliseconds


def _interval_hz(parts: list[str]) -> float:
    return next((rate for part in reversed(parts) if (rate := _rate_hz(part)) is not None), math.nan)


def _rate_hz(part: str) -> float | None:
    match = _RATE_FOLDER.fullmatch(part)
    return float(match[1]) if match and 0.0 < float(match[1]) < math.inf else None


def _day_shift(name: SnapshotName, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """By how many days each time is shifted: -1, 0 or 1."""
    if name.length_s * 1000 > _HALF_DAY_MS or name.test_period:
        return np.zeros(len(times), dtype=np.int64)
    if name.start_ms is not None:
        early = times + _HALF_DAY_MS <= name.start_ms
        return early.astype(np.int64) - (times - _HALF_DAY_MS > name.start_ms)
    over_midnight = math.isfinite(name.length_s) and int(times.max() - times.min()) > _HALF_DAY_MS
    return ((times < _HALF_DAY_MS) & over_midnight).astype(np.int64)


def _days_since_1970(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _utc_offset_ms(local_minute: int, zone: tzinfo) -> int:
    wall = datetime(1970, 1, 1, tzinfo=zone) + timedelta(minutes=local_minute)
    offset = wall.utcoffset()
    return 0 if offset is None else int(offset / timedelta(milliseconds=1))


def _printable(text: str) -> str:
    """The text with bytes that are no UTF-8 written as escapes, so that it can be stored and shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
