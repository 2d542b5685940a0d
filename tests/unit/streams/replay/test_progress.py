"""How far the replay of one model has come, out of counts of files, and by way of a file."""

from dataclasses import replace
from pathlib import Path

from models.archive.archived_file import ArchivedFile
from models.event_time import MINUTE_NS, parse_iso
from models.replay_progress import ReplayProgress
from streams.replay.plan import ReplayPlan
from streams.replay.progress import ModelProgress, read_progress, write_progress
from tests.support.manual_clock import ManualClock

_START_NS = parse_iso("2022-07-01T09:00")


def _file(minute: int) -> ArchivedFile:
    return ArchivedFile(
        key=f"f{minute}",
        path=f"f{minute}",
        root="/data",
        sha256=f"{minute:064}",
        size_bytes=1,
        mtime_ns=0,
        first_ns=_START_NS + minute * MINUTE_NS,
        last_ns=_START_NS + (minute + 1) * MINUTE_NS - 1,
        records=600,
    )


_PLAN = ReplayPlan(
    from_ns=_START_NS,
    to_ns=_START_NS + 4 * MINUTE_NS,
    state_file=None,
    state=None,
    files=tuple(_file(minute) for minute in range(4)),
    changed_settings=(),
)


def _told(*counts: tuple[int, int], plan: ReplayPlan = _PLAN) -> list[ReplayProgress]:
    clock, told = ManualClock(), list[ReplayProgress]()
    progress = ModelProgress(plan, "ae-1", number=1, models=2, clock=clock, follow=told.append)
    for done, of in counts:
        progress(done, of)
        clock.advance(2.0)
    return told


def test_files_records_event_time_and_time_taken() -> None:
    first, second, last = _told((0, 4), (1, 4), (4, 4))
    assert (first.files_done, first.records_done, first.reached_ns, first.elapsed_s) == (0, 0, _START_NS, 0.0)
    assert (second.files_done, second.files, second.records_done, second.records) == (1, 4, 600, 2_400)
    assert (second.reached_ns, second.elapsed_s) == (_START_NS + MINUTE_NS - 1, 2.0)
    assert (last.files_done, last.reached_ns) == (4, _START_NS + 4 * MINUTE_NS - 1)


def test_of_one_that_goes_on_the_first_files_were_done_before() -> None:
    first, second = _told((0, 2), (1, 2))
    assert (first.files_done, first.files_before, first.began_ns) == (2, 2, _START_NS + 2 * MINUTE_NS)
    assert (second.files_done, second.reached_ns) == (3, _START_NS + 3 * MINUTE_NS - 1)


def test_of_a_mere_folder_neither_times_nor_records_are_known() -> None:
    files = tuple(replace(file, first_ns=None, last_ns=None, records=0) for file in _PLAN.files)
    [_, second] = _told((0, 4), (2, 4), plan=replace(_PLAN, files=files))
    assert (second.files_done, second.records, second.reached_ns, second.speed) == (2, 0, _START_NS, None)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    assert read_progress(file) is None
    [progress] = _told((1, 4))
    write_progress(file, progress)
    assert read_progress(file) == progress
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
    file.write_text('{"model": "of another version"}')
    assert read_progress(file) is None


def test_a_folder_that_is_gone_does_not_end_the_replay(tmp_path: Path) -> None:
    [progress] = _told((1, 4))
    write_progress(tmp_path / "gone" / "progress.json", progress)
