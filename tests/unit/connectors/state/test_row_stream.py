"""Rows one table after the other: the same as an export, also while parts are replaced."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.state.commit import Commit, SupersededRows
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from connectors.state.row_stream import HOURS, RowQuestion, RowTable, Windows, stream_rows
from models.errors import FatalError
from tests.unit.connectors.state.examples import CAMERA, METER, START_NS, STEP_NS, commit_of, decided

_SHOTS = RowQuestion(what=Rows.SHOTS)


def _joined(tables: list[RowTable], question: RowQuestion) -> pa.Table:
    return pa.concat_tables([question.schema.empty_table(), *(table.rows for table in tables)]).combine_chunks()


def _filled(path: Path, commits: int = 6) -> StateDirectory:
    """Rows in parts, in the buffer, and void ones in both."""
    state = StateDirectory.open(path)
    for number in range(commits):
        state.commit(commit_of(number))
        if number == commits // 2:
            state.flush()
    times = np.array([START_NS, START_NS + STEP_NS], np.int64)
    state.commit(Commit(decided=[decided(CAMERA, 2, seed=9)], superseded=[SupersededRows(CAMERA, times)]))
    return state


@pytest.mark.parametrize("what", list(Rows))
@pytest.mark.parametrize("table_rows", [1, 7, 65_536])
@pytest.mark.parametrize("windows", [HOURS, Windows(STEP_NS), Windows(3 * STEP_NS + 1, growth=2)])
def test_the_tables_together_are_the_export(tmp_path: Path, what: Rows, table_rows: int, windows: Windows) -> None:
    _filled(tmp_path).close()
    question = RowQuestion(what=what)
    tables = list(stream_rows(tmp_path, question, table_rows=table_rows, windows=windows))
    with StateReader.open(tmp_path) as reader:
        assert _joined(tables, question).equals(reader.exported(what))
    ends = [table.last_ns for table in tables]
    assert ends == sorted(set(ends))
    assert all((table.event_time_ns <= table.last_ns).all() for table in tables)


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    question = RowQuestion(
        what=Rows.SHOTS,
        columns=("event_time", "device", "score"),
        subject=lambda device: device == METER.name,
        words={"outcome": "triplet"},
        flags={"anomalous": False},
    )
    tables = list(stream_rows(tmp_path, question, table_rows=10))
    with StateReader.open(tmp_path) as reader:
        rows = reader.exported(Rows.SHOTS).to_pandas()
    wanted = rows[(rows.device == METER.name) & (rows.outcome == "triplet") & ~rows.anomalous]
    found = _joined(tables, question).to_pandas()
    assert found.equals(wanted[["event_time", "device", "score"]].reset_index(drop=True))
    assert sum(table.scanned for table in tables) == len(rows)
    assert len(found) > 0
    assert [device for table in tables for device in table.subjects] == [METER.name] * len(found)


def test_a_score_alone_is_known_to_be_one(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    question = RowQuestion(what=Rows.SHOTS, columns=("score",))
    found = _joined(list(stream_rows(tmp_path, question)), question)
    with StateReader.open(tmp_path) as reader:
        exported = reader.exported(Rows.SHOTS)
    assert found.column_names == ["score"]
    assert found["score"].equals(exported["score"])
    assert [score is None for score in found["score"].to_pylist()] == [
        scoring != "scored" for scoring in exported["scoring"].to_pylist()
    ]


def test_a_word_that_never_occurs_is_no_row(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    assert (
        sum(len(table.rows) for table in stream_rows(tmp_path, RowQuestion(what=Rows.SHOTS, words={"kind": "x"}))) == 0
    )


def test_parts_that_are_replaced_meanwhile_are_no_matter(tmp_path: Path) -> None:
    state = _filled(tmp_path)
    expected = state.path.with_name("expected.parquet")
    state.export(expected)
    found: list[RowTable] = []
    for table in stream_rows(tmp_path, _SHOTS, table_rows=10):
        found.append(table)
        if len(found) == 1:
            state.flush()  # the void rows are worked in: the parts are written anew, those that were listed go
    state.close()
    assert len(found) > 2
    assert _joined(found, _SHOTS).equals(pq.read_table(expected).cast(_SHOTS.schema))


def test_rows_that_come_meanwhile_are_there_when_their_time_comes(tmp_path: Path) -> None:
    state = StateDirectory.open(tmp_path)
    state.commit(commit_of(0))
    tables = stream_rows(tmp_path, _SHOTS, table_rows=1)
    first = next(tables)
    state.flush()
    state.commit(commit_of(1))
    state.flush()
    state.close()
    rest = list(tables)
    with StateReader.open(tmp_path) as reader:
        everything = reader.exported(Rows.SHOTS)
    found = _joined([first, *rest], _SHOTS)
    assert found.equals(everything.slice(0, len(found)))


def test_without_a_state_it_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="there is no state of a watch"):
        next(stream_rows(tmp_path, _SHOTS))
