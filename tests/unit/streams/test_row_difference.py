"""What is said of rows that are not the same."""

import pyarrow as pa
import pytest

from connectors.state.row_columns import Rows
from models.event_time import SECOND_NS, parse_iso
from streams.row_difference import table_difference

START_NS = parse_iso("2022-07-01T09:00")


def table(*scores: float) -> pa.Table:
    times = [START_NS + number * SECOND_NS for number in range(len(scores))]
    return pa.table({"event_time": pa.array(times, pa.timestamp("ns", "UTC")), "score": pa.array(scores, pa.float64())})


def test_the_same_rows_do_not_differ_however_they_are_cut() -> None:
    cut = pa.concat_tables([table(0.5, 0.25).slice(0, 1), table(0.5, 0.25).slice(1)])
    assert table_difference(Rows.SHOTS, cut, table(0.5, 0.25)) == ""
    assert table_difference(Rows.SHOTS, table(), table()) == ""


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        ((), (0.5,), "from 2022-07-01T09:00:00.000Z on 0 shots instead of 1"),
        ((0.5, 0.5), (0.5,), "from 2022-07-01T09:00:00.000Z on 2 shots instead of 1"),
        ((0.5, 0.25), (0.5, 0.75), "score at 2022-07-01T09:00:01.000Z is 0.25 instead of 0.75"),
    ],
)
def test_the_first_row_that_differs_is_told(found: tuple[float, ...], expected: tuple[float, ...], said: str) -> None:
    assert table_difference(Rows.SHOTS, table(*found), table(*expected)) == said


def test_one_bit_is_a_difference() -> None:
    assert table_difference(Rows.SHOTS, table(0.5 + 2**-53), table(0.5)).startswith("score at ")
