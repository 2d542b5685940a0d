"""A beam that is led away, slowly and once, on top of its usual wandering."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulation.camera import SimulatedCamera
from models.simulation.settings import SimulationSettings
from models.simulation.slow_drift import SlowDrift


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """How far a beam goes, and when; evenly, to the lower right.

    Attributes
    ----------
    begin_s, lasting_s
        Seconds since the start of the run.
    distance_px, growth
        Where it is at the end: pixels, and the part by which it is larger.
    """

    begin_s: float
    lasting_s: float = 3600.0
    distance_px: float = 5.0
    growth: float = 0.1


@dataclass(frozen=True, slots=True)
class _LeadingAway(SlowDrift):
    departure: Departure

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """The usual wandering and the departure."""
        found: NDArray[np.float64] = SlowDrift.at(self, seconds).copy()
        part = np.clip((seconds - self.departure.begin_s) / self.departure.lasting_s, 0.0, 1.0)
        found[:, :2] += self.departure.distance_px / np.sqrt(2.0) * part[:, np.newaxis]
        found[:, 2] -= np.log1p(self.departure.growth) * part
        return found


class DepartingCamera(SimulatedCamera):
    """A simulated camera (see there) whose beam is led away."""

    def __init__(
        self,
        settings: SimulationSettings,
        number: int,
        photograph: NDArray[np.uint16],
        screens: NDArray[np.float32],
        departure: Departure,
    ) -> None:
        super().__init__(settings, number, photograph, screens)
        usual = self._drift
        self._drift = _LeadingAway(usual.amplitude, usual.angular, usual.phase, departure)
