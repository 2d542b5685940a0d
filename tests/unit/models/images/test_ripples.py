"""The power of ripples is that of a plain Fourier transform, band by band."""

import numpy as np
from numpy.typing import NDArray

from models.images.ripples import RIPPLE_BANDS, ripple_vectors
from models.records import IMAGE_SHAPE

_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE)
MEAN = np.random.default_rng(1).uniform(0.0, 5.0, IMAGE_SHAPE).astype(np.float32)
INVERSE = np.random.default_rng(2).uniform(0.5, 2.0, IMAGE_SHAPE).astype(np.float32)


def noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(0.0, 1.0, (count, *IMAGE_SHAPE)).astype(np.float32)


def vectors(residual: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of frames whose residual, in sigmas, is this."""
    reconstruction = np.full_like(residual, 7.0)
    return ripple_vectors(residual / INVERSE + MEAN + reconstruction, reconstruction, MEAN, INVERSE)


def plain(residual: NDArray[np.float32]) -> NDArray[np.float64]:
    binned = residual.astype(np.float64).reshape(-1, 51, 2, 64, 2).mean(axis=(2, 4))
    power = np.abs(np.fft.fft2(binned)) ** 2
    y, x = np.fft.fftfreq(51, 2.0)[:, np.newaxis], np.fft.fftfreq(64, 2.0)
    period = np.digitize(np.hypot(x, y), (0.06, 0.10, 0.13, 0.17, 0.21, 0.25)) - 1
    direction = np.minimum((np.arctan2(y, x) % np.pi / np.pi * 6).astype(int), 5)
    once = (x > 0) | ((x == 0) & (y > 0))  # a wave and its opposite are one
    bands = [(once & (period == band // 6) & (direction == band % 6)) for band in range(RIPPLE_BANDS)]
    return np.stack([np.log(power[:, band].sum(axis=1) + 1.0) for band in bands], axis=1)


def test_the_bands_hold_what_a_fourier_transform_says() -> None:
    frames = noise(3)
    np.testing.assert_allclose(vectors(frames), plain(frames), atol=1e-3)


def test_fringes_that_no_pixel_shows_stand_out_in_the_band_of_their_period_and_direction() -> None:
    frames = noise(40)
    frames[-1] += (0.3 * np.cos(2.0 * np.pi * (_COLUMNS * np.cos(0.8) + _ROWS * np.sin(0.8)) / 6.6)).astype(np.float32)
    found = vectors(frames)
    above = (found[-1] - found[:-1].mean(axis=0)) / found[:-1].std(axis=0)
    assert above.max() > 8.0
    assert int(np.argmax(above)) == 2 * 6 + 1  # between 0.13 and 0.17 per pixel, at 30 to 60 degrees
    assert np.abs(frames[-1]).max() < 1.2 * np.abs(frames[:-1]).max()


def test_a_frame_that_is_not_finite_spoils_no_other() -> None:
    frames = noise(3)
    spoiled = frames.copy()
    spoiled[1, 50, 60] = np.nan
    found = vectors(spoiled)
    assert not np.isfinite(found[1]).any()
    np.testing.assert_array_equal(found[[0, 2]], vectors(frames)[[0, 2]])
