"""The stages' alerts say why."""

import re

import numpy as np

from connectors.cause_data import load_cause_classifier
from models.alerts.alert import Alert, AlertKind
from models.alerts.explanation import Explanation
from models.energies.meter_stage import MeterSettings, MeterStage
from models.fault_kinds import FaultKind
from models.images.camera_stage import CameraSettings, CameraStage
from tests.support.beam_camera import (
    CAMERA,
    ProjectionNetwork,
    beam_frames,
    camera_block,
    dark_frames,
    with_hot_spot,
)
from tests.unit.models.energies import test_meter_stage as meters
from tests.unit.models.spectra import test_spectrometer_stage as spectrometers

_DARK = 60


def camera_alerts(size: int, *, restore_at: int = -1) -> list[Alert]:
    """Alerts about a camera that has a hot spot, a dim beam and a stuck frame, in blocks of ``size`` frames."""
    frames = np.concatenate([dark_frames(_DARK), beam_frames(600)])
    frames[500:502] = [with_hot_spot(frame, 700.0) for frame in frames[500:502]]
    frames[560:562] = np.maximum(frames[560:562] * 0.7, 50).astype(np.uint16)
    frames[640] = frames[639]
    stage = new_camera()
    alerts: list[Alert] = []
    for start in range(0, len(frames), size):
        if start == restore_at:
            state, stage = stage.state(), new_camera()
            stage.restore(state)
        alerts += [event.alert for event in stage.process(camera_block(frames[start : start + size], start)).alerts]
    return [*alerts, *(event.alert for event in stage.finish().alerts)]


def new_camera() -> CameraStage:
    return CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {}, causes=load_cause_classifier())


def test_a_camera_says_what_is_odd_whatever_the_blocks() -> None:
    alerts = camera_alerts(32)
    images = [alert.explanation for alert in alerts if alert.kind is AlertKind.IMAGE_ANOMALY]
    assert re.fullmatch(r"hot spot at \(\d+, \d+\) px, \d+ % above its surroundings", images[0].text), images[0]
    assert images[0].cause == FaultKind.HOT_SPOT
    assert any(re.search(r"\d+ % dimmer than usual", image.text) for image in images)
    stuck = next(alert.explanation for alert in alerts if alert.kind is AlertKind.STUCK_FRAME)
    assert stuck == Explanation(
        text="the frame is bit for bit the one before", cause=FaultKind.STUCK_FRAME, cause_probability=1.0
    )
    assert camera_alerts(7) == alerts
    assert camera_alerts(32, restore_at=512) == alerts


def test_a_meter_says_how_far_it_is_off() -> None:
    values = meters.energies(600)
    values[400] *= 0.7
    _, events = meters.run(values, MeterStage(meters.METER, MeterSettings()))
    explanation = events[0].alert.explanation
    assert re.fullmatch(r"energy \d+\.\d sigma low \(2[01](\.\d)? J\)", explanation.text), explanation
    assert explanation.cause == FaultKind.ENERGY_DROP


def test_a_spectrometer_says_how_much_narrower_it_is() -> None:
    values = spectrometers.spectra(520)
    values[500:503] = spectrometers.spectra(3, seed=1, width=0.7)
    _, events = spectrometers.run(values)
    explanation = events[0].alert.explanation
    assert re.fullmatch(r"(rms )?bandwidth (2|3)\d % narrower", explanation.text), explanation
    assert explanation.cause == FaultKind.BANDWIDTH_DROP
