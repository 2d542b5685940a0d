"""When a camera changes over to a promoted model."""

from models.device_stage import DeviceStage
from models.devices import Device
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import ImageScoreSettings
from models.records import RecordBlock
from streams.camera_successors import CameraSuccessors
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames

_SETTINGS = CameraSettings(scores=ImageScoreSettings(learning_frames=228))
_DARK, _LEARNED = 60, 300


def stage(network: str) -> CameraStage:
    return CameraStage(CAMERA, _SETTINGS, ProjectionNetwork(network), {})


def new_stage(_: Device) -> DeviceStage:
    return stage("new")


def follow(successors: CameraSuccessors, block: RecordBlock, old: CameraStage) -> None:
    successor = successors.of(CAMERA)
    assert successor is not None
    successor.follow(block, old.process(block))


def watched(frames: int) -> tuple[CameraSuccessors, CameraStage]:
    """A camera that its model has learned, beside which another one has learned for so many frames."""
    old = stage("old")
    old.process(camera_block(dark_frames(_DARK), 0))
    old.process(camera_block(beam_frames(_LEARNED), _DARK))
    successors = CameraSuccessors(new_stage)
    successors.begin(new_stage, {CAMERA: old})
    block = camera_block(beam_frames(frames, seed=5), _DARK + _LEARNED)
    follow(successors, block, old)
    return successors, old


def test_it_changes_once_the_new_model_has_learned() -> None:
    successors, old = watched(200)
    assert successors.take(CAMERA, old) is None
    successors, old = watched(240)
    taken = successors.take(CAMERA, old)
    assert isinstance(taken, CameraStage)
    assert taken.model == "new"
    assert not taken.learning


def test_a_beam_that_is_no_reference_any_more_is_not_brought_back() -> None:
    """A baseline was accepted after the new model had learned: both learn the new state."""
    successors, old = watched(240)
    old.accept_baseline()
    assert successors.take(CAMERA, old) is None
    block = camera_block(beam_frames(20, seed=6), _DARK + _LEARNED + 240)
    follow(successors, block, old)
    state = successors.state_of(CAMERA)
    assert state is not None
    assert state["stage"]["scores"]["learning"] is not None
