"""A beam that moves and grows for an hour, pixel by pixel: no false episode, one drift."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from connectors.model_files import default_model
from models.alerts.alert import AlertChange, AlertKind
from models.records import SourceReference
from models.simulation.laser import LaserSimulator
from models.simulation.settings import ShapeSet, SimulationSettings
from streams.settings import default_settings
from streams.stage_factory import stage_factory

_MINUTES = 75
_BEGIN_S, _LASTING_S = 12 * 60, 3600
_HZ = 10.0


class _Moving:
    """The camera's usual wandering, and 5 px to the lower right with 10 % in size on top of it within an hour."""

    def __init__(self, usual: Any) -> None:
        self._usual = usual

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._usual.at(seconds).copy()
        part = np.clip((seconds - _BEGIN_S) / _LASTING_S, 0.0, 1.0)
        found[:, :2] += 5.0 / np.sqrt(2.0) * part[:, np.newaxis]
        found[:, 2] -= np.log(1.1) * part
        return found


def test_an_hour_of_drift_is_one_alert_and_no_false_episode() -> None:
    settings = SimulationSettings(minutes=_MINUTES, stages=1, seed=5, faults=False, hz=_HZ, shapes=ShapeSet.PROOF)
    laser = LaserSimulator(settings, load_beam_shapes())
    camera = laser._camera(0, 0)
    camera._drift = _Moving(camera._drift)  # type: ignore[assignment]
    device = laser.devices(0)[0]
    stage = stage_factory(default_settings(), default_model())(device)
    alerts, odd, frames = [], 0, 0
    for minute in range(_MINUTES):
        source = SourceReference(file=f"{minute}.h5", sha256="ab" * 32)
        for block in laser.recording(0, minute, device).blocks(source, _HZ):
            output = stage.process(block)
            alerts += output.alerts
            odd += int(np.count_nonzero(output.scored.anomalous))
            frames += len(block.event_time_ns)
    assert [(event.change, event.alert.kind) for event in alerts] == [(AlertChange.OPENED, AlertKind.DRIFT)]
    assert odd <= 1e-3 * frames
