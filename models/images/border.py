"""Level and noise of an image from its own unlit border (ISO 11146-3), and whether there is a beam inside.

The border's values are counted in a histogram. Median and quartiles of that are blind to hot pixels and to a beam that
touches a side; mean and standard deviation of what lies within four sigmas of the median are then exact to a fraction
of a count.
"""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

#: Width of the border in pixels, about 4 % of the image's side.
BORDER_PX = 4
#: How many pixels the border has.
BORDER_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1] - (IMAGE_SHAPE[0] - 2 * BORDER_PX) * (IMAGE_SHAPE[1] - 2 * BORDER_PX)
#: Length of the work array for the histogram: values from -1024 to 5119 counts.
HISTOGRAM_BINS = 6144

_OFFSET = 1024
_ROUNDING_SIGMA = float(np.sqrt(1.0 / 12.0))
_HEIGHT, _WIDTH = IMAGE_SHAPE
# Blocks of 6 x 8 = 48 pixels: their mean is seven times quieter than a pixel.
_BLOCK_ROWS, _BLOCK_COLUMNS = 6, 8
# A value counts in a block's mean with at most this many sigmas: one hot pixel adds 6/48 of a sigma.
_CAP_SIGMAS = 6.0
# A block this many pixel sigmas above the border (seven sigmas of its mean) is lit.
_LIT_SIGMAS = 1.0
# So many 2 x 2 windows wholly above the cap (one solid square of 3 x 3 pixels) are a small spot, not hot pixels.
_SPOT_WINDOWS = 4
# No dark frame is this bright or this noisy.
_DARK_LEVEL_LIMIT = FULL_SCALE_COUNTS / 4
_DARK_NOISE_LIMIT = FULL_SCALE_COUNTS / 50


@kernel()
def _count(value: float, histogram: NDArray[np.int32]) -> None:
    bin_ = int(np.floor(value + 0.5)) + _OFFSET
    histogram[min(max(bin_, 0), HISTOGRAM_BINS - 1)] += 1


@kernel()
def border_level(
    image: NDArray[np.uint16], pedestal: NDArray[np.float32], histogram: NDArray[np.int32]
) -> tuple[float, float]:
    """Mean and standard deviation, in counts, of the border of ``image - pedestal``.

    Parameters
    ----------
    image, pedestal
        Shape (102, 128); a pedestal of zeros gives the level of the image itself.
    histogram
        Work array, shape (HISTOGRAM_BINS,).
    """
    histogram[:] = 0
    for y in range(_HEIGHT):
        if y < BORDER_PX or y >= _HEIGHT - BORDER_PX:
            for x in range(_WIDTH):
                _count(float(image[y, x]) - pedestal[y, x], histogram)
        else:
            for x in range(BORDER_PX):
                _count(float(image[y, x]) - pedestal[y, x], histogram)
                _count(float(image[y, _WIDTH - 1 - x]) - pedestal[y, _WIDTH - 1 - x], histogram)
    return _clipped_mean_and_sigma(histogram)


@kernel()
def _clipped_mean_and_sigma(histogram: NDArray[np.int32]) -> tuple[float, float]:
    lower = median = upper = -1
    seen = 0
    for bin_ in range(HISTOGRAM_BINS):
        if histogram[bin_] == 0:
            continue
        seen += histogram[bin_]
        if lower < 0 and 4 * seen >= BORDER_PIXELS:
            lower = bin_
        if median < 0 and 2 * seen >= BORDER_PIXELS:
            median = bin_
        if 4 * seen >= 3 * BORDER_PIXELS:
            upper = bin_
            break
    reach = int(np.ceil(4.0 * max((upper - lower) / 1.349, _ROUNDING_SIGMA))) + 1
    count, total, squares = 0, 0.0, 0.0
    for bin_ in range(max(median - reach, 0), min(median + reach, HISTOGRAM_BINS - 1) + 1):
        value = float(bin_ - median)
        count += histogram[bin_]
        total += histogram[bin_] * value
        squares += histogram[bin_] * value * value
    mean = total / count
    sigma = np.sqrt(max(squares / count - mean * mean, 0.0))
    return mean + (median - _OFFSET), max(sigma, _ROUNDING_SIGMA)


@kernel()
def is_dark(
    image: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    defective: NDArray[np.bool_],
    histogram: NDArray[np.int32],
) -> bool:
    """Whether a frame holds no beam: nothing in it rises above its own border.

    Blocks of 48 pixels are compared with the border, each value counted with at most six sigmas, so that a few hot
    pixels do not look like a beam; a small bright spot is found by windows of 2 x 2 pixels that are bright throughout.

    Parameters
    ----------
    image, pedestal, defective
        Shape (102, 128); a pedestal of zeros, and no defects, before the camera has a dark profile.
    histogram
        Work array, shape (HISTOGRAM_BINS,).
    """
    level, sigma = border_level(image, pedestal, histogram)
    if level > _DARK_LEVEL_LIMIT or sigma > _DARK_NOISE_LIMIT:
        return False
    cap = level + _CAP_SIGMAS * sigma
    return not (
        _has_lit_block(image, pedestal, defective, level, cap, level + _LIT_SIGMAS * sigma)
        or _has_spot(image, pedestal, defective, cap)
    )


@kernel()
def _has_lit_block(
    image: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    defective: NDArray[np.bool_],
    level: float,
    cap: float,
    lit: float,
) -> bool:
    for top in range(0, _HEIGHT, _BLOCK_ROWS):
        for left in range(0, _WIDTH, _BLOCK_COLUMNS):
            total = 0.0
            for y in range(top, top + _BLOCK_ROWS):
                for x in range(left, left + _BLOCK_COLUMNS):
                    value = level if defective[y, x] else float(image[y, x]) - pedestal[y, x]
                    total += min(value, cap)
            if total > lit * (_BLOCK_ROWS * _BLOCK_COLUMNS):
                return True
    return False


@kernel()
def _has_spot(
    image: NDArray[np.uint16], pedestal: NDArray[np.float32], defective: NDArray[np.bool_], cap: float
) -> bool:
    windows = 0
    for y in range(_HEIGHT - 1):
        for x in range(_WIDTH - 1):
            bright = True
            for dy in range(2):
                for dx in range(2):
                    above = image[y + dy, x + dx] - pedestal[y + dy, x + dx] > cap
                    bright = bright and above and not defective[y + dy, x + dx]
            windows += bright
    return windows >= _SPOT_WINDOWS
