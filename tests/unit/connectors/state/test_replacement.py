"""New content under a known path, and shots that are decided again: the old rows no longer count anywhere."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from connectors.state.commit import Commit, SupersededRows
from connectors.state.directory import StateDirectory
from connectors.state.row_columns import times_ns
from models.event_time import HOUR_NS
from models.results import Outcome
from tests.unit.connectors.state.examples import (
    CAMERA,
    METER,
    STAGE,
    START_NS,
    STEP_NS,
    assert_same_rows,
    decided,
    file_record,
    source,
    triplets,
)

X1, X2, Y = source("x", 1), source("x", 2), source("y")


def _exported(state: StateDirectory, what: str = "shots") -> Any:
    state.export(state.path / "out.parquet", what=what)
    return pq.read_table(state.path / "out.parquet")


def _counts(state: StateDirectory) -> dict[str, int]:
    return {name: number for name, number in state.ledger()["records"].items() if number}


@pytest.fixture(params=["buffered", "flushed before", "flushed between", "flushed after"])
def replaced(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A camera's file is replaced by one with other values and fewer records; the meter's is decided again."""
    with StateDirectory.open(tmp_path) as state:
        first = Commit(
            files=[file_record(X1, 20)],
            decided=[decided(CAMERA, 20, of=X1)],
            triplets=[triplets(20)],
        )
        state.commit(first)
        if request.param == "flushed between":
            state.flush()
        state.commit(Commit(files=[file_record(Y, 20)], decided=[decided(METER, 20, of=Y)]))
        if request.param in {"flushed before", "flushed after"}:
            state.flush()
        meter_again = decided(METER, 12, of=Y, seed=4, outcome=Outcome.INCOMPLETE)
        new = decided(CAMERA, 15, of=X2, seed=9)
        second = Commit(
            files=[file_record(X2, 15, replaced_sha256=X1.sha256)],
            decided=[new, meter_again],
            triplets=[triplets(15)],
            superseded=[
                SupersededRows(METER, meter_again.scored.event_time_ns),
                SupersededRows(STAGE, START_NS + STEP_NS * np.arange(20)),
            ],
        )
        state.commit(second)
        if request.param == "flushed after":
            state.flush()
        yield state, new, meter_again


def test_a_replaced_files_rows_are_gone_and_its_counts_move(replaced: Any) -> None:
    state, new, meter_again = replaced
    ledger = state.ledger()
    assert _counts(state) == {"read": 35, "triplet": 15 + 8, "incomplete": 12}
    assert ledger["balanced"]
    assert ledger["files"] == {"accepted": 2, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    table = _exported(state)
    assert table.num_rows == 35
    assert X1.sha256 not in table["sha256"].to_pylist()
    keys = list(zip(table["device"].to_pylist(), times_ns(table).tolist(), strict=True))
    assert len(set(keys)) == 35
    blocks = state.rows_between([CAMERA], None, None)
    assert len(blocks) == 1
    assert_same_rows(blocks[0], new)
    assert state.device_names_between(START_NS, START_NS + 12 * STEP_NS) == sorted([CAMERA.name, METER.name])
    assert state.device_names_between(START_NS - STEP_NS, START_NS) == []
    meters = state.rows_between([METER], START_NS, START_NS + 12 * STEP_NS)
    assert_same_rows(meters[0], meter_again)


def test_superseded_triplets_are_gone_and_their_minutes_counted_anew(replaced: Any) -> None:
    state, _, _ = replaced
    assert _exported(state, "triplets").num_rows == 15
    assert len(state.triplet_times(STAGE, None, None)) == 15
    (minute,) = state.triplet_minutes()
    assert (minute.complete, minute.incomplete, minute.idle, minute.anomalous) == (12, 1, 2, 1)


def test_after_a_flush_no_part_holds_a_void_row(replaced: Any) -> None:
    state, _, _ = replaced
    before = _exported(state)
    state.flush()
    rows = sum(pq.read_metadata(path).num_rows for path in state.path.glob("shots/**/*.parquet"))
    assert rows == 35
    assert _exported(state).equals(before)
    left = [state._connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("row_voids", "file_voids")]  # noqa: S608
    assert left == [0, 0]


def test_the_old_content_may_come_back(replaced: Any) -> None:
    state, _, _ = replaced
    again = decided(CAMERA, 20, of=X1, seed=1)
    state.commit(Commit(files=[file_record(X1, 20, replaced_sha256=X2.sha256)], decided=[again]))
    assert _counts(state) == {"read": 40, "triplet": 20 + 8, "incomplete": 12}
    assert state.ledger()["balanced"]
    assert state.ledger()["files"]["replaced"] == 2
    (block,) = state.rows_between([CAMERA], None, None)
    assert_same_rows(block, again)
    state.flush()
    (block,) = state.rows_between([CAMERA], None, None)
    assert_same_rows(block, again)


def test_rows_of_a_superseded_version_that_were_still_in_the_join_are_dropped(replaced: Any) -> None:
    state, _, _ = replaced
    before = _counts(state)
    state.commit(Commit(decided=[decided(CAMERA, 7, of=X1)], pending={X1: 3}))
    assert _counts(state) == before
    assert state.ledger()["balanced"]


def test_a_replacement_repeated_with_every_part_of_a_file_counts_once(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(X1, 20)], decided=[decided(CAMERA, 20, of=X1)]))
        for records in (5, 10):
            part = decided(CAMERA, 5, of=X2, start_ns=START_NS + records * STEP_NS)
            state.commit(Commit(files=[file_record(X2, records, replaced_sha256=X1.sha256)], decided=[part]))
            assert state.ledger()["balanced"]
        assert state.ledger()["files"]["replaced"] == 1
        assert _counts(state) == {"read": 10, "triplet": 10}


