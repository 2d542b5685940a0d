import numpy as np

from models.images.camera_maps import camera_maps
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import FrameBuffers
from models.records import IMAGE_SHAPE
from models.state import decode_state
from tests.support.beam_camera import CAMERA, NOISE, PEDESTAL, ProjectionNetwork
from tests.support.console_state import camera_state


def test_maps_of_a_camera_that_has_learned() -> None:
    maps = camera_maps(decode_state(camera_state()))
    assert not maps.learning
    assert maps.model == "projection"
    assert maps.dark_frames >= 50
    assert maps.defects == 1
    for name in ("pedestal", "dark_noise", "defective", "residual", "residual_sigma"):
        assert getattr(maps, name).shape == IMAGE_SHAPE
    assert maps.defective is not None
    assert maps.defective[20, 30] == 1.0
    assert maps.pedestal is not None
    assert maps.dark_noise is not None
    assert abs(float(np.median(maps.pedestal)) - PEDESTAL) < 1.0
    assert abs(float(np.median(maps.dark_noise)) - NOISE) < 0.5


def test_a_new_camera_has_none() -> None:
    stage = CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {}, FrameBuffers())
    maps = camera_maps(stage.state())
    assert maps.learning
    assert (maps.pedestal, maps.residual, maps.residual_sigma, maps.defects) == (None, None, None, 0)
