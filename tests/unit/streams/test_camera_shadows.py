"""Where a shadow begins and ends, and what is kept of it."""

from functools import cache

import pytest

from models.device_stage import DeviceStage, StageFactory
from models.devices import Device, parse_device
from models.energies.meter_stage import MeterSettings, MeterStage
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import ImageScoreSettings
from models.records import RecordBlock
from models.state import State, decode_state, encode_state
from streams.device_stages import DeviceStages
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames

METER = parse_device("LA_A3_32-EM_1-EnergyMeter-1")
_SETTINGS = CameraSettings(scores=ImageScoreSettings(learning_frames=228))
_DARK, _LEARNED = 60, 240


def factory(network: str) -> StageFactory:
    def make(device: Device) -> DeviceStage:
        if device == METER:
            return MeterStage(device, MeterSettings())
        return CameraStage(device, _SETTINGS, ProjectionNetwork(network), {})

    return make


@cache
def learned() -> bytes:
    """A camera that the old model scores."""
    stages = DeviceStages(factory("old"))
    stages.prepare([CAMERA])
    stages.process(camera_block(dark_frames(_DARK), 0))
    stages.process(camera_block(beam_frames(_LEARNED), _DARK))
    return encode_state(stages.state_of(CAMERA))


@pytest.fixture
def stages() -> DeviceStages:
    """With a meter."""
    stages = DeviceStages(factory("old"))
    stages.restore(CAMERA, decode_state(learned()))
    stages.prepare([METER])
    return stages


def block(count: int, first: int = 0) -> RecordBlock:
    return camera_block(beam_frames(count, seed=5), _DARK + _LEARNED + first)


def shadow_of(stages: DeviceStages, device: Device = CAMERA) -> State | None:
    found: State | None = stages.state_of(device).get("shadow")
    return found


def shadow_at_camera(stages: DeviceStages) -> State:
    found = shadow_of(stages)
    assert found is not None
    return found


def test_only_cameras_have_one_and_new_cameras_get_one(stages: DeviceStages) -> None:
    assert shadow_of(stages) is None
    stages.change_shadow(factory("new"))
    assert shadow_at_camera(stages)["model"] == "new"
    assert shadow_of(stages, METER) is None
    other = Device("LA_A3_31-Camera_1-Camera-1", CAMERA.stage, CAMERA.kind)
    stages.prepare([other])
    assert shadow_of(stages, other) is not None


def test_what_it_found_stays_until_another_one_begins(stages: DeviceStages) -> None:
    stages.change_shadow(factory("new"))
    stages.process(block(300))
    found = shadow_at_camera(stages)
    assert found["counts"]["frames"] == stages.take_shadow_counts(CAMERA).frames > 50
    stages.change_shadow(None)
    assert shadow_at_camera(stages) == {name: value for name, value in found.items() if name != "stage"}
    # Also over a restart.
    again = DeviceStages(factory("old"))
    again.restore(CAMERA, decode_state(encode_state(stages.state_of(CAMERA))))
    assert shadow_at_camera(again) == shadow_at_camera(stages)
    again.change_shadow(factory("another"))
    assert shadow_at_camera(again)["counts"]["frames"] == 0


def test_a_restart_goes_on_with_the_same_shadow_and_begins_anew_with_another(stages: DeviceStages) -> None:
    stages.change_shadow(factory("new"))
    stages.process(block(100))
    saved = encode_state(stages.state_of(CAMERA))
    same = DeviceStages(factory("old"), make_shadow=factory("new"))
    same.restore(CAMERA, decode_state(saved))
    assert encode_state(same.state_of(CAMERA)) == saved
    other = DeviceStages(factory("old"), make_shadow=factory("another"))
    other.restore(CAMERA, decode_state(saved))
    assert shadow_at_camera(other)["model"] == "another"
    assert shadow_at_camera(other)["stage"]["scores"]["frames"] == 0


def test_there_is_nothing_to_compare_where_its_own_model_scores(stages: DeviceStages) -> None:
    stages.change_shadow(factory("old"))
    assert shadow_of(stages) is None
    stages.change_shadow(factory("new"))
    stages.change_model(factory("new"))
    stages.process(block(300))
    assert shadow_at_camera(stages)["counts"]["frames"] > 50
    stages.begin_unit(CAMERA)  # the camera changes over to the new model
    assert stages.state_of(CAMERA)["scores"]["model"] == "new"
    assert "stage" not in shadow_at_camera(stages)
    assert shadow_at_camera(stages)["counts"]["frames"] > 50
    stages.process(block(20, 300))
