"""The topology in one process: which stage gets what, and that a restored one goes on as if nothing had happened."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.admission import AdmissionSettings
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.baseline import AcceptedBaseline
from models.device_stage import DeviceClosing, DeviceStage
from models.devices import Device, parse_device
from models.event_time import MILLISECOND_NS, parse_iso
from models.records import DeviceState, RecordBlock, SourceReference
from models.results import Outcome
from models.triplets.decided import OUTCOME_CODES
from models.triplets.join_settings import JoinSettings
from models.unscored_stage import UnscoredStage
from models.validity import ValidityLimits
from streams.device_stages import device_key
from streams.watch_pipeline import PipelineOutput, WatchPipeline

CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
OTHER_STAGE = parse_device("LB_A2-Camera_1-Camera-1")
PUMP = parse_device("LA_A3_31-Saga_1-Pump-1")
START_NS = parse_iso("2022-07-01T09:34:00Z")
SOURCE = SourceReference(file="a.h5", sha256="00")
JOIN = JoinSettings(roster_learning_ms=1_000, join_lateness_ms=500)


class Closing(UnscoredStage):
    """Has something open when the input ends."""

    def __init__(self, device: Device) -> None:
        super().__init__(AdmissionSettings(), ValidityLimits())
        self.device = device

    def finish(self) -> DeviceClosing:
        alert = Alert(
            id=self.device.name,
            kind=AlertKind.ENERGY_STEP,
            severity=Severity.LOW,
            status=AlertStatus.CLOSED,
            stage=self.device.stage,
            device=self.device.name,
            first_shot_ns=0,
            last_shot_ns=0,
            shots=1,
            score=0.0,
            reasons=(),
            model="",
            source=AlertSource(file="", sha256="", path=""),
        )
        return DeviceClosing(alerts=[AlertEvent(change=AlertChange.CLOSED, alert=alert)])


def make(device: Device) -> DeviceStage:
    return Closing(device)


def block(device: Device, first: int, count: int) -> RecordBlock:
    payload: dict[str, NDArray[Any]] = {
        "camera": np.zeros((count, 102, 128), np.uint16),
        "energy_meter": np.ones((count, 2)),
    }
    return RecordBlock(
        device=device,
        source=SOURCE,
        event_time_ns=START_NS + np.arange(first, first + count, dtype=np.int64) * 100 * MILLISECOND_NS,
        state=np.full(count, DeviceState.ON, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=payload.get(device.kind.value, np.empty((count, 0))),
        hdf5_group=tuple("x" for _ in range(count)),
        interval_hz=10.0,
    )


def put(pipeline: WatchPipeline, device: Device, first: int, count: int) -> PipelineOutput:
    pipeline.prepare([device])
    run = pipeline.run_device(device, [block(device, first, count)])
    return pipeline.join(output.scored for output in run.outputs)


@pytest.fixture
def pipeline() -> WatchPipeline:
    return WatchPipeline(make, JOIN)


def test_devices_that_do_not_join_are_decided_at_once(pipeline: WatchPipeline) -> None:
    [decided] = put(pipeline, PUMP, 0, 5).decided
    assert set(decided.outcome.tolist()) == {OUTCOME_CODES[Outcome.UNJOINED]}
    assert pipeline.pending_records() == {}
    assert pipeline.take_changed_joins() == {}


def test_a_stage_waits_for_its_devices_and_stages_do_not_wait_for_each_other(pipeline: WatchPipeline) -> None:
    assert put(pipeline, CAMERA, 0, 40).decided == []
    put(pipeline, METER, 0, 5)
    put(pipeline, OTHER_STAGE, 0, 40)
    decided = pipeline.decide().decided
    assert {each.scored.device for each in decided} == {OTHER_STAGE}
    assert pipeline.pending_records()[SOURCE] == 45 + 40 - sum(map(len, decided))
    put(pipeline, METER, 5, 35)
    assert {each.scored.device for each in pipeline.decide().decided} == {CAMERA, METER}


def test_nobody_waits_for_a_recorder_that_has_delivered_or_is_silent(pipeline: WatchPipeline) -> None:
    for tell in ("advance", "silence"):
        pipeline = WatchPipeline(make, JOIN)
        put(pipeline, CAMERA, 0, 40)
        put(pipeline, METER, 0, 15)
        before = sum(len(each) for each in pipeline.decide().decided)
        if tell == "advance":
            pipeline.advance([METER, PUMP], START_NS + 4_000 * MILLISECOND_NS)
        else:
            pipeline.silence([METER, PUMP, OTHER_STAGE])
        assert before + sum(len(each) for each in pipeline.decide().decided) > 40


def test_the_end_decides_all_and_closes_what_is_open(pipeline: WatchPipeline) -> None:
    put(pipeline, CAMERA, 0, 10)
    put(pipeline, PUMP, 0, 10)
    output = pipeline.finish()
    assert sum(len(each) for each in output.decided) == 10
    assert sum(len(each) for each in output.triplets) == 10
    assert [event.alert.id for event in output.alerts] == [CAMERA.name, PUMP.name]
    assert pipeline.pending_records() == {}


def test_only_states_that_changed_are_given(pipeline: WatchPipeline) -> None:
    put(pipeline, CAMERA, 0, 10)
    assert list(pipeline.take_changed_joins()) == ["stage/LA-A3-31"]
    assert pipeline.take_changed_joins() == {}
    put(pipeline, OTHER_STAGE, 0, 10)
    assert list(pipeline.take_changed_joins()) == ["stage/LB-A2-00"]


def test_a_restored_one_goes_on(pipeline: WatchPipeline) -> None:
    put(pipeline, CAMERA, 0, 40)
    put(pipeline, METER, 0, 20)
    put(pipeline, parse_device("odd/name-Camera-1"), 0, 3)
    pipeline.decide()
    states = pipeline.device_states() | pipeline.take_changed_joins()
    other = WatchPipeline(make, JOIN)
    other.restore({**states, "runner": b"somebody else's"})
    assert other.take_changed_joins() == {}
    assert other.pending_records() == pipeline.pending_records()
    assert other.device_states() == pipeline.device_states()
    for each in (pipeline, other):
        put(each, METER, 20, 20)
    found, expected = other.finish(), pipeline.finish()
    assert [len(each) for each in found.decided] == [len(each) for each in expected.decided]
    for one, two in zip(found.decided, expected.decided, strict=True):
        np.testing.assert_array_equal(one.outcome, two.outcome)
        np.testing.assert_array_equal(one.scored.event_time_ns, two.scored.event_time_ns)


def test_a_baseline_reaches_the_device_and_the_join_once(pipeline: WatchPipeline) -> None:
    put(pipeline, CAMERA, 0, 10)
    pipeline.take_changed_joins()
    baseline = AcceptedBaseline(id=5, device=CAMERA, from_ns=START_NS)
    accepted = pipeline.accept_baseline(baseline)
    assert accepted is not None
    output, states = accepted
    assert output.alerts == []
    assert states.items() <= pipeline.device_states().items()
    assert list(pipeline.take_changed_joins()) == ["stage/LA-A3-31"]
    other = WatchPipeline(make, JOIN)
    other.restore(states)
    assert other.accept_baseline(baseline) is None
    assert pipeline.accept_baseline(baseline) is None
    assert pipeline.take_changed_joins() == {}


def test_the_kind_stands_in_the_key_since_not_every_name_tells_it() -> None:
    device = Device("DTG_66440739", parse_device("DTG_66440739").stage, CAMERA.kind)
    assert device_key(device) == "device/camera/DTG_66440739"
    pipeline = WatchPipeline(make, JOIN)
    pipeline.prepare([device])
    other = WatchPipeline(make, JOIN)
    other.restore(pipeline.device_states())
    assert other.device_states() == pipeline.device_states()
