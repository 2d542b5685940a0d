"""Who is told what beside the records."""

from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.snapshots.manifest import Dialect, Manifest
from connectors.spool_listing import SpoolFile
from models.event_time import parse_iso
from models.messages import FileMoment, NoticeKind
from models.records import SourceReference
from streams.connector.series_notices import broken_off_notices, plain_notices, snapshot_notices
from streams.series_progress import SeriesProgress
from tests.support.snapshot_files import CAMERA, METER, NAME, PUMP, SPECTRO

MOMENT = FileMoment(start_ns=1, closed_ns=2)
START_NS = parse_iso("2022-07-01T09:34:00Z")
MINUTE_NS = 60 * 10**9


def manifest(records: dict[str, int], *, series: str = "a", last_ns: int = START_NS + 5, file: str = NAME) -> Manifest:
    return Manifest(
        dialect=Dialect.PRODUCTION,
        source=SourceReference(file=file, sha256="s"),
        size_bytes=1,
        interval_hz=10.0,
        series=series,
        first_ns=START_NS,
        last_ns=last_ns,
        records=records,
        dead_letters=(),
        dead_letter_counts={},
        truncated=False,
    )


def spool_file(name: str = NAME) -> SpoolFile:
    return SpoolFile(root=Path("/d"), path=Path("/d") / name, relative=name, size=1, mtime_ns=1, closed_ns=2)


def test_everybody_of_the_series_hears_of_the_end_and_by_stage_who_else_does() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    snapshot_notices(spool_file(), manifest({METER: 3}), progress, MOMENT, replaces=False)
    notices = snapshot_notices(spool_file(), manifest({CAMERA: 2, PUMP: 1}), progress, MOMENT, replaces=False)
    assert [(notice.device.name, notice.records) for notice in notices] == [(PUMP, 1), (CAMERA, 2), (METER, 0)]
    assert all(notice.until_ns == START_NS + 5 and not notice.replaces for notice in notices)
    assert [notice.stage_devices for notice in notices] == [(PUMP,), (CAMERA, METER), (CAMERA, METER)]
    assert all(notice.known_devices == () for notice in notices)


def test_devices_of_other_recorders_are_named_where_there_are_any() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    snapshot_notices(spool_file(), manifest({SPECTRO: 3}, series="b"), progress, MOMENT, replaces=False)
    [notice] = snapshot_notices(spool_file(), manifest({CAMERA: 2}), progress, MOMENT, replaces=False)
    assert notice.stage_devices == (CAMERA,)
    assert notice.known_devices == (CAMERA, SPECTRO)


def test_wild_times_do_not_reach_beyond_the_snapshot() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    wild = manifest({CAMERA: 2}, last_ns=START_NS + 1_000 * MINUTE_NS)
    [notice] = snapshot_notices(spool_file(), wild, progress, MOMENT, replaces=False)
    assert notice.until_ns == START_NS + MINUTE_NS


def test_a_name_that_says_no_time_still_ends_the_file() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    odd = spool_file("2022-07-01/odd.h5")
    [notice] = snapshot_notices(odd, manifest({CAMERA: 2}, file=odd.relative), progress, MOMENT, replaces=False)
    assert (notice.until_ns, notice.records) == (None, 2)


def test_a_replacement_moves_no_time_and_brings_no_devices() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    [notice] = snapshot_notices(spool_file(), manifest({CAMERA: 2}), progress, MOMENT, replaces=True)
    assert notice.replaces
    assert notice.until_ns is None
    assert progress.series == []


def test_what_is_left_of_a_file_ends_where_something_was_sent() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    source = SourceReference(file=NAME, sha256="s")
    [notice] = broken_off_notices(source, {CAMERA: 4}, progress, MOMENT, replaces=False)
    assert (notice.kind, notice.records, notice.until_ns) == (NoticeKind.SNAPSHOT_END, 4, None)


def test_silence_and_the_end_are_about_no_file() -> None:
    progress = SeriesProgress(ZoneInfo("UTC"))
    snapshot_notices(spool_file(), manifest({METER: 3, CAMERA: 1}), progress, MOMENT, replaces=False)
    notices = plain_notices(NoticeKind.SILENT, progress.series, progress, MOMENT)
    assert [notice.device.name for notice in notices] == [CAMERA, METER]
    assert all(notice.source.file == "" and notice.stage_devices == (CAMERA, METER) for notice in notices)
