"""The stretch of a report and its slots."""

import numpy as np
import pytest

from models.event_time import DAY_NS, HOUR_NS, MINUTE_NS
from streams.report.reported_stretch import ReportedStretch


@pytest.mark.parametrize(
    ("length_ns", "slot_ns", "slots"),
    [
        (1, MINUTE_NS, 1),
        (MINUTE_NS + 1, MINUTE_NS, 2),
        (12 * HOUR_NS, MINUTE_NS, 720),
        (DAY_NS, MINUTE_NS, 1_440),
        (DAY_NS + 1, 2 * MINUTE_NS, 721),
        (30 * DAY_NS, 30 * MINUTE_NS, 1_440),
    ],
)
def test_slots_are_whole_minutes_and_few(length_ns: int, slot_ns: int, slots: int) -> None:
    stretch = ReportedStretch(from_ns=5, to_ns=5 + length_ns)
    assert (stretch.slot_ns, stretch.slots) == (slot_ns, slots)
    assert stretch.slots_of(np.array([5, 5 + length_ns - 1])).tolist() == [0, slots - 1]


def test_a_stretch_ends_after_it_begins() -> None:
    with pytest.raises(ValueError, match="ends after it begins"):
        ReportedStretch(from_ns=5, to_ns=5)
