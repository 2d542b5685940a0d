"""What learns and scores beside a camera's stage is the same, bit for bit, wherever its stream is cut or restored."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.alerts.episodes import EpisodeSettings
from models.baseline import AcceptedBaseline
from models.device_stage import StageFactory
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import ImageScoreSettings
from models.images.shadow_comparison import ShadowCounts
from models.state import decode_state, encode_state
from streams.device_stages import DeviceStages
from tests.support.beam_camera import (
    CAMERA,
    SHOT_NS,
    ProjectionNetwork,
    beam_frames,
    camera_block,
    dark_frames,
    with_hot_spot,
)

_SETTINGS = CameraSettings(
    scores=ImageScoreSettings(learning_frames=228),
    relearn_after_frames=64,
    image_episode=EpisodeSettings(strong_score=6.0, weak_score=2.7, weak_shots=3, weak_window_shots=5),
)
_NETWORKS = {name: ProjectionNetwork(name) for name in ("old", "new", "shadow")}
#: The shots before which another model comes into use and a shadow begins, and from which on a baseline holds.
_NEWS, _BASELINE_FROM = 280, 310


def factory(name: str, settings_: CameraSettings = _SETTINGS) -> StageFactory:
    return lambda device: CameraStage(device, settings_, _NETWORKS[name], {})


OLD, NEW = factory("old"), factory("new")
SHADOW = factory("shadow", replace(_SETTINGS, frame_fpr=1e-9))


def earlier(name: str) -> StageFactory | None:
    return OLD if name == "old" else None


@cache
def stream() -> NDArray[np.uint16]:
    """Dark; learned; a weak fault; learned anew from a baseline on; faults, the last of which stays."""
    frames = np.concatenate([dark_frames(40), beam_frames(240), beam_frames(450, 2)])
    frames[290:295] = [with_hot_spot(frame, 250.0) for frame in frames[290:295]]
    frames[600:604] = [with_hot_spot(frame, 50.0) for frame in frames[600:604]]
    frames[602] = frames[601]
    frames[640:] = [with_hot_spot(frame) for frame in frames[640:]]
    return frames


Result = tuple[bytes, bytes, ShadowCounts]


def result(cuts: list[int], saves: list[bool]) -> Result:
    stages, frames, counts = DeviceStages(OLD), stream(), ShadowCounts()
    stages.prepare([CAMERA])
    rows: dict[str, list[bytes]] = {}
    edges = sorted({0, _NEWS, *cuts, len(frames)})
    for number, (start, stop) in enumerate(pairwise(edges)):
        if saves[number % len(saves)] and start > _NEWS:
            saved = encode_state(stages.state_of(CAMERA))
            stages = DeviceStages(NEW, earlier, SHADOW)
            stages.restore(CAMERA, decode_state(saved))
        if start == _NEWS:
            stages.change_model(NEW)
            stages.change_shadow(SHADOW)
            stages.accept_baseline(AcceptedBaseline(id=1, device=CAMERA, from_ns=_BASELINE_FROM * SHOT_NS))
        for output in stages.process(camera_block(frames[start:stop], start)):
            for name, array in output.scored.arrays().items():
                rows.setdefault(name, []).append(array.tobytes())
        counts += stages.take_shadow_counts(CAMERA)
    stages.finish(CAMERA)
    counts += stages.take_shadow_counts(CAMERA)
    return b"".join(b"".join(parts) for parts in rows.values()), encode_state(stages.state_of(CAMERA)), counts


@cache
def undisturbed() -> Result:
    return result([], [False])


@settings(max_examples=3, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 729), max_size=7),
    saves=st.lists(st.booleans(), min_size=1, max_size=6),
)
def test_cuts_and_restored_states_change_nothing(cuts: list[int], saves: list[bool]) -> None:
    rows, state, counts = result(cuts, saves)
    expected_rows, expected_state, expected_counts = undisturbed()
    assert counts == expected_counts
    assert rows == expected_rows
    assert state == expected_state


def test_the_stream_has_something_to_lose() -> None:
    saved, counts = decode_state(undisturbed()[1]), undisturbed()[2]
    assert saved["successor"]["stage"]["scores"]["model"] == "new"
    assert saved["shadow"]["model"] == "shadow"
    assert counts.frames > 100
    assert counts.odd_both > 20
    assert counts.odd_production >= 3
    assert (counts.alerts_production, counts.alerts_shadow, counts.alerts_shared) == (2, 1, 1)
