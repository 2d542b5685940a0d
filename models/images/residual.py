"""Residuals of reconstructed images on four scales, and how far each lies beyond the camera's usual.

The scales form a pyramid: the residual itself; smoothed once (sigma 1 px); smoothed again on every second pixel
(2.2 px in all); and again on every fourth (4.6 px). The filter is binomial, (1, 4, 6, 4, 1) / 16 per axis, with zeros
beyond the edge. Smoothing is linear, so one mean map serves all scales; only the sigmas are per scale.

The inner loops do the same to every column, on arrays that don't overlap: only so do they become vector code (a plain
``max`` over a row does not). They see NaN: a frame that holds one scores infinity.
"""

import numpy as np
from numpy.typing import NDArray

from models.compilation import kernel
from models.records import IMAGE_SHAPE

#: Standard deviation of the smoothing on each scale, in pixels of the image.
SCALE_SIGMAS_PX = (0.0, 1.0, 2.24, 4.58)
SCALES = len(SCALE_SIGMAS_PX)
#: Rows and columns of each scale's map.
SCALE_SHAPES = (IMAGE_SHAPE, IMAGE_SHAPE, (51, 64), (26, 32))
#: By how much smoothing shrinks the variance of white noise, per scale (the sum of the squared weights).
WHITE_NOISE_PARTS = (1.0, 7.477e-2, 1.577e-2, 3.845e-3)

