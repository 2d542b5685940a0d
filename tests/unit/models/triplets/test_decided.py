"""Records that wait for nobody, and parts of blocks."""

import numpy as np

from models.devices import parse_device
from models.records import Refusal
from models.results import ROW_ARRAYS, Admission
from models.triplets.decided import KIND_BITS, OUTCOMES, decide_alone, missing_words, select_rows
from models.triplets.pending import PendingRecords
from tests.unit.models.triplets.stage_records import CAMERA, START_NS, Row, block

PUMP = parse_device("LA_A2_00-Saga_1-Saga-1")


def test_outcomes_of_a_device_that_does_not_join() -> None:
    rows = [
        Row(device=PUMP, ms=0),
        Row(device=PUMP, ms=1).refused(Refusal.STATE_NOT_ON),
        # Whether a record is a copy or late comes before what is wrong with it.
        Row(device=PUMP, ms=1, admission=Admission.DUPLICATE, refusal=Refusal.STATE_NOT_ON),
        Row(device=PUMP, ms=-9, admission=Admission.LATE),
    ]
    decided = decide_alone(block(rows))
    assert [OUTCOMES[code].value for code in decided.outcome] == ["unjoined", "invalid", "duplicate", "late"]


def test_parts_of_a_block_keep_their_rows_together() -> None:
    whole = block([Row(device=CAMERA, ms=ms, strength=ms) for ms in range(5)])
    for rows in (slice(1, 3), np.array([1, 2])):
        part = select_rows(whole, rows)
        assert len(part) == 2
        assert part.hdf5_group == whole.hdf5_group[1:3]
        assert all(np.array_equal(getattr(part, name), getattr(whole, name)[1:3]) for name in ROW_ARRAYS)


def test_rows_leave_in_the_order_of_time_whatever_block_they_came_in() -> None:
    pending = PendingRecords()
    blocks_ms = [[0, 4, 8], [2, 6], [10, 12]]
    for ms in blocks_ms:
        pending.add(block([Row(device=CAMERA, ms=one) for one in ms]))
    taken = []
    while len(pending):
        before = sum(pending.counts().values())
        parts = pending.take(min(3, len(pending)))
        assert before - sum(pending.counts().values()) == sum(len(part) for part in parts)
        taken += [int(t - START_NS) // 1_000_000 for part in parts for t in part.event_time_ns]
    assert taken == sorted(one for ms in blocks_ms for one in ms)
    assert pending.counts() == {}


def test_missing_kinds_in_words() -> None:
    assert missing_words(0) == []
    assert missing_words(sum(KIND_BITS.values())) == ["camera", "energy_meter", "spectrometer"]
