"""When an accepted baseline takes effect at a device: with its first record, once, whatever the blocks."""

from dataclasses import replace

import numpy as np
import pytest

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.baseline import AcceptedBaseline, BaselineGate
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import parse_device
from models.records import DeviceState, RecordBlock, SourceReference
from models.results import Admission
from models.scored_rows import ScoredRows
from models.state import State, decode_state, encode_state

METER = parse_device("LA_A3_32-EM_1-EnergyMeter-1")


def block(first: int, count: int, *, replacement: bool = False) -> RecordBlock:
    return RecordBlock(
        device=METER,
        source=SourceReference(file="a.h5", sha256="0" * 64),
        event_time_ns=np.arange(first, first + count, dtype=np.int64),
        state=np.full(count, DeviceState.ON, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=np.zeros((count, 2)),
        hdf5_group=("",) * count,
        interval_hz=10.0,
        replacement=replacement,
    )


def closing_event(number: int) -> AlertEvent:
    alert = Alert(
        id=str(number),
        kind=AlertKind.ENERGY_OUTLIER,
        severity=Severity.LOW,
        status=AlertStatus.CLOSED,
        stage=METER.stage,
        device=METER.name,
        first_shot_ns=0,
        last_shot_ns=0,
        shots=1,
        score=0.0,
        reasons=(),
        model="",
        source=AlertSource(file="", sha256="", path=""),
    )
    return AlertEvent(change=AlertChange.CLOSED, alert=alert)


class NotingStage:
    """Notes the times that it processes, and where it was told to learn anew."""

    def __init__(self) -> None:
        self.seen: list[int | str] = []

    def process(self, block: RecordBlock) -> DeviceOutput:
        self.seen += block.event_time_ns.tolist()
        rows = ScoredRows(block, block.refusal, np.full(len(block), Admission.ACCEPTED, np.uint8))
        return DeviceOutput(scored=rows.scored_block())

    def accept_baseline(self) -> DeviceClosing:
        self.seen.append("anew")
        return DeviceClosing(alerts=[closing_event(len(self.seen))])

    def finish(self) -> DeviceClosing:
        return DeviceClosing()

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        pass


def baseline(id_: int, from_ns: int) -> AcceptedBaseline:
    return AcceptedBaseline(id=id_, device=METER, from_ns=from_ns)


@pytest.mark.parametrize("cuts", [[20], [3, 17], [5, 15], [1] * 20, [6, 1, 13], [19, 1]])
def test_it_begins_with_the_first_record_from_its_time_on(cuts: list[int]) -> None:
    gate, stage = BaselineGate(), NotingStage()
    gate.take(baseline(100, 6), stage)
    gate.take(baseline(101, 12), stage)
    first, outputs = 0, []
    for count in cuts:
        outputs += gate.process(block(first, count), stage)
        gate = saved_and_restored(gate)
        first += count
    assert stage.seen == [*range(6), "anew", *range(6, 12), "anew", *range(12, 20)]
    told = [int(output.scored.event_time_ns[0]) for output in outputs if output.alerts]
    assert told == [6, 12]  # what closes comes with the first record of the new state
    assert sum(len(output.scored) for output in outputs) == 20


def test_one_whose_time_has_passed_begins_at_once() -> None:
    gate, stage = BaselineGate(), NotingStage()
    gate.process(block(0, 10), stage)
    closing = gate.take(baseline(100, 4), stage)
    assert closing is not None
    assert len(closing.alerts) == 1
    gate.process(block(10, 2), stage)
    assert stage.seen == [*range(10), "anew", 10, 11]


def test_one_that_was_taken_is_not_taken_again() -> None:
    gate, stage = BaselineGate(), NotingStage()
    gate.process(block(0, 10), stage)
    assert gate.take(baseline(100, 4), stage) is not None
    gate = saved_and_restored(gate)
    assert gate.take(baseline(100, 4), stage) is None
    assert gate.take(baseline(99, 4), stage) is None
    assert stage.seen.count("anew") == 1


def test_two_that_begin_with_the_same_record_are_one() -> None:
    gate, stage = BaselineGate(), NotingStage()
    gate.take(baseline(100, 3), stage)
    gate.take(baseline(101, 2), stage)
    gate.process(block(0, 6), stage)
    assert stage.seen == [0, 1, 2, "anew", 3, 4, 5]


def test_records_of_a_replaced_file_begin_nothing() -> None:
    gate, stage = BaselineGate(), NotingStage()
    gate.take(baseline(100, 3), stage)
    gate.process(block(0, 6, replacement=True), stage)
    assert stage.seen == [*range(6)]
    gate.process(replace(block(6, 1)), stage)
    assert stage.seen[6:] == ["anew", 6]


def saved_and_restored(gate: BaselineGate) -> BaselineGate:
    other = BaselineGate()
    other.restore(decode_state(encode_state(gate.state())))
    return other