def test_what_was_replaced_by_an_unreadable_version_goes_with_the_next_good_one(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(X1, 20)], decided=[decided(CAMERA, 20, of=X1)]))
        state.commit(Commit(files=[file_record(X1, 0, sha256="", status="rejected", reason="empty_file")]))
        assert state.ledger()["files"] | {"skipped": 0} == {
            "accepted": 0,
            "rejected": 1,
            "replaced": 0,
            "skipped": 0,
            "ignored": 0,
        }
        assert _counts(state) == {"read": 20, "triplet": 20}
        state.commit(Commit(files=[file_record(X2, 10, replaced_sha256="")], decided=[decided(CAMERA, 10, of=X2)]))
        assert _counts(state) == {"read": 10, "triplet": 10}
        assert state.ledger()["files"]["rejected"] == 0
        assert _exported(state).num_rows == 10


def test_copies_keep_their_outcome_when_a_record_is_decided_again(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        copy = decided(METER, 10, of=source("copy"), outcome=Outcome.DUPLICATE)
        late = decided(METER, 10, of=source("late"), outcome=Outcome.LATE)
        state.commit(Commit(decided=[decided(METER, 10, of=Y), copy, late]))
        again = decided(METER, 10, of=Y, outcome=Outcome.IDLE)
        state.commit(Commit(decided=[again], superseded=[SupersededRows(METER, again.scored.event_time_ns)]))
        assert _counts(state) == {"idle": 10, "duplicate": 10, "late": 10}
        assert _exported(state).num_rows == 30


def test_only_touched_parts_are_written_again(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(X1, 10)], decided=[decided(CAMERA, 10, of=X1)]))
        other = decided(CAMERA, 10, of=Y, start_ns=START_NS + HOUR_NS)
        state.commit(Commit(files=[file_record(Y, 10)], decided=[other]))
        state.flush()
        untouched = next(tmp_path.glob("shots/date=2022-07-01/hour=10/*.parquet"))
        stamp = untouched.stat().st_mtime_ns
        new = decided(CAMERA, 4, of=X2)
        state.commit(Commit(files=[file_record(X2, 4, replaced_sha256=X1.sha256)], decided=[new]))
        assert state.flush() == 1
        assert untouched.stat().st_mtime_ns == stamp
        assert len(list(tmp_path.glob("shots/**/*.parquet"))) == 2


def test_nothing_to_supersede_is_nothing(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        empty = SupersededRows(METER, np.empty(0, np.int64))
        state.commit(Commit(superseded=[empty, SupersededRows(STAGE, np.array([START_NS]))]))
        assert state.flush() == 0
