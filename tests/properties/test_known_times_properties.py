"""The times that a device stage remembers, against a plain sorted list, in both of the forms that they are kept in."""

from bisect import bisect_left, bisect_right, insort

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.admission import _KnownTimes
from models.event_time import MILLISECOND_NS
from models.state import decode_state, encode_state

_START = 1_656_668_040_000_000_000
# Mostly whole milliseconds close together; sometimes between them, or more than 32 bits of them apart.
_OFFSETS_NS = st.one_of(
    st.integers(-2_000, 2_000).map(lambda ms: ms * MILLISECOND_NS),
    st.integers(-5, 5).map(lambda ns: ns * 300_000),
    st.sampled_from([2**32 * MILLISECOND_NS, (2**32 - 1) * MILLISECOND_NS, -(2**40) * MILLISECOND_NS]),
)
_STEPS = st.tuples(
    st.sampled_from(["add", "append", "forget_before", "forget_after", "restore", "clear"]),
    st.lists(_OFFSETS_NS, min_size=1, max_size=80),
)


@given(st.lists(_STEPS, max_size=12))
def test_known_times_are_a_sorted_set(steps: list[tuple[str, list[int]]]) -> None:
    known, wanted = _KnownTimes(), list[int]()
    for what, offsets in steps:
        times = [_START + offset for offset in offsets]
        if what == "add":
            for time in times:
                if not known.contains(time):
                    known.add(time)
                    insort(wanted, time)
        elif what == "append":
            later = sorted({time for time in times if not wanted or time > wanted[-1]})
            if later:
                known.append(np.array(later, np.int64))
                wanted += later
        elif what == "forget_before":
            known.forget_before(times[0])
            del wanted[: bisect_left(wanted, times[0])]
        elif what == "forget_after":
            known.forget_after(times[0])
            del wanted[bisect_right(wanted, times[0]) :]
        elif what == "restore":
            state = decode_state(encode_state(known.state()))
            known = _KnownTimes()
            known.restore(state)
        else:
            known.clear()
            wanted.clear()
        assert all(known.contains(time) == (time in wanted) for time in times)
        assert all(known.contains(time) for time in wanted)
        assert not any(known.contains(time + 1) for time in wanted)
        assert not wanted or known.latest == wanted[-1]


def test_an_hour_of_times_at_ten_hertz_takes_little_room() -> None:
    known = _KnownTimes()
    for block in range(200):
        times = _START + np.arange(block * 256, (block + 1) * 256) * 100 * MILLISECOND_NS
        known.append(times)
        known.forget_before(int(times[-1]) - 36_000 * 100 * MILLISECOND_NS)
    assert known._buffer.nbytes < 36_000 * 6
