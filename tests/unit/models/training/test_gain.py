"""A gain counts when it is more than chance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.training.gain import compare, frame_errors


class Dimmer:
    """A network that gives a part of the image back."""

    name = "dimmer"

    def __init__(self, part: float) -> None:
        self._part = np.float32(part)

    def run(
        self, images: NDArray[np.float32], reconstruction: NDArray[np.float32], latent: NDArray[np.float32]
    ) -> None:
        reconstruction[:] = images * self._part


def test_the_error_is_relative_to_the_frame() -> None:
    images = [np.full(IMAGE_SHAPE, counts, np.float32) for counts in (500.0, 1000.0, 2000.0)] * 40
    errors = frame_errors(images, Dimmer(0.9))
    dim = 0.001 * FULL_SCALE_COUNTS
    assert errors[:3] == pytest.approx([50 / (500 + dim), 100 / (1000 + dim), 200 / (2000 + dim)], rel=1e-5)
    assert errors[117:] == pytest.approx(errors[:3])
    assert frame_errors([], Dimmer(0.9)).shape == (0,)


def noisy(mean: float, seed: int) -> NDArray[np.float64]:
    return mean + 0.01 * np.random.default_rng(seed).standard_normal(200)


def test_chance_is_no_gain() -> None:
    won = [compare([noisy(0.1, 2 * seed)], [noisy(0.1, 2 * seed + 1)]).is_real for seed in range(200)]
    assert sum(won) <= 4


def test_a_real_gain_is_found_and_a_loss_is_none() -> None:
    gain = compare([noisy(0.1, 1), noisy(0.2, 2)], [noisy(0.09, 3), noisy(0.18, 4)])
    assert gain.before == pytest.approx(0.15, abs=0.002)
    assert gain.after == pytest.approx(0.135, abs=0.002)
    assert gain.is_real
    assert not compare([noisy(0.09, 1)], [noisy(0.1, 2)]).is_real


def test_a_certain_gain_of_next_to_nothing_is_none() -> None:
    assert not compare([noisy(0.1, 1)], [noisy(0.1, 1) - 0.0005]).is_real
    assert compare([noisy(0.1, 1)], [noisy(0.1, 1) - 0.0015]).is_real


def test_slow_changes_count_as_noise() -> None:
    """A difference that swings slowly has a mean by chance, though single frames look certain."""
    swing = 0.01 * np.sin(np.linspace(0, 1.5 * np.pi, 200))
    assert not compare([0.1 + swing], [np.full(200, 0.1)]).is_real


def test_few_frames_prove_nothing() -> None:
    gain = compare([np.array([0.5, 0.5, 0.5])], [np.array([0.1, 0.1, 0.1])])
    assert gain.standard_error == float("inf")
    assert not gain.is_real
    assert not compare([], []).is_real
