"""How a camera's stream is cut, and where its state is saved and restored, changes no bit of its results."""

from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.alerts.alert import AlertEvent, EvidenceFrame
from models.images.camera_stage import CameraSettings, CameraStage
from models.scoring.tail_probability import TailProbability, TailSettings
from models.state import decode_state, encode_state
from tests.support.beam_camera import (
    CAMERA,
    ProjectionNetwork,
    beam_frames,
    camera_block,
    dark_frames,
    with_hot_spot,
)

_NETWORK = ProjectionNetwork()
_SETTINGS = CameraSettings(relearn_after_frames=64)


@cache
def stream() -> NDArray[np.uint16]:
    """Dark; learning with an odd and a stuck frame; a gap; scored with faults of one and of many frames."""
    frames = np.concatenate([dark_frames(40), beam_frames(330, drift_px=1.0), dark_frames(3), beam_frames(180, 2)])
    frames[100] = with_hot_spot(frames[100])
    frames[150] = frames[149]
    frames[400:403] = [with_hot_spot(frame, 200.0) for frame in frames[400:403]]
    frames[440] = frames[439]
    frames[470:] = [with_hot_spot(frame) for frame in frames[470:]]
    return frames


Result = tuple[bytes, list[AlertEvent], list[bytes], bytes]


def evidence_bytes(frame: EvidenceFrame) -> bytes:
    arrays = (frame.raw, frame.cleaned, frame.reconstruction, frame.residual_z)
    return b"|".join([f"{frame.alert_id} {frame.role} {frame.source}".encode(), *(a.tobytes() for a in arrays)])


def result(cuts: list[int], saves: list[bool]) -> Result:
    frames, stage = stream(), CameraStage(CAMERA, _SETTINGS, _NETWORK, {})
    edges = [0, *sorted(set(cuts)), len(frames)]
    rows: dict[str, list[bytes]] = {}
    alerts: list[AlertEvent] = []
    evidence: list[EvidenceFrame] = []
    for number, (start, stop) in enumerate(pairwise(edges)):
        if saves[number % len(saves)]:
            saved = encode_state(stage.state())
            stage = CameraStage(CAMERA, _SETTINGS, _NETWORK, {})
            stage.restore(decode_state(saved))
        output = stage.process(camera_block(frames[start:stop], start))
        for name, array in output.scored.arrays().items():
            rows.setdefault(name, []).append(array.tobytes())
        alerts += output.alerts
        evidence += output.evidence
    closing = stage.finish()
    alerts += closing.alerts
    evidence += closing.evidence
    joined = b"".join(b"".join(parts) for parts in rows.values())
    alerts.sort(key=lambda event: event.alert.kind)  # between the kinds there is no order
    return joined, alerts, [evidence_bytes(frame) for frame in evidence], encode_state(stage.state())


@cache
def undisturbed() -> Result:
    return result([], [False])


@settings(max_examples=8, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 552), max_size=12),
    saves=st.lists(st.booleans(), min_size=1, max_size=8),
)
def test_cuts_and_restored_states_change_nothing(cuts: list[int], saves: list[bool]) -> None:
    expected, found = undisturbed(), result(cuts, saves)
    assert found[0] == expected[0]
    assert found[1] == expected[1]
    assert found[2] == expected[2]
    assert found[3] == expected[3]


def test_the_stream_has_something_to_lose() -> None:
    _, alerts, evidence, _ = undisturbed()
    assert {event.alert.kind.value for event in alerts} == {"image_anomaly", "stuck_frame"}
    assert evidence


def test_frame_by_frame_is_the_same() -> None:
    assert result(list(range(300, 480)), [False]) == undisturbed()


@given(
    scores=st.lists(st.floats(-1e6, 1e6, width=32), min_size=100, max_size=400),
    probes=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=20),
)
def test_tail_probabilities_are_probabilities_that_fall(scores: list[float], probes: list[float]) -> None:
    tail = TailProbability(TailSettings())
    tail.learn(np.array(scores))
    tail.refit()
    ordered = np.sort(np.array(probes))  # NaN last
    found = tail.p_values(ordered)
    assert np.all((found > 0.0) & (found <= 1.0))
    assert np.all(np.diff(found[~np.isnan(ordered)]) <= 0.0)
    assert np.all(found[np.isnan(ordered)] == 1.0)
