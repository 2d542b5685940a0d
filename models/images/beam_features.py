"""What a beam image says in ten numbers: sum, place, size, shape, peak (ISO 11146-1 and -2).

The moments are taken over the whole cleaned image: its thresholded background takes the place of the standard's
iterated integration area. x counts columns to the right, y rows downwards, both from the centre of the first pixel.
"""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.devices import RecordKind
from models.records import IMAGE_SHAPE
from models.results import FEATURE_NAMES

#: How many of the camera's features come from the image alone.
FEATURE_COUNT = FEATURE_NAMES[RecordKind.CAMERA].index("saturated_fraction") + 1

_HEIGHT, _WIDTH = IMAGE_SHAPE
_PIXELS = _HEIGHT * _WIDTH
# The neighbourhood of a hot spot: the square ring of pixels at this distance from its centre (32 of them).
_RING_RADIUS = 4


@kernel()
def write_features(
    image: NDArray[np.float32], columns: NDArray[np.float64], saturated: int, features: NDArray[np.float64]
) -> None:
    """Write the ten features of one cleaned image.

    Parameters
    ----------
    image
        float32, shape (102, 128), counts above the pedestal, >= 0, finite.
    columns
        float64, shape (4, 128): per column the sum of the values, of value times y, of value times y squared, and the
        largest value.
    saturated
        How many pixels are saturated.
    features
        float64, shape (10,): sum and peak in counts, centroid in pixels, D4sigma diameters along the principal axes in
        pixels, minor by major, angle of the major axis to the x axis in (-pi/2, pi/2], hot-spot contrast in [0, 1]
        (``hot_spot_contrast``), saturated pixels by all. An empty image gives NaN for place, shape and contrast, a
        beam of one pixel NaN for the ellipticity.
    """
    features[:] = np.nan
    total = peak = sum_x = sum_y = 0.0
    for x in range(_WIDTH):
        total += columns[0, x]
        sum_x += columns[0, x] * x
        sum_y += columns[1, x]
        peak = max(peak, columns[3, x])
    features[0], features[7], features[9] = total, peak, saturated / _PIXELS
    if total <= 0.0:
        return
    centre_x, centre_y = sum_x / total, sum_y / total
    xx = yy = xy = 0.0
    for x in range(_WIDTH):
        distance = x - centre_x
        xx += columns[0, x] * distance * distance
        xy += distance * (columns[1, x] - columns[0, x] * centre_y)
        yy += columns[2, x] - 2.0 * centre_y * columns[1, x] + centre_y * centre_y * columns[0, x]
    features[1], features[2] = centre_x, centre_y
    _write_ellipse(xx / total, max(yy / total, 0.0), xy / total, features)
    features[8] = hot_spot_contrast(image)


@kernel()
def _write_ellipse(xx: float, yy: float, xy: float, features: NDArray[np.float64]) -> None:
    """D4sigma of the principal axes and the azimuth angle (ISO 11146-1, equations 15 to 23)."""
    split = np.hypot(xx - yy, 2.0 * xy)
    major = 2.0 * np.sqrt(2.0) * np.sqrt(xx + yy + split)
    minor = 2.0 * np.sqrt(2.0) * np.sqrt(max(xx + yy - split, 0.0))
    features[3], features[4] = major, minor
    if major > 0.0:
        features[5] = minor / major
    features[6] = 0.5 * np.arctan2(2.0 * xy, xx - yy)


@kernel()
def hot_spot_contrast(image: NDArray[np.float32]) -> float:
    """How far the brightest 3 x 3 pixels stand out of their neighbourhood: 1 - median of the ring / their mean.

    The ring are the pixels at distance 4 (the larger of both axes) from the brightest spot's centre, inside the image.
    0 on a plateau (or less in a hole's rim), 1 for a lone spot; NaN for an empty image.
    """
    best = np.zeros(_WIDTH, np.float32)
    best_row = np.zeros(_WIDTH, np.int32)
    tall = np.empty(_WIDTH, np.float32)
    for y in range(1, _HEIGHT - 1):
        for x in range(_WIDTH):
            tall[x] = image[y - 1, x] + image[y, x] + image[y + 1, x]
        for x in range(1, _WIDTH - 1):
            value = tall[x - 1] + tall[x] + tall[x + 1]
            larger = value > best[x]
            best[x] = value if larger else best[x]
            best_row[x] = y if larger else best_row[x]
    centre_x = 0
    for x in range(1, _WIDTH - 1):
        if best[x] > best[centre_x]:
            centre_x = x
    if best[centre_x] <= 0.0:
        return np.nan
    return 1.0 - _ring_median(image, best_row[centre_x], centre_x) / (float(best[centre_x]) / 9.0)


@kernel()
def _ring_median(image: NDArray[np.float32], centre_y: int, centre_x: int) -> float:
    values = np.empty(8 * _RING_RADIUS)
    count = 0
    for dy in range(-_RING_RADIUS, _RING_RADIUS + 1):
        step = 1 if abs(dy) == _RING_RADIUS else 2 * _RING_RADIUS
        for dx in range(-_RING_RADIUS, _RING_RADIUS + 1, step):
            y, x = centre_y + dy, centre_x + dx
            if 0 <= y < _HEIGHT and 0 <= x < _WIDTH:
                place = count
                while place > 0 and values[place - 1] > image[y, x]:
                    values[place] = values[place - 1]
                    place -= 1
                values[place] = image[y, x]
                count += 1
    middle = count // 2
    return float(values[middle] if count % 2 else 0.5 * (values[middle - 1] + values[middle]))


def beam_vector(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image's features as a vector that has no jumps and whose normal spread is about Gaussian.

    Parameters
    ----------
    features
        float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``.

    Returns
    -------
    ndarray
        float64, shape (n, 9): log of the sum, centroid x and y in pixels, log of the mean diameter, the ellipse's
        strength along and across 45 degrees (an angle alone is undefined for a round beam), log of the peak, hot-spot
        contrast, saturated fraction. NaN or infinite where a feature is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        major, minor = features[:, 3] ** 2, features[:, 4] ** 2
        strength = (major - minor) / (major + minor)
        angle = 2.0 * features[:, 6]
        return np.stack(
            [
                np.log(features[:, 0]),
                features[:, 1],
                features[:, 2],
                0.25 * np.log(major * minor),
                strength * np.cos(angle),
                strength * np.sin(angle),
                np.log(features[:, 7]),
                features[:, 8],
                features[:, 9],
            ],
            axis=1,
        )
