"""Ripples in a residual: its power by period and direction, as a vector that a distance is taken of.

Fringes and rings are weak in every pixel and cover many: the largest z of a frame hardly feels them, its spectrum does.
The residual in sigmas is binned 2 x 2, and the power of its discrete Fourier transform is added up in 30 bands: five of
period, from 17 px down to 4 px, by six of direction. Their logarithms are nearly Gaussian on normal frames.

The transform is two products with tables of cosines and sines: of the frequencies only those up to a quarter per pixel
are wanted, and products of this size are quicker than a fast transform that gives all.
"""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.images.residual import Float32Array
from models.records import IMAGE_SHAPE

#: Components of a vector.
RIPPLE_BANDS = 30

_DIRECTIONS = 6
# Cycles per pixel at which one band of period ends and the next begins.
_EDGES = (0.06, 0.10, 0.13, 0.17, 0.21, 0.25)
_BINNING = 2
_ROWS, _COLUMNS = IMAGE_SHAPE[0] // _BINNING, IMAGE_SHAPE[1] // _BINNING
# Frequencies along each axis, in cycles per width and per height: beyond, none is below a quarter per pixel.
_ALONG, _ACROSS = 32, 26
_LANES = 2 * _ALONG
# So many rows or columns are added up in one go; the rows are filled up with one of zeros.
_AT_ONCE = 4
_PADDED_ROWS = _ROWS + 1
# Beside this a power counts for nothing: bands without light have none.
_LEAST_POWER = 1.0


def _tables() -> tuple[Float32Array, Float32Array, NDArray[np.int64]]:
    """What the kernel multiplies by, and the band of each pair of frequencies, -1 for none.

    Returns
    -------
    tuple of ndarray
        float32, (64, 64): of each column the cosines, then the sines; float32, (26, 2, 52): likewise of each row;
        int64, (2, 26, 32): bands of frequencies with the same sign along both axes, and with unlike ones.
    """
    along = 2.0 * np.pi / _COLUMNS * np.outer(np.arange(_COLUMNS), np.arange(_ALONG))
    across = 2.0 * np.pi / _ROWS * np.outer(np.arange(_ACROSS), np.arange(_ROWS))
    per_x = np.arange(_ALONG) / IMAGE_SHAPE[1]
    per_y = np.arange(_ACROSS)[:, np.newaxis] / IMAGE_SHAPE[0]
    period = np.digitize(np.hypot(per_x, per_y), _EDGES) - 1
    bands = np.full((2, _ACROSS, _ALONG), -1, np.int64)
    for number, sign in enumerate((1.0, -1.0)):
        angle = np.arctan2(sign * per_y, np.broadcast_to(per_x, period.shape)) % np.pi
        direction = np.minimum((angle / np.pi * _DIRECTIONS).astype(np.int64), _DIRECTIONS - 1)
        within = (period >= 0) & (period < len(_EDGES) - 1)
        bands[number] = np.where(within, period * _DIRECTIONS + direction, -1)
    bands[1, 0] = bands[1, :, 0] = -1  # on the axes both signs are the same wave
    columns = np.concatenate([np.cos(along), np.sin(along)], axis=1).astype(np.float32)
    rows = np.zeros((_ACROSS, 2, _PADDED_ROWS), np.float32)
    rows[:, 0, :_ROWS], rows[:, 1, :_ROWS] = np.cos(across), np.sin(across)
    return columns, rows, bands


_OF_COLUMNS, _OF_ROWS, _BANDS = _tables()


_FAST = frozenset({"contract", "nsz"})


@kernel(fast_math=_FAST)
def _bin(
    image: Float32Array, model: Float32Array, usual: Float32Array, inverse: Float32Array, out: Float32Array
) -> None:
    """Write the residual of one frame in sigmas, (51, 64): each value the mean of 2 x 2 pixels."""
    line = np.zeros(_BINNING * _COLUMNS, np.float32)
    for row in range(_ROWS):
        line[:] = np.float32(0.0)
        for y in range(_BINNING * row, _BINNING * (row + 1)):
            a, b, c, factor = image[y], model[y], usual[y], inverse[y]
            for x in range(_BINNING * _COLUMNS):
                line[x] += (a[x] - b[x] - c[x]) * factor[x]
        for column in range(_COLUMNS):
            out[row, column] = np.float32(0.25) * (line[2 * column] + line[2 * column + 1])


