import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event_time import DAY_NS, HOUR_NS, MILLISECOND_NS, MINUTE_NS, SECOND_NS
from streams.history.buckets import bucket_rows, bucket_width_ns, merged

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf")]))
ROWS = st.lists(st.tuples(st.integers(0, 20 * SECOND_NS), VALUES, VALUES), max_size=60)


@given(ROWS, st.integers(1, 5))
def test_buckets_are_those_of_a_plain_account_however_the_rows_are_cut(
    rows: list[tuple[int, float, float]], cuts: int
) -> None:
    times = np.array([time for time, *_ in rows], np.int64)
    values = np.array([each[1:] for each in rows], np.float64).reshape(-1, 2)
    marks = np.column_stack([values[:, 0] > 0, values[:, 1] > 0])
    parts = [bucket_rows(times[n::cuts], values[n::cuts], SECOND_NS, marks[n::cuts]) for n in range(cuts)]
    buckets = merged(parts, 2, 2)

    assert buckets.number.tolist() == sorted({time // SECOND_NS for time, *_ in rows})
    for place, number in enumerate(buckets.number):
        inside = times // SECOND_NS == number
        assert buckets.rows[place] == inside.sum()
        assert buckets.marked[place].tolist() == marks[inside].sum(axis=0).tolist()
        assert buckets.time_ns(SECOND_NS)[place] == int(times[inside].sum()) // int(inside.sum())
        for column in range(2):
            known = values[inside, column][np.isfinite(values[inside, column])]
            found = [each[place, column] for each in (buckets.least, buckets.mean, buckets.greatest)]
            if len(known):
                assert found[0] == known.min()
                assert found[2] == known.max()
                assert found[1] == pytest.approx(known.mean(), abs=1e-6)
            else:
                assert np.isnan(found).all()


def test_one_odd_shot_of_a_day_is_still_seen() -> None:
    values = np.full((864_000, 1), 12.5)
    values[500_000] = 173.0
    times = np.arange(864_000, dtype=np.int64) * 100 * MILLISECOND_NS
    width = bucket_width_ns(DAY_NS, 2_000)
    buckets = bucket_rows(times, values, width)
    assert len(buckets) <= 2_000
    assert buckets.greatest.max() == 173.0
    assert int(buckets.rows.sum()) == 864_000


@pytest.mark.parametrize(
    ("stretch_ns", "most", "width_ns"),
    [
        (DAY_NS, 2_000, MINUTE_NS),
        (HOUR_NS, 2_000, 2 * SECOND_NS),
        (MINUTE_NS, 2_000, 50 * MILLISECOND_NS),
        (32 * DAY_NS, 2_000, 30 * MINUTE_NS),
        (0, 2_000, MILLISECOND_NS),
        (10_000 * DAY_NS, 2, DAY_NS),
    ],
)
def test_buckets_are_as_narrow_as_there_is_room(stretch_ns: int, most: int, width_ns: int) -> None:
    assert bucket_width_ns(stretch_ns, most) == width_ns