# The maps of all scales lie one after the other in one flat array, each filled up with zeros to whole chunks.
_CHUNK_ROWS, _CHUNK_WIDTH = 4, 64
_CHUNK = _CHUNK_ROWS * _CHUNK_WIDTH
_SIZES = tuple(rows * columns for rows, columns in SCALE_SHAPES)
_STARTS = tuple(int(start) for start in np.cumsum([0] + [-(-size // _CHUNK) * _CHUNK for size in _SIZES]))
#: Length of the flat array of all scales.
FIELD_SIZE = _STARTS[-1]

_HEIGHT, _WIDTH = IMAGE_SHAPE
_SIDE, _NEAR, _CENTRE = np.float32(1 / 16), np.float32(4 / 16), np.float32(6 / 16)
_FAST = frozenset({"contract", "nsz"})

Float32Array = NDArray[np.float32]


def scale_slice(scale: int) -> slice:
    """Where the map of a scale lies in a flat array of all scales."""
    return slice(_STARTS[scale], _STARTS[scale] + _SIZES[scale])


@kernel(fast_math=_FAST)
def smooth(source: Float32Array, out: Float32Array) -> None:
    """Filter an image of any shape (h, w) with (1, 4, 6, 4, 1) / 16 along both axes, zeros beyond the edge."""
    height, width = source.shape
    padded = np.zeros(width + 4, np.float32)
    tall = np.zeros((height + 4, width), np.float32)
    for row in range(height):
        line, along = source[row], tall[row + 2]
        for column in range(width):
            padded[column + 2] = line[column]
        for column in range(width):
            along[column] = (
                _SIDE * (padded[column] + padded[column + 4])
                + _NEAR * (padded[column + 1] + padded[column + 3])
                + _CENTRE * padded[column + 2]
            )
    for row in range(height):
        first, second, third, fourth, fifth = tall[row], tall[row + 1], tall[row + 2], tall[row + 3], tall[row + 4]
        line = out[row]
        for column in range(width):
            line[column] = (
                _SIDE * (first[column] + fifth[column])
                + _NEAR * (second[column] + fourth[column])
                + _CENTRE * third[column]
            )


@kernel()
def _every_second(source: Float32Array) -> Float32Array:
    out = np.empty(((source.shape[0] + 1) // 2, (source.shape[1] + 1) // 2), np.float32)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = source[2 * row, 2 * column]
    return out


@kernel(fast_math=_FAST)
def write_field(cleaned: Float32Array, reconstruction: Float32Array, mean: Float32Array, field: Float32Array) -> None:
    """Write cleaned - reconstruction - mean on all scales.

    Parameters
    ----------
    cleaned, reconstruction, mean
        float32, shape (102, 128), C order, counts.
    field
        float32, shape (FIELD_SIZE,), whose fillings are zero and stay so.
    """
    sharp = field[: _HEIGHT * _WIDTH].reshape(_HEIGHT, _WIDTH)
    for row in range(_HEIGHT):
        image, model, usual, line = cleaned[row], reconstruction[row], mean[row], sharp[row]
        for column in range(_WIDTH):
            line[column] = image[column] - model[column] - usual[column]
    fine = field[_STARTS[1] : _STARTS[1] + _SIZES[1]].reshape(_HEIGHT, _WIDTH)
    smooth(sharp, fine)
    half = _every_second(fine)
    middle = field[_STARTS[2] : _STARTS[2] + _SIZES[2]].reshape(half.shape)
    smooth(half, middle)
    quarter = _every_second(middle)
    smooth(quarter, field[_STARTS[3] : _STARTS[3] + _SIZES[3]].reshape(quarter.shape))


@kernel(fast_math=_FAST)
def _extremes(
    field: Float32Array,
    inverse: Float32Array,
    high: Float32Array,
    low: Float32Array,
    square: Float32Array,
) -> tuple[float, float, float]:
    """Largest, smallest and summed square of field * inverse; the lanes are work space."""
    chunks = len(field) // _CHUNK
    values = field.reshape(chunks, _CHUNK_ROWS, _CHUNK_WIDTH)
    factors = inverse.reshape(chunks, _CHUNK_ROWS, _CHUNK_WIDTH)
    high[:] = np.float32(0.0)
    low[:] = np.float32(0.0)
    square[:] = np.float32(0.0)
    for chunk in range(chunks):
        v0, v1, v2, v3 = values[chunk, 0], values[chunk, 1], values[chunk, 2], values[chunk, 3]
        f0, f1, f2, f3 = factors[chunk, 0], factors[chunk, 1], factors[chunk, 2], factors[chunk, 3]
        for lane in range(_CHUNK_WIDTH):
            a, b, c, d = v0[lane] * f0[lane], v1[lane] * f1[lane], v2[lane] * f2[lane], v3[lane] * f3[lane]
            upper, other = max(b, a), max(d, c)
            upper = max(other, upper)
            high[lane] = max(high[lane], upper)
            lower, other = min(b, a), min(d, c)
            lower = min(other, lower)
            low[lane] = min(low[lane], lower)
            square[lane] += (a * a + b * b) + (c * c + d * d)
    largest = smallest = total = 0.0
    for lane in range(_CHUNK_WIDTH):
        largest = max(largest, np.float64(high[lane]))
        smallest = min(smallest, np.float64(low[lane]))
        total += np.float64(square[lane])
    return largest, smallest, total


@kernel()
def score_frames(
    cleaned: Float32Array,
    reconstruction: Float32Array,
    mean: Float32Array,
    inverse: Float32Array,
    out: NDArray[np.float64],
) -> None:
    """Write what every frame's residual, in sigmas, reaches on each scale.

    Parameters
    ----------
    cleaned, reconstruction
        float32, shape (n, 102, 128), C order, counts.
    mean
        float32, shape (102, 128), counts: the usual residual.
    inverse
        float32, shape (FIELD_SIZE,), 1/counts: one over the sigmas; zero in the fillings.
    out
        float64, shape (n, 4, 3): per scale the largest z (>= 0), minus the smallest z (>= 0), and the root of the mean
        squared z. Infinity in all three if the frame holds a NaN or infinity.
    """
    field = np.zeros(FIELD_SIZE, np.float32)
    high, low, square = (
        np.empty(_CHUNK_WIDTH, np.float32),
        np.empty(_CHUNK_WIDTH, np.float32),
        np.empty(_CHUNK_WIDTH, np.float32),
    )
    for frame in range(len(cleaned)):
        write_field(cleaned[frame], reconstruction[frame], mean, field)
        for scale in range(SCALES):
            start, stop = _STARTS[scale], _STARTS[scale + 1]
            largest, smallest, total = _extremes(field[start:stop], inverse[start:stop], high, low, square)
            if np.isfinite(total):
                out[frame, scale, 0] = largest
                out[frame, scale, 1] = -smallest
                out[frame, scale, 2] = np.sqrt(total / _SIZES[scale])
            else:
                out[frame, scale, :] = np.inf


@kernel(fast_math=_FAST)
def add_frames(
    cleaned: Float32Array,
    reconstruction: Float32Array,
    keep: NDArray[np.bool_],
    mean: Float32Array,
    total: Float32Array,
    squares: Float32Array,
) -> int:
    """Add the residuals of the kept frames, one after the other, to the sums behind the maps; how many were added.

    Parameters
    ----------
    cleaned, reconstruction, mean
        As in ``score_frames``.
    keep
        bool, shape (n,).
    total
        float32, shape (13056,): sum of cleaned - reconstruction - mean.
    squares
        float32, shape (FIELD_SIZE,): sum of its squares on every scale.
    """
    field = np.zeros(FIELD_SIZE, np.float32)
    added = 0
    for frame in range(len(cleaned)):
        if keep[frame]:
            write_field(cleaned[frame], reconstruction[frame], mean, field)
            for place in range(len(total)):
                total[place] += field[place]
            for place in range(len(squares)):
                squares[place] += field[place] * field[place]
            added += 1
    return added