@kernel(fast_math=_FAST)
def _transform_rows(binned: Float32Array, of_columns: Float32Array, out: Float32Array) -> None:
    """Write the cosine and the sine parts of each row, (52, 64)."""
    for row in range(_ROWS):
        target, values = out[row], binned[row]
        target[:] = np.float32(0.0)
        for first in range(0, _COLUMNS, _AT_ONCE):
            v0, v1, v2, v3 = values[first], values[first + 1], values[first + 2], values[first + 3]
            w0, w1, w2, w3 = of_columns[first], of_columns[first + 1], of_columns[first + 2], of_columns[first + 3]
            for lane in range(_LANES):
                target[lane] += (v0 * w0[lane] + v1 * w1[lane]) + (v2 * w2[lane] + v3 * w3[lane])


@kernel(fast_math=_FAST)
def _transform_columns(halfway: Float32Array, of_rows: Float32Array, cosine: Float32Array, sine: Float32Array) -> None:
    """Write the products (64,) with one wave along the columns: of its cosine and of its sine, (2, 52)."""
    even, odd = of_rows[0], of_rows[1]
    cosine[:] = np.float32(0.0)
    sine[:] = np.float32(0.0)
    for row in range(0, _PADDED_ROWS, _AT_ONCE):
        c0, c1, c2, c3 = even[row], even[row + 1], even[row + 2], even[row + 3]
        s0, s1, s2, s3 = odd[row], odd[row + 1], odd[row + 2], odd[row + 3]
        h0, h1, h2, h3 = halfway[row], halfway[row + 1], halfway[row + 2], halfway[row + 3]
        for lane in range(_LANES):
            a, b, c, d = h0[lane], h1[lane], h2[lane], h3[lane]
            cosine[lane] += (c0 * a + c1 * b) + (c2 * c + c3 * d)
            sine[lane] += (s0 * a + s1 * b) + (s2 * c + s3 * d)


@kernel(fast_math=_FAST)
def _powers(
    cleaned: Float32Array,
    reconstruction: Float32Array,
    mean: Float32Array,
    inverse: Float32Array,
    of_columns: Float32Array,
    of_rows: Float32Array,
    bands: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Write the power of each frame in each band, float64, (n, 30)."""
    binned = np.zeros((_ROWS, _COLUMNS), np.float32)
    halfway = np.zeros((_PADDED_ROWS, _LANES), np.float32)
    cosine, sine = np.zeros(_LANES, np.float32), np.zeros(_LANES, np.float32)
    out[:] = 0.0
    for frame in range(len(cleaned)):
        _bin(cleaned[frame], reconstruction[frame], mean, inverse, binned)
        _transform_rows(binned, of_columns, halfway)
        powers = out[frame]
        for wave in range(_ACROSS):
            _transform_columns(halfway, of_rows[wave], cosine, sine)
            for place in range(_ALONG):
                same, unlike = bands[0, wave, place], bands[1, wave, place]
                a, b, c, d = cosine[place], cosine[_ALONG + place], sine[place], sine[_ALONG + place]
                if same >= 0:
                    powers[same] += (a - d) * (a - d) + (b + c) * (b + c)
                if unlike >= 0:
                    powers[unlike] += (a + d) * (a + d) + (b - c) * (b - c)


def ripple_vectors(
    cleaned: Float32Array, reconstruction: Float32Array, mean: Float32Array, inverse: Float32Array
) -> NDArray[np.float64]:
    """The logarithms of the power of each frame's residual, in sigmas, in the 30 bands.

    Parameters
    ----------
    cleaned, reconstruction
        float32, shape (n, 102, 128), C order, counts.
    mean, inverse
        float32, shape (102, 128): the usual residual, counts; one over the sigmas, 1/counts.

    Returns
    -------
    ndarray
        float64, shape (n, 30); not finite for a frame that is not.
    """
    powers = np.empty((len(cleaned), RIPPLE_BANDS))
    _powers(cleaned, reconstruction, mean, inverse, _OF_COLUMNS, _OF_ROWS, _BANDS, powers)
    return np.log(powers + _LEAST_POWER)
