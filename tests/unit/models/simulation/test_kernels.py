import numpy as np
from scipy import ndimage, stats

from models.simulation.kernels import NORMAL_TABLE, SHOT_COLUMNS, expose, render, render_spectra


def exposed(light: float, read_noise: float, frames: int, key: int = 5, first: int = 0) -> np.ndarray:
    pixels = 4096
    counts = np.empty((frames, pixels), np.uint16)
    flat = np.ones(pixels, np.float32)
    signal = np.full((frames, pixels), light, np.float32)
    expose(signal, flat * 1000, flat, flat * read_noise**2, 0.35, 4092, NORMAL_TABLE, np.uint64(key), first, counts)
    return counts


def test_dark_noise_is_normal_far_into_the_tail() -> None:
    noise = (exposed(0.0, 20.0, 1000).astype(float) - 1000) / 20

    assert abs(noise.mean()) < 0.003
    assert abs(noise.std() - 1) < 0.003
    for sigma in (2.0, 3.0, 4.0, 4.6):
        expected = 2 * stats.norm.sf(sigma) * noise.size
        found = np.count_nonzero(np.abs(noise) >= sigma)
        # Rounding to whole counts moves the edge by up to 0.025 sigma.
        assert 0.8 * expected - 10 < found < 1.3 * expected + 10


def test_shot_noise_grows_with_the_square_root_of_the_light() -> None:
    frames = exposed(2000.0, 3.0, 200).astype(float)

    assert abs(frames.mean() - 3000) < 0.3
    assert abs(frames.std() - np.sqrt(9 + 0.35 * 2000)) < 0.2


def test_pixels_and_frames_have_independent_noise() -> None:
    noise = exposed(0.0, 20.0, 300).astype(float)

    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(noise.ravel(), exposed(0.0, 20.0, 300, key=6).astype(float).ravel())[0, 1]) < 0.01


def test_counts_end_at_full_scale() -> None:
    assert exposed(9000.0, 3.0, 2).min() == 4092


def test_any_frame_can_be_exposed_alone() -> None:
    np.testing.assert_array_equal(exposed(500.0, 3.0, 8)[5:], exposed(500.0, 3.0, 3, first=5))


def test_rendering_equals_interpolation_of_the_shape() -> None:
    draw = np.random.default_rng(0)
    shape = ndimage.gaussian_filter(draw.random((204, 256)), 6).astype(np.float32)
    shape[:8], shape[-8:], shape[:, :8], shape[:, -8:] = 0, 0, 0, 0
    centre = np.array([63.0, 50.0], np.float32)
    shots = np.zeros((1, SHOT_COLUMNS), np.float32)
    shots[0] = [1.3, -0.7, 1.02, 0.05, -0.04, 0.97, 0.1, -0.2, 0.05, 0.1, 1000.0]
    screens = draw.normal(0, 1, (2, 358, 384)).astype(np.float32)
    offset = np.array([[[3, 250], [100, 7]]])
    strength = np.array([[0.02, -0.01]], np.float32)
    signal = np.empty((1, 102, 128), np.float32)

    render(shape, centre, shots, screens, offset, strength, signal)

    dx, dy, m00, m01, m10, m11, c0, c1, c2, c3, brightness = shots[0].astype(float)
    y, x = np.mgrid[0:102, 0:128].astype(float)
    qx, qy = x - 63.0 - dx, y - 50.0 - dy
    u, v = qx / 25, qy / 25
    source_x = 63.0 + m00 * qx + m01 * qy + 3 * c0 * u * u + 2 * c1 * u * v + c2 * v * v
    source_y = 50.0 + m10 * qx + m11 * qy + c1 * u * u + 2 * c2 * u * v + 3 * c3 * v * v
    expected = brightness * ndimage.map_coordinates(
        shape.astype(float), [2 * source_y + 0.5, 2 * source_x + 0.5], order=1, mode="nearest"
    )
    plain = expected.sum()
    for screen, (row, column), power in zip(screens, offset[0], strength[0], strict=True):
        lens = float(power) * screen[row : row + 102, column : column + 128]
        expected *= 1 + lens + 0.5 * lens * lens
    expected *= plain / expected.sum()
    np.testing.assert_allclose(signal[0], expected, atol=0.1)


def test_spectra_are_bands_above_zero_and_dark_ones_are_zero() -> None:
    shots = np.array([[1000.0, 300.0, 1e4], [1000.0, 300.0, 0.0]])
    spectra = np.empty((2, 2047))
    features = np.array([[0.0, 0.1]])

    render_spectra(shots, features, np.zeros((2, 1)), 0.004, NORMAL_TABLE, np.uint64(1), spectra)

    assert spectra[1].sum() == 0
    assert spectra[0].min() >= 0
    above = np.flatnonzero(spectra[0] > 0.5e4)
    assert abs((above[-1] - above[0]) - 600) < 12
    assert abs((above[-1] + above[0]) / 2 - 1000) < 6
