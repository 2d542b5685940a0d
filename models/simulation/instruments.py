"""A stage's energy, and what its meter and its spectrometer make of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.fault_kinds import FaultKind
from models.simulation.faults import FaultLabel
from models.simulation.kernels import NORMAL_TABLE, render_spectra
from models.simulation.random_streams import Purpose, noise_key, random_stream
from models.simulation.settings import PULSE_ENERGY_J, SimulationSettings
from models.simulation.slow_drift import SlowDrift, correlated_jitter

#: Samples of a spectrum (the reference, section 2.1).
SPECTRUM_SAMPLES = 2047

_ENERGY_JITTER = 0.01
_READING_NOISE = 0.002
_FEATURES = 4
_SPECTRUM_NOISE = 0.004


class SimulatedStage:
    """The pulse energy of one stage, its two readings, and its spectrum, of any minute."""

    def __init__(self, settings: SimulationSettings, amp: str, number: int) -> None:
        self._settings = settings
        self._number = number
        draw = random_stream(settings.seed, Purpose.STAGE, number)
        self.nominal_energy_j = PULSE_ENERGY_J[amp] * draw.uniform(0.95, 1.1)
        self._drift = SlowDrift.drawn(draw, np.array([0.01, 4.0, 0.004]))  # energy, centre (samples), width
        self._calibration = 1 + draw.normal(0, 0.003, 2)
        self._centre = draw.uniform(900, 1150)
        self._half_width = draw.uniform(230, 330)
        self._height = draw.uniform(8e3, 3e4)
        places = np.linspace(-0.75, 0.75, _FEATURES) + draw.uniform(-0.1, 0.1, _FEATURES)
        self._features = np.stack([places, draw.uniform(0.04, 0.15, _FEATURES)], 1)
        self._strengths = draw.uniform(-0.25, 0.25, _FEATURES)

    def relative_energy(self, minute: int, faults: Sequence[FaultLabel] = ()) -> NDArray[np.float64]:
        """Each shot's energy over the nominal one, (n,): zero in minute 0, about 1 % rms jitter and slow drift."""
        seconds = self._seconds(minute)
        if minute == 0:
            return np.zeros(len(seconds))
        draw = random_stream(self._settings.seed, Purpose.STAGE_MINUTE, self._number, minute)
        energy = 1 + self._drift.at(seconds)[:, 0] + _ENERGY_JITTER * draw.standard_normal(len(seconds))
        for fault in faults:
            if fault.kind is FaultKind.ENERGY_DROP:
                energy[self._during(fault, minute)] *= 1 - fault.magnitude
        return energy

    def readings_j(
        self, minute: int, relative_energy: NDArray[np.float64], faults: Sequence[FaultLabel] = ()
    ) -> NDArray[np.float64]:
        """Both readings of the meter, (n, 2), joules; exactly 0.0 without beam."""
        draw = random_stream(self._settings.seed, Purpose.STAGE_MINUTE, self._number + (1 << 16), minute)
        noise = 1 + _READING_NOISE * draw.standard_normal((len(relative_energy), 2))
        readings: NDArray[np.float64] = self.nominal_energy_j * relative_energy[:, None] * self._calibration * noise
        for fault in faults:
            if fault.kind is FaultKind.ENERGY_SPIKE:
                readings[self._during(fault, minute)] *= 1 + fault.magnitude
        return readings

    def spectra(
        self, minute: int, relative_energy: NDArray[np.float64], faults: Sequence[FaultLabel] = ()
    ) -> NDArray[np.float64]:
        """Spectra, (n, 2047), arbitrary units >= 0; all zero without beam."""
        draw = random_stream(self._settings.seed, Purpose.STAGE_MINUTE, self._number + (2 << 16), minute)
        count = len(relative_energy)
        jitter = correlated_jitter(draw, count, np.array([1.5, 0.004, *[0.01] * _FEATURES]))
        drift = self._drift.at(self._seconds(minute))
        shots = np.empty((count, 3))
        shots[:, 0] = self._centre + drift[:, 1] + jitter[:, 0]
        shots[:, 1] = self._half_width * (1 + drift[:, 2] + jitter[:, 1])
        for fault in faults:
            if fault.kind is FaultKind.BANDWIDTH_DROP:
                shots[self._during(fault, minute), 1] *= 1 - fault.magnitude
        shots[:, 2] = self._height * relative_energy * self._half_width / shots[:, 1]  # the energy stays
        spectra = np.empty((count, SPECTRUM_SAMPLES))
        key = noise_key(self._settings.seed, Purpose.SPECTRUM_NOISE, self._number, minute)
        strengths = self._strengths + jitter[:, 2:]
        render_spectra(shots, self._features, strengths, _SPECTRUM_NOISE, NORMAL_TABLE, key, spectra)
        return spectra

    def _seconds(self, minute: int) -> NDArray[np.float64]:
        numbers = self._settings.shots_of_minute(minute)
        return np.arange(numbers.start, numbers.stop) / self._settings.hz

    def _during(self, fault: FaultLabel, minute: int) -> slice:
        start = self._settings.shots_of_minute(minute).start
        return slice(max(fault.first_shot - start, 0), max(fault.first_shot + fault.shots - start, 0))
