"""The stage without a network says of every record what the camera's whole stage says, whatever the cut."""

import numpy as np
import pytest

from models.images.camera_stage import CameraSettings, CameraStage
from models.images.light_stage import LightStage
from models.records import DeviceState
from tests.support.beam_camera import CAMERA, ProjectionNetwork, beam_frames, camera_block, dark_frames

SETTINGS = CameraSettings()


@pytest.mark.parametrize("piece", [7, 64, 500])
def test_it_says_what_the_whole_stage_says(piece: int) -> None:
    frames = np.concatenate(
        [dark_frames(80, 1), beam_frames(120, 2), dark_frames(70, 3), beam_frames(40, 4), dark_frames(5, 5)]
    )
    states = [DeviceState.FAULT if shot % 31 == 0 else DeviceState.ON for shot in range(len(frames))]
    whole = CameraStage(CAMERA, SETTINGS, ProjectionNetwork(), {})
    light = LightStage(SETTINGS.admission, SETTINGS.validity, SETTINGS.cleaning)
    starts = [*range(0, len(frames), piece), 60]  # the last block comes a second time
    for start in starts:
        part = slice(start, start + piece)
        expected = whole.process(camera_block(frames[part], start, states=states[part])).scored
        found = light.process(camera_block(frames[part], start, states=states[part])).scored
        np.testing.assert_array_equal(found.fires, expected.fires)
        np.testing.assert_array_equal(found.refusal, expected.refusal)
        np.testing.assert_array_equal(found.admission, expected.admission)
    assert found.admission.all()
