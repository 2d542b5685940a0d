from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.state import row_source
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.parts import ROW_GROUP_ROWS, list_parts
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows, decided_blocks, shots_table, sorted_rows, times_ns
from models.event_time import HOUR_NS, format_iso
from models.results import FEATURE_NAMES, Outcome, Reason, Scoring
from tests.unit.connectors.state.examples import (
    CAMERA,
    METER,
    PUMP,
    SPECTROMETER,
    STAGE,
    START_NS,
    STEP_NS,
    assert_same_rows,
    commit_of,
    decided,
    file_record,
    source,
    triplets,
)


def _query(statement: str, path: Path) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = duckdb.execute(statement, [str(path)]).fetchall()
    return rows


def test_blocks_survive_the_way_through_columns() -> None:
    blocks = [
        decided(device, 20, seed=number, of=source(f"f{number}"))
        for number, device in enumerate((CAMERA, METER, SPECTROMETER, PUMP))
    ]
    found = {block.scored.device: block for block in decided_blocks(shots_table(blocks))}
    assert len(found) == 4
    for block in blocks:
        assert_same_rows(block, found[block.scored.device])


def test_rows_come_back_from_buffer_and_parts(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        commits = [commit_of(number) for number in range(4)]
        for commit in commits[:2]:
            state.commit(commit)
        state.flush()
        for commit in commits[2:]:
            state.commit(commit)
        found = state.rows_between([METER], START_NS, None)
        wanted = [commit.decided[1] for commit in commits]
        assert len(found) == len(wanted)
        for first, second in zip(wanted, found, strict=True):
            assert_same_rows(first, second)
        middle = state.rows_between([METER, CAMERA], START_NS + 35 * STEP_NS, START_NS + 45 * STEP_NS)
        assert {block.scored.device for block in middle} == {METER, CAMERA}
        assert [len(block) for block in middle] == [10, 10]
        assert state.triplet_times(STAGE, START_NS, START_NS + 3 * STEP_NS).tolist() == [
            START_NS + number * STEP_NS for number in range(3)
        ]


def test_parts_are_partitioned_by_hour_and_readable_by_globs(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        block = decided(CAMERA, 60, step_ns=HOUR_NS // 20)
        state.commit(Commit(files=[file_record(records=60)], decided=[block], triplets=[triplets(60)]))
        assert state.flush() == 5
        assert state.flush() == 0
        folders = sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.glob("shots/**/*.parquet"))
        assert folders == [f"shots/date=2022-07-01/hour={hour:02d}" for hour in (9, 10, 11, 12)]
    rows = _query(
        "SELECT count(*), min(hour), count(DISTINCT device) FROM read_parquet(?)", tmp_path / "shots/**/*.parquet"
    )
    assert rows == [(60, "09", 1)]


def test_export_is_sorted_typed_and_the_same_from_buffer_and_parts(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        for number in (2, 0, 1):
            state.commit(commit_of(number))
        assert state.export(tmp_path / "buffered.parquet") == 270
        state.flush()
        state.export(tmp_path / "parts.parquet")
    table = pq.read_table(tmp_path / "buffered.parquet")
    assert table.equals(pq.read_table(tmp_path / "parts.parquet"))
    assert table.schema.field("event_time").type == pa.timestamp("ns", tz="UTC")
    assert table.schema.field("reasons").type == pa.list_(pa.string())
    assert all(field.type != pa.dictionary(pa.int32(), pa.string()) for field in table.schema)
    keys = list(zip(times_ns(table).tolist(), table["device"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    names = set(table.schema.names)
    assert {name for kind in FEATURE_NAMES for name in FEATURE_NAMES[kind]} < names
    assert {"front_end", "amp", "arm", "kind", "state", "valid", "scoring", "score", "anomalous", "outcome"} < names
    assert not {"fires", "device_reasons", "device_anomalous", "hdf5_group"} & names


def test_a_record_that_was_not_scored_has_no_score(tmp_path: Path) -> None:
    late = decided(METER, 5, outcome=Outcome.LATE, start_ns=START_NS + 7)
    unscored = replace(late.scored, scoring=np.zeros(5, np.uint8), score=np.zeros(5, np.float32))
    blocks = [decided(CAMERA, 40), replace(late, scored=unscored)]
    with StateDirectory.open(tmp_path) as state, StateReader.open(tmp_path) as reader:
        state.commit(Commit(files=[file_record(records=45)], decided=blocks))
        for _ in range(2):
            table = reader.exported(Rows.SHOTS)
            scores = dict(zip(times_ns(table).tolist(), table["score"].to_pylist(), strict=True))
            for block in blocks:
                rows = zip(block.scored.event_time_ns.tolist(), block.scored.scoring, block.scored.score, strict=True)
                for time_ns, scoring, score in rows:
                    assert scores[time_ns] == (float(score) if scoring == Scoring.SCORED else None)
            # What the watch itself reads again is as it was written.
            [found] = reader.rows_between([METER], None, None)
            assert_same_rows(found, blocks[1])
            state.flush()


def test_export_in_pandas_and_duckdb(tmp_path: Path) -> None:
    block = decided(CAMERA, 40, seed=3)
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(records=40)], decided=[block], triplets=[triplets(10)]))
        state.export(tmp_path / "shots.parquet")
        state.export(tmp_path / "triplets.parquet", what="triplets")
    frame = pd.read_parquet(tmp_path / "shots.parquet")
    assert str(frame["event_time"].dt.tz) == "UTC"
    np.testing.assert_array_equal(frame["peak_counts"], block.scored.features[:, 7])
    assert frame["energy_j"].isna().all()
    assert (frame["front_end"] + frame["amp"] + frame["arm"]).unique().tolist() == ["LAA331"]
    assert frame["reasons"].map(len).gt(0).sum() == (block.reasons > 0).sum()
    np.testing.assert_array_equal(frame["valid"], block.scored.refusal == 0)
    np.testing.assert_array_equal(frame["refusal"].isna(), frame["valid"])
    rows = _query(
        "SELECT count(*) FILTER (anomalous), count(*) FILTER ('incomplete' IN reasons) FROM read_parquet(?)",
        tmp_path / "shots.parquet",
    )
    assert rows == [(int(block.anomalous.sum()), int(((block.reasons & Reason.INCOMPLETE) > 0).sum()))]
    rows = _query(
        "SELECT arm, complete, idle, missing, missing_devices, devices, energy_j FROM read_parquet(?)",
        tmp_path / "triplets.parquet",
    )
    assert rows[0] == ("31", True, False, [], [], 3, 12.5)
    assert rows[3] == ("31", False, True, [], [], 3, None)
    assert rows[7] == ("31", False, False, ["spectrometer"], [SPECTROMETER.name], 2, 12.5)


def test_export_of_a_stretch_of_time(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        state.flush()
        state.commit(commit_of(1))
        from_ns, to_ns = START_NS + 20 * STEP_NS, START_NS + 40 * STEP_NS
        assert state.export(tmp_path / "out.parquet", from_ns, to_ns) == 60
        times = times_ns(pq.read_table(tmp_path / "out.parquet"))
        assert (times.min(), times.max()) == (from_ns, to_ns - STEP_NS)
        assert state.export(tmp_path / "out.parquet", to_ns + HOUR_NS, None) == 0
        assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_every_record_has_one_row_with_its_outcome(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        blocks = [
            decided(CAMERA, 5, of=source("a"), outcome=Outcome.TRIPLET),
            decided(CAMERA, 5, of=source("b"), outcome=Outcome.DUPLICATE),
            decided(PUMP, 5, of=source("b"), outcome=Outcome.UNJOINED),
        ]
        state.commit(Commit(files=[file_record(source("a"), 5), file_record(source("b"), 10)], decided=blocks))
        state.export(tmp_path / "out.parquet")
        outcomes = pq.read_table(tmp_path / "out.parquet")["outcome"].value_counts().to_pylist()
        ledger = state.ledger()
    assert {row["values"]: row["counts"] for row in outcomes} == {"triplet": 5, "duplicate": 5, "unjoined": 5}
    assert ledger["records"]["read"] == 15
    assert ledger["balanced"]


def test_export_while_a_watch_runs_and_replaces_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that was listed is gone when it is opened: the export starts anew and is whole."""
    with StateDirectory.open(tmp_path) as state, StateReader.open(tmp_path) as reader:
        state.commit(commit_of(0))
        state.flush()
        listed = list_parts
        calls: list[object] = []

        def list_and_be_overtaken(*arguments: object) -> object:
            parts = listed(*arguments)  # type: ignore[arg-type]
            if not calls:
                calls.append(parts)
                old = source("file0")
                replaced = file_record(source("file0", 2), 30, replaced_sha256=old.sha256)
                new = decided(CAMERA, 30, of=source("file0", 2))
                state.commit(Commit(files=[replaced], decided=[new]))
                state.flush()
            return parts

        monkeypatch.setattr(row_source, "list_parts", list_and_be_overtaken)
        assert reader.export(tmp_path / "out.parquet") == 30
    assert list(tmp_path.glob(".out*")) == []


def test_a_part_that_was_removed_is_one_sentence(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        state.flush()
        next(tmp_path.glob("shots/**/*.parquet")).unlink()
        with pytest.raises(Exception, match=r"its listed part shots/date=2022-07-01/hour=09/part-.* is missing"):
            state.export(tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_damaged_part_is_one_sentence(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        state.flush()
        part = next(tmp_path.glob("shots/**/*.parquet"))
        part.write_bytes(part.read_bytes()[:-100])
        with pytest.raises(Exception, match="is damaged"):
            state.export(tmp_path / "out.parquet")


def test_batches_are_bounded_and_in_order_whatever_overlaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many overlapping parts and buffered commits, read a few rows at a time: the order of one big sort."""
    monkeypatch.setattr("connectors.state.parts.ROW_GROUP_ROWS", 7)
    rng = np.random.default_rng(5)
    blocks = []
    with StateDirectory.open(tmp_path) as state:
        for number in range(12):
            start_ns = START_NS + int(rng.integers(0, 3000)) * STEP_NS // 7
            block = decided(
                CAMERA if number % 2 else METER, 40, of=source(f"f{number}"), start_ns=start_ns, step_ns=STEP_NS // 3
            )
            blocks.append(block)
            state.commit(Commit(decided=[block]))
            if number % 3 == 2 and number < 9:
                state.flush()
        tables = list(row_source.row_sources(state._connection, tmp_path, Rows.SHOTS).tables(limit_rows=50))
    assert len(tables) > 5
    found = pa.concat_tables(tables)
    wanted = sorted_rows(shots_table(blocks), Rows.SHOTS)
    assert times_ns(found).tolist() == times_ns(wanted).tolist()
    for name in ("device", "file", "peak_counts", "energy_j", "reasons"):
        assert found[name].to_pylist() == wanted[name].to_pylist()


def test_a_flush_is_due_by_rows_and_by_finished_hours(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path, flush_rows=200) as state:
        state.commit(commit_of(0))
        assert not state.flush_due
        state.commit(commit_of(1))
        assert state.flush_due  # 180 records and 60 triplets
        state.flush()
        assert not state.flush_due
        late = decided(CAMERA, 3, start_ns=START_NS + HOUR_NS)
        state.commit(Commit(decided=[late]))
        assert state.flush_due  # the first hour is over
    with StateDirectory.open(tmp_path, flush_rows=2) as state:
        assert state.flush_due
        state.commit(commit_of(5))  # twice as many as are due: the next commit flushes by itself
        state.commit(commit_of(6))
        assert len(list(tmp_path.glob("shots/**/*.parquet"))) == 3


def test_one_wild_time_is_no_new_hour(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        wild = decided(CAMERA, 1, start_ns=START_NS + 9000 * HOUR_NS)
        state.commit(Commit(decided=[decided(CAMERA, 9, start_ns=START_NS + HOUR_NS // 60), wild]))
        assert not state.flush_due
        state.flush()
        partitions = sorted(path.parent.parent.name for path in tmp_path.glob("shots/**/*.parquet"))
        assert partitions == ["date=2022-07-01", f"date={format_iso(START_NS + 9000 * HOUR_NS)[:10]}"]


def test_row_groups_have_the_stated_size(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(decided=[decided(CAMERA, ROW_GROUP_ROWS + 5, step_ns=1_000_000)]))
        state.flush()
        metadata = pq.read_metadata(next(tmp_path.glob("shots/**/*.parquet")))
    assert [metadata.row_group(number).num_rows for number in range(2)] == [ROW_GROUP_ROWS, 5]
