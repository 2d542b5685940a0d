"""What faults do to a beam on its way to the sensor, and to the frames behind it."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtri

from models.fault_kinds import FaultKind
from models.simulation.beam_shape import BeamShape

Signal = NDArray[np.float32]


def alter_geometry(kind: FaultKind, magnitude: float, draw: Generator, shots: NDArray[np.float32]) -> None:
    """Change the columns of ``kernels.render``'s ``shots``, in place: displaced, stretched, brighter or gone."""
    angle = draw.uniform(0, 2 * np.pi)
    if kind is FaultKind.POINTING_JUMP:
        shots[:, 0] += magnitude * np.cos(angle)
        shots[:, 1] += magnitude * np.sin(angle)
    elif kind is FaultKind.ASTIGMATISM:
        cosine, sine = np.cos(angle), np.sin(angle)
        axes = np.array([[cosine, -sine], [sine, cosine]])
        stretch = axes @ np.diag([1 / (1 + magnitude), 1 + magnitude]) @ axes.T
        shots[:, 2:6] = (shots[:, 2:6].reshape(-1, 2, 2) @ stretch).reshape(-1, 4)
    elif kind is FaultKind.SATURATION:
        shots[:, 10] *= magnitude
    elif kind is FaultKind.MISSING_BEAM:
        shots[:, 10] = 0


def alter_signal(kind: FaultKind, magnitude: float, draw: Generator, beam: BeamShape, signal: Signal) -> None:
    """Change noiseless frames (n, 102, 128), in place; the same place, direction and phase on all of them."""
    rows, columns = signal.shape[1:]
    angle = draw.uniform(0, 2 * np.pi)
    distance = beam.radius_px * 0.75 * np.sqrt(draw.random())
    place = beam.centre + distance * np.array([np.cos(angle), np.sin(angle)])
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    from_place = np.hypot(x - place[0], y - place[1])
    direction = draw.uniform(0, 2 * np.pi)
    along = (x - beam.centre[0]) * np.cos(direction) + (y - beam.centre[1]) * np.sin(direction)
    phase = draw.uniform(0, 2 * np.pi)
    if kind is FaultKind.HOT_SPOT:
        spot = np.exp(-0.5 * (from_place / draw.uniform(1.5, 3.0)) ** 2)
        signal += (magnitude * signal.max((1, 2), keepdims=True) * spot).astype(np.float32)
    elif kind is FaultKind.DARK_SPOT:
        spot = np.exp(-0.5 * (from_place / draw.uniform(2.0, 4.0)) ** 2)
        signal *= (1 - magnitude * spot).astype(np.float32)
    elif kind is FaultKind.CLIPPED:
        # A Gaussian beam loses the part beyond this many standard deviations; the edge is a pixel soft.
        edge = -ndtri(magnitude) * beam.radius_px / 2
        signal *= (0.5 - 0.5 * np.tanh((along - edge) / 1.0)).astype(np.float32)
    elif kind is FaultKind.DOUBLE_BEAM:
        step = beam.radius_px * draw.uniform(0.6, 1.2)
        shift = (0, step * np.sin(direction), step * np.cos(direction))
        signal += np.float32(magnitude) * ndimage.shift(signal, shift, order=1)
    elif kind is FaultKind.FRINGES:
        signal *= (1 + magnitude * np.cos(2 * np.pi * along / draw.uniform(4, 10) + phase)).astype(np.float32)
    elif kind is FaultKind.RINGS:
        fading = np.exp(-0.5 * (from_place / draw.uniform(9, 15)) ** 2)
        waves = np.cos(2 * np.pi * from_place / draw.uniform(5, 8) + phase)
        signal *= (1 + magnitude * fading * waves).astype(np.float32)


def displace_rows(magnitude: float, draw: Generator, beam: BeamShape, counts: NDArray[np.uint16]) -> None:
    """Shift a band of rows through the beam sideways by whole pixels, in place: a readout that lost its clock."""
    height = int(draw.integers(8, 25))
    first = int(beam.centre[1] + draw.uniform(-0.7, 0.7) * beam.radius_px - height / 2)
    band = slice(max(first, 0), max(first, 0) + height)
    side = 1 if draw.random() < 0.5 else -1
    counts[:, band] = np.roll(counts[:, band], side * round(magnitude), axis=2)
