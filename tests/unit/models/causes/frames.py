"""Odd frames of a round Gaussian beam whose reconstruction is the beam without the fault."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.causes.odd_frame import OddFrame, UsualBeam
from models.images.beam_features import beam_vector
from models.images.cleaning import clean
from models.images.dark_profile import profile_from_sums

SIGMA = np.array([0.01, 0.3, 0.3, 0.004, 0.004, 0.004, 0.02, 0.02, 2e-4])
Y, X = np.mgrid[:102, :128].astype(np.float64)
CENTRE_X, CENTRE_Y, WIDTH, PEAK, PEDESTAL = 60.0, 50.0, 13.0, 2000.0, 50.0
_NOISE = np.random.default_rng(7).normal(0.0, 6.0, (102, 128))


def beam(x: float = CENTRE_X, y: float = CENTRE_Y, width_x: float = WIDTH, width_y: float = WIDTH) -> Any:
    """A beam without noise, counts."""
    return PEAK * np.exp(-0.5 * (((X - x) / width_x) ** 2 + ((Y - y) / width_y) ** 2))


def odd_frame(signal: NDArray[np.float64]) -> OddFrame:
    """The frame as the watch sees it."""
    cleaned, vector = _cleaned(signal)
    _, usual = _cleaned(beam())
    expected = beam().astype(np.float32)
    sigma = np.sqrt(36.0 + 0.02 * expected + (0.01 * expected) ** 2)
    return OddFrame(
        raw=_raw(signal),
        cleaned=cleaned,
        reconstruction=expected,
        residual_z=((cleaned - expected) / sigma).astype(np.float32),
        vector=vector,
        usual=UsualBeam(mean=usual, sigma=SIGMA),
    )


def with_vector(frame: OddFrame, place: int, value: float) -> OddFrame:
    """The same frame with another component of its vector."""
    vector = frame.vector.copy()
    vector[place] = value
    return replace(frame, vector=vector)


def _raw(signal: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.clip(np.rint(signal + PEDESTAL + _NOISE), 0, 4092).astype(np.uint16)


def _cleaned(signal: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    dark = np.random.default_rng(3).normal(PEDESTAL, 6.0, (64, 102, 128)).round().astype(np.int64)
    profile = profile_from_sums(dark.sum(0), (dark * dark).sum(0), len(dark), 1e-6)
    out = np.empty((1, 102, 128), np.float32)
    features = clean(_raw(signal)[np.newaxis], profile, out).features
    return out[0], beam_vector(features)[0]
