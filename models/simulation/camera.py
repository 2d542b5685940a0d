"""One camera: its own beam, dark profile and noise, and the frames of any minute."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.fault_kinds import FaultKind
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.simulation.beam_shape import camera_view
from models.simulation.faults import FaultLabel
from models.simulation.image_faults import alter_geometry, alter_signal, displace_rows
from models.simulation.kernels import NORMAL_TABLE, SHOT_COLUMNS, expose, render
from models.simulation.random_streams import Purpose, noise_key, random_stream
from models.simulation.settings import SimulationSettings
from models.simulation.slow_drift import SlowDrift, correlated_jitter

_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
_COUNTS_PER_ELECTRON = 0.35
_FRAMES_AT_ONCE = 32

# Standard deviations: x, y (px), size, ellipticity, angle (rad), brightness.
_DRIFT = np.array([0.7, 0.7, 0.01, 0.006, 0.01, 0.02])
# x, y (px), size, ellipticity, angle, four cubic terms (px at 25 px), brightness, strength of three screens.
_JITTER = np.array([0.3, 0.3, 0.004, 0.003, 0.004, 0.05, 0.05, 0.05, 0.05, 0.003, 0.012, 0.012, 0.012])


class SimulatedCamera:
    """A camera behind a stage; its frames depend on nothing but the seed, its number, the minute and the energy.

    Parameters
    ----------
    settings
        What is simulated.
    number
        Tells the cameras of a run apart.
    photograph
        uint16, (102, 128): the shape of its beam.
    screens
        ``beam_shape.phase_screens``.
    """

    def __init__(
        self,
        settings: SimulationSettings,
        number: int,
        photograph: NDArray[np.uint16],
        screens: NDArray[np.float32],
    ) -> None:
        self._settings = settings
        self._number = number
        self._screens = screens
        draw = random_stream(settings.seed, Purpose.CAMERA, number)
        self.beam = camera_view(photograph, draw)
        self._drift = SlowDrift.drawn(draw, _DRIFT)
        self._wind = draw.normal(0, 25.0, (len(screens), 2))  # pixels of a screen per second
        self._wind_start = draw.uniform(0, 256, (len(screens), 2))
        self._vibration_hz = draw.uniform(0.5, 4.5)
        self._vibration_px = draw.normal(0, 0.15, 2)
        pedestal = draw.uniform(30, 70)
        self._peak_counts = draw.uniform(0.60, 0.80) * FULL_SCALE_COUNTS - pedestal
        self._pedestal = (pedestal + draw.normal(0, 1.0, _PIXELS)).astype(np.float32)
        self._gain = (1 + draw.normal(0, 0.004, _PIXELS)).astype(np.float32)
        read_noise = np.full(_PIXELS, draw.uniform(2.0, 4.0))
        odd = draw.choice(_PIXELS, 12, replace=False)
        hot, dead = odd[:8], odd[8:]
        self._pedestal[hot] += draw.uniform(100, 800, len(hot)).astype(np.float32)
        read_noise[hot] *= draw.uniform(2, 8, len(hot))
        self._gain[dead] = 0
        self._read_variance = (read_noise**2).astype(np.float32)

    def images(
        self, minute: int, relative_energy: NDArray[np.float64], faults: Sequence[FaultLabel] = ()
    ) -> NDArray[np.uint16]:
        """The frames of a minute: uint16, (n, 102, 128), counts.

        Parameters
        ----------
        relative_energy
            (n,): each shot's energy over the stage's nominal one; 0 where there is no beam.
        faults
            Those of this camera; faults of other minutes do nothing. Stuck frames are the laser's business, since
            the frame before may lie in the minute before.
        """
        first_shot = self._settings.shots_of_minute(minute).start
        shots, offsets, strengths = self._shots(minute, relative_energy)
        count = len(shots)
        here = [(fault, *_overlap(fault, first_shot, count)) for fault in faults]
        here = [entry for entry in here if entry[1] < entry[2]]
        for fault, begin, end in here:
            alter_geometry(fault.kind, fault.magnitude, fault.randomness(self._settings.seed), shots[begin:end])
        counts = np.empty((count, _PIXELS), np.uint16)
        key = noise_key(self._settings.seed, Purpose.PIXELS, self._number, minute)
        scratch = np.empty((_FRAMES_AT_ONCE, *IMAGE_SHAPE), np.float32)
        for start in range(0, count, _FRAMES_AT_ONCE):
            stop = min(start + _FRAMES_AT_ONCE, count)
            signal = scratch[: stop - start]
            part = slice(start, stop)
            render(
                self.beam.profile, self.beam.centre, shots[part], self._screens, offsets[part], strengths[part], signal
            )
            for fault, begin, end in here:
                window = signal[max(begin - start, 0) : max(min(end, stop) - start, 0)]
                if len(window):
                    draw = fault.randomness(self._settings.seed)
                    alter_signal(fault.kind, fault.magnitude, draw, self.beam, window)
            expose(
                signal.reshape(len(signal), _PIXELS),
                self._pedestal,
                self._gain,
                self._read_variance,
                _COUNTS_PER_ELECTRON,
                FULL_SCALE_COUNTS,
                NORMAL_TABLE,
                key,
                start,
                counts[part],
            )
        images = counts.reshape(count, *IMAGE_SHAPE)
        for fault, begin, end in here:
            if fault.kind is FaultKind.ROW_SHIFT:
                displace_rows(fault.magnitude, fault.randomness(self._settings.seed), self.beam, images[begin:end])
        return images

    def _shots(
        self, minute: int, relative_energy: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
        """The kernel's parameters of each shot: drift, vibration and jitter."""
        numbers = self._settings.shots_of_minute(minute)
        seconds = np.arange(numbers.start, numbers.stop) / self._settings.hz
        draw = random_stream(self._settings.seed, Purpose.CAMERA_MINUTE, self._number, minute)
        jitter = correlated_jitter(draw, len(seconds), _JITTER)
        drift = self._drift.at(seconds)
        wave = np.sin(2 * np.pi * self._vibration_hz * seconds)[:, None]
        shots = np.empty((len(seconds), SHOT_COLUMNS), np.float32)
        shots[:, 0:2] = drift[:, 0:2] + jitter[:, 0:2] + wave * self._vibration_px
        size, ellipticity, angle = (drift[:, 2:5] + jitter[:, 2:5]).T
        cosine, sine = np.cos(angle), np.sin(angle)
        shrink_x, shrink_y = np.exp(-size - ellipticity), np.exp(-size + ellipticity)
        shots[:, 2], shots[:, 3] = cosine * shrink_x, sine * shrink_x
        shots[:, 4], shots[:, 5] = -sine * shrink_y, cosine * shrink_y
        shots[:, 6:10] = jitter[:, 5:9]
        brightness = (1 + drift[:, 5] + jitter[:, 9]) * np.exp(-2 * size)  # a wider beam is dimmer
        shots[:, 10] = self._peak_counts * relative_energy * brightness
        travelled = self._wind_start + seconds[:, None, None] * self._wind
        offsets = np.floor(travelled).astype(np.int64) % 256
        return shots, offsets, jitter[:, 10:13].astype(np.float32)


def _overlap(fault: FaultLabel, first_shot: int, count: int) -> tuple[int, int]:
    """Where a fault lies among ``count`` shots from ``first_shot``: begin and end, which is not after an empty one."""
    begin = max(fault.first_shot - first_shot, 0)
    return begin, min(fault.first_shot + fault.shots - first_shot, count)
