"""A pump: each record once, and its state."""

import numpy as np

from models.admission import AdmissionSettings
from models.devices import parse_device
from models.records import DeviceState, RecordBlock, Refusal, SourceReference
from models.results import Admission, Scoring
from models.state import decode_state, encode_state
from models.unscored_stage import UnscoredStage
from models.validity import ValidityLimits

PUMP = parse_device("LA_A2_Gaia_1-Pump-1")


def _block(times: list[int], states: list[DeviceState]) -> RecordBlock:
    return RecordBlock(
        device=PUMP,
        source=SourceReference(file="f.h5", sha256="0" * 64),
        event_time_ns=np.array(times, np.int64),
        state=np.array(states, np.uint8),
        refusal=np.zeros(len(times), np.uint8),
        payload=np.empty((len(times), 0)),
        hdf5_group=tuple(f"g{time}" for time in times),
        interval_hz=1.0,
    )


def test_each_record_is_taken_once_and_only_while_on() -> None:
    stage, again = (UnscoredStage(AdmissionSettings(), ValidityLimits()) for _ in range(2))
    scored = stage.process(_block([1, 2, 3], [DeviceState.ON, DeviceState.FAULT, DeviceState.MISSING])).scored
    assert scored.refusal.tolist() == [Refusal.NONE, Refusal.STATE_NOT_ON, Refusal.STATE_MISSING]
    assert set(scored.scoring) == {Scoring.NONE}
    assert not scored.fires.any()
    assert (scored.features.shape, scored.hdf5_group) == ((3, 0), ("g1", "g2", "g3"))
    again.restore(decode_state(encode_state(stage.state())))
    scored = again.process(_block([3, 4], [DeviceState.ON] * 2)).scored
    assert scored.admission.tolist() == [Admission.DUPLICATE, Admission.ACCEPTED]
    assert len(stage.process(_block([], [])).scored) == 0
    assert not stage.finish().alerts
