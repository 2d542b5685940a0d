import numpy as np
import pytest

from models.images.border import HISTOGRAM_BINS, border_level, is_dark
from models.records import IMAGE_SHAPE
from tests.unit.models.images.frames import FrameSource, gaussian_beam

NO_PEDESTAL = np.zeros(IMAGE_SHAPE, np.float32)
NO_DEFECTS = np.zeros(IMAGE_SHAPE, np.bool_)


def level_of(image: np.ndarray) -> tuple[float, float]:
    return border_level(image, NO_PEDESTAL, np.empty(HISTOGRAM_BINS, np.int32))


def dark(image: np.ndarray) -> bool:
    return bool(is_dark(image, NO_PEDESTAL, NO_DEFECTS, np.empty(HISTOGRAM_BINS, np.int32)))


@pytest.mark.parametrize("noise", [0.2, 1.0, 4.0, 20.0])
def test_level_and_noise_of_a_beam_image_come_from_its_border(noise: float) -> None:
    source = FrameSource(seed=1, noise=noise)
    image = source.frames(1, gaussian_beam(2500))[0]
    level, sigma = level_of(image)
    assert level == pytest.approx(60.0, abs=0.15 * np.hypot(noise, 1))
    assert sigma == pytest.approx(np.sqrt(noise**2 + 1 + 1 / 12), rel=0.1)


def test_hot_pixels_and_a_beam_over_one_side_do_not_move_the_level() -> None:
    source = FrameSource(seed=2)
    source.pedestal[0, ::8] += 2000
    image = source.frames(1, gaussian_beam(2500, x=5, y=50, width=6, height=6))[0]
    level, sigma = level_of(image)
    assert level == pytest.approx(60.0, abs=1.5)
    assert sigma == pytest.approx(4.2, rel=0.3)


def test_a_clamped_black_level_is_dark() -> None:
    assert dark(FrameSource(seed=3, level=0.0, noise=3.0).frames(1)[0])
    assert dark(np.zeros(IMAGE_SHAPE, np.uint16))


def test_every_frame_without_beam_is_dark_also_with_hot_pixels() -> None:
    source = FrameSource(seed=4)
    source.pedestal.ravel()[source.rng.choice(13056, 30, replace=False)] += 2500
    assert all(dark(image) for image in source.frames(100))


@pytest.mark.parametrize(
    ("peak", "width"),
    [(2500, 15), (40, 15), (12, 20), (1500, 1.5), (3900, 30)],
    ids=["usual", "faint", "three sigma", "focal spot", "wide"],
)
def test_every_real_beam_is_seen(peak: float, width: float) -> None:
    images = FrameSource(seed=5).frames(50, gaussian_beam(peak, width=width, height=width))
    assert not any(dark(image) for image in images)


def test_saturated_and_uniformly_bright_frames_are_not_dark() -> None:
    assert not dark(np.full(IMAGE_SHAPE, 4092, np.uint16))
    assert not dark(FrameSource(seed=6, level=1500.0).frames(1)[0])


def test_a_known_pedestal_hides_its_own_pattern() -> None:
    source = FrameSource(seed=7)
    source.pedestal += gaussian_beam(60)  # amplifier glow: looks like a faint beam
    image = source.frames(1)[0]
    assert not dark(image)
    assert is_dark(image, source.pedestal.astype(np.float32), NO_DEFECTS, np.empty(HISTOGRAM_BINS, np.int32))
