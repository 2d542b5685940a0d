"""What is known about each file, and what an operator is told of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.snapshots.manifest import Dialect, Manifest
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertChange, AlertEvent
from models.errors import RecordError, RetryableError
from models.records import SourceReference
from models.state import decode_state, encode_state
from streams.file_accounts import FileAccounts
from streams.series_progress import SeriesProgress
from streams.work_units import FileHistory, UnitSettings, WorkUnit
from tests.support.snapshot_files import CAMERA, NAME

FILE = SpoolFile(root=Path("/d"), path=Path("/d") / NAME, relative=NAME, size=10, mtime_ns=20, closed_ns=30)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as state:
        yield state


@pytest.fixture
def accounts(state: StateDirectory) -> FileAccounts:
    return FileAccounts(state, SeriesProgress(ZoneInfo("UTC")))


def manifest(sha256: str = "a", *, truncated: bool = False, dead: int = 0) -> Manifest:
    return Manifest(
        dialect=Dialect.PRODUCTION,
        source=SourceReference(file=NAME, sha256=sha256),
        size_bytes=10,
        interval_hz=10.0,
        series="LA_Recorder",
        first_ns=1,
        last_ns=2,
        records={CAMERA: 5},
        dead_letters=(),
        dead_letter_counts={"time_syntax": dead} if dead else {},
        truncated=truncated,
    )


def unit(index: int = 0, *, sha256: str = "a", last: bool = True, records: int = 5, **changes: Any) -> WorkUnit:
    made = WorkUnit(file=FILE, manifest=manifest(sha256), index=index, last=last, records=records)
    return replace(made, **changes)


def refused(reason: str = "empty", **changes: Any) -> WorkUnit:
    return unit(manifest=None, records=0, refused=RecordError("no", reason=reason), **changes)


def write(state: StateDirectory, accounts: FileAccounts, done: WorkUnit) -> tuple[FileRecord, list[AlertEvent]]:
    record, alerts = accounts.committing(done)
    state.commit(Commit(files=[record], alerts=alerts))
    return record, alerts


def changes(alerts: list[AlertEvent]) -> list[tuple[AlertChange, tuple[str, ...]]]:
    return [(event.change, event.alert.reasons) for event in alerts]


def test_a_file_is_done_with_its_last_unit(state: StateDirectory, accounts: FileAccounts) -> None:
    assert accounts.history(FILE) == FileHistory()
    write(state, accounts, unit(0, last=False, records=3))
    assert not accounts.is_done(NAME, 10, 20)
    started = accounts.history(FILE).started
    assert started is not None
    assert (started.units_done, started.cut) == (1, UnitSettings())
    write(state, accounts, unit(1, records=5))
    assert accounts.is_done(NAME, 10, 20)
    assert not accounts.is_done(NAME, 11, 20)
    assert not accounts.is_done(NAME, 10, 21)
    assert accounts.history(FILE) == FileHistory(sha256="a", counted_sha256="a", counted_whole=True)


def test_a_started_file_is_remembered(state: StateDirectory, accounts: FileAccounts) -> None:
    cut = UnitSettings(block_records=7, unit_bytes=9)
    write(state, accounts, unit(0, last=False, cut=cut, replaced_sha256="before"))
    other = FileAccounts(state, SeriesProgress(ZoneInfo("UTC")))
    other.restore(decode_state(encode_state(accounts.state())))
    assert other.history(FILE) == accounts.history(FILE)


def test_a_damaged_file_opens_an_alert_once_and_closes_it(state: StateDirectory, accounts: FileAccounts) -> None:
    record, alerts = write(state, accounts, refused())
    assert (record.status, record.sha256, record.records_read) == (FileStatus.REJECTED, "", 0)
    assert changes(alerts) == [(AlertChange.OPENED, ("empty",))]
    assert alerts[0].alert.stage.front_end == "LA"
    assert write(state, accounts, refused())[1] == []
    assert changes(write(state, accounts, refused("not_hdf5"))[1]) == [(AlertChange.UPDATED, ("not_hdf5",))]
    history = accounts.history(FILE)
    assert (history.sha256, history.counted_sha256) == ("", None)
    assert changes(write(state, accounts, unit(replaced_sha256=""))[1]) == [(AlertChange.CLOSED, ("not_hdf5",))]
    assert state.ledger()["files"]["replaced"] == 1


def test_an_alert_whose_name_says_no_time_is_closed_all_the_same(state: StateDirectory, accounts: FileAccounts) -> None:
    odd = replace(FILE, relative="noise.h5")
    [opened] = write(state, accounts, refused(file=odd))[1]
    touched = write(state, accounts, refused(file=replace(odd, mtime_ns=99)))[1]
    assert [event.change for event in touched] == [AlertChange.CLOSED, AlertChange.OPENED]
    assert touched[0].alert.id == opened.alert.id


def test_what_is_left_of_a_truncated_file_counts(state: StateDirectory, accounts: FileAccounts) -> None:
    cut_off = unit(manifest=manifest(truncated=True, dead=2))
    record, alerts = write(state, accounts, cut_off)
    assert (record.status, record.reason, record.records_read) == (FileStatus.REJECTED, "truncated", 7)
    assert changes(alerts) == [(AlertChange.OPENED, ("truncated",))]
    assert accounts.history(FILE) == FileHistory(sha256="a", counted_sha256="a", counted_whole=False)


def test_whole_content_counts_on_when_damaged_content_comes(state: StateDirectory, accounts: FileAccounts) -> None:
    write(state, accounts, unit())
    write(state, accounts, refused())
    assert accounts.history(FILE) == FileHistory(sha256="", counted_sha256="a", counted_whole=True)
    record, alerts = accounts.skipping(replace(FILE, mtime_ns=50))
    assert record is not None
    assert (record.sha256, record.mtime_ns, record.status) == ("a", 50, FileStatus.ACCEPTED)
    assert changes(alerts) == [(AlertChange.CLOSED, ("empty",))]


def test_what_was_left_alone_is_new_when_it_is_a_file(state: StateDirectory, accounts: FileAccounts) -> None:
    ignored = FileRecord(
        path=NAME, root="/d", sha256="", size_bytes=0, mtime_ns=0, status=FileStatus.IGNORED, reason="symlink"
    )
    state.commit(Commit(files=[ignored]))
    assert accounts.history(FILE) == FileHistory()


def test_what_the_storage_did_not_give_is_tried_again(state: StateDirectory, accounts: FileAccounts) -> None:
    away = RetryableError("the disk fails", reason="storage")
    write(state, accounts, unit(manifest=None, records=0, refused=away))
    assert accounts.has_unread
    assert accounts.take_unread() == [FILE]
    assert not accounts.has_unread
    assert not accounts.is_done(NAME, 10, 20)  # also for a watch that begins anew
    write(state, accounts, unit(replaced_sha256=""))
    assert accounts.is_done(NAME, 10, 20)


def test_what_was_committed_before_the_storage_failed_is_not_read_twice(
    state: StateDirectory, accounts: FileAccounts
) -> None:
    write(state, accounts, unit(0, last=False, records=3))
    away = RetryableError("the disk fails", reason="storage")
    record, _ = write(state, accounts, unit(1, last=False, records=3, refused=away))
    assert (record.status, record.records_read) == (FileStatus.REJECTED, 3)
    started = accounts.history(FILE).started
    assert started is not None
    assert started.units_done == 1
    record, alerts = write(state, accounts, unit(1, records=5))
    assert (record.status, record.records_read) == (FileStatus.ACCEPTED, 5)
    assert [event.change for event in alerts] == [AlertChange.CLOSED]
