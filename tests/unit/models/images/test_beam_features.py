import numpy as np
import pytest
from numpy.typing import NDArray

from models.devices import RecordKind
from models.images.beam_features import FEATURE_COUNT, hot_spot_contrast, write_features
from models.records import IMAGE_SHAPE
from models.results import FEATURE_NAMES
from tests.unit.models.images.frames import X, Y, gaussian_beam

NAMES = FEATURE_NAMES[RecordKind.CAMERA][:FEATURE_COUNT]


def features_of(image: NDArray[np.float32], saturated: int = 0) -> dict[str, float]:
    wide = image.astype(np.float64)
    columns = np.stack([wide.sum(0), (wide * Y).sum(0), (wide * Y * Y).sum(0), wide.max(0)])
    features = np.empty(FEATURE_COUNT)
    write_features(image, columns, saturated, features)
    return dict(zip(NAMES, features.tolist(), strict=True))


def reference_features(image: NDArray[np.float32]) -> dict[str, float]:
    """ISO 11146-1, section 7, written plainly in float64."""
    wide = image.astype(np.float64)
    total = wide.sum()
    x, y = (wide * X).sum() / total, (wide * Y).sum() / total
    covariance = np.array(
        [
            [(wide * (X - x) ** 2).sum(), (wide * (X - x) * (Y - y)).sum()],
            [(wide * (X - x) * (Y - y)).sum(), (wide * (Y - y) ** 2).sum()],
        ]
    )
    values, vectors = np.linalg.eigh(covariance / total)
    angle = np.arctan2(vectors[1, 1], vectors[0, 1])
    angle = (angle + np.pi / 2) % np.pi - np.pi / 2
    minor, major = 4 * np.sqrt(np.maximum(values, 0))
    return {
        "pixel_sum_counts": total,
        "centroid_x_px": x,
        "centroid_y_px": y,
        "d4sigma_major_px": major,
        "d4sigma_minor_px": minor,
        "ellipticity": minor / major,
        "angle_rad": angle,
        "peak_counts": wide.max(),
    }


def reference_contrast(image: NDArray[np.float32]) -> float:
    wide = image.astype(np.float64)
    means = np.lib.stride_tricks.sliding_window_view(wide, (3, 3)).mean(axis=(2, 3))
    y, x = (int(place) + 1 for place in np.unravel_index(means.argmax(), means.shape))
    distance = np.maximum(np.abs(Y - y), np.abs(X - x))
    return float(1 - np.median(wide[distance == 4]) / means.max())


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "angle"),
    [(63, 50, 15, 10, 0.0), (63, 50, 10, 15, 0.3), (20.4, 80.1, 4, 2, -1.2), (120, 5, 9, 8, 1.5), (63, 50, 3, 3, 0)],
)
def test_features_equal_the_plain_double_precision_ones(
    x: float, y: float, width: float, height: float, angle: float
) -> None:
    rng = np.random.default_rng(0)
    beam = gaussian_beam(2500, x, y, width, height, angle) * rng.uniform(0.8, 1.2, IMAGE_SHAPE)
    image = np.where(beam > 20, beam, 0).astype(np.float32)
    found = features_of(image, saturated=13)
    for name, expected in reference_features(image).items():
        assert found[name] == pytest.approx(expected, rel=1e-6), name
    assert found["hot_spot_contrast"] == pytest.approx(reference_contrast(image), rel=1e-5, abs=1e-6)
    assert found["saturated_fraction"] == 13 / 13056


def test_d4sigma_of_a_gaussian_is_four_sigma_and_its_angle_the_beams() -> None:
    found = features_of(gaussian_beam(3000, 60, 50, 12, 6, 0.5).astype(np.float32))
    assert found["d4sigma_major_px"] == pytest.approx(48, rel=1e-3)
    assert found["d4sigma_minor_px"] == pytest.approx(24, rel=1e-3)
    assert found["ellipticity"] == pytest.approx(0.5, rel=1e-3)
    assert found["angle_rad"] == pytest.approx(0.5, abs=1e-3)


def test_an_empty_image_has_a_sum_of_zero_and_no_geometry() -> None:
    found = features_of(np.zeros(IMAGE_SHAPE, np.float32))
    zeros = {"pixel_sum_counts", "peak_counts", "saturated_fraction"}
    for name, value in found.items():
        assert value == 0 if name in zeros else np.isnan(value), name


def test_a_single_pixel_has_a_place_and_no_ellipticity() -> None:
    image = np.zeros(IMAGE_SHAPE, np.float32)
    image[7, 100] = 500
    found = features_of(image)
    assert (found["centroid_x_px"], found["centroid_y_px"], found["d4sigma_major_px"]) == (100, 7, 0)
    assert np.isnan(found["ellipticity"])


@pytest.mark.parametrize("place", [(50, 60), (1, 1), (100, 126), (0, 0)])
def test_a_hot_spot_raises_the_contrast_wherever_it_is(place: tuple[int, int]) -> None:
    plateau = np.full(IMAGE_SHAPE, 1000.0, np.float32)
    assert hot_spot_contrast(plateau) == pytest.approx(0, abs=1e-6)
    y, x = place
    plateau[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] *= 1.6
    assert hot_spot_contrast(plateau) > 0.2
