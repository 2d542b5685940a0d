"""The compiled loops of the simulator: beams on pixels, camera noise, spectra."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from models.compilation import kernel

#: Quantiles of the normal distribution at (i + 1/2) / 65536: 16 random bits make one normal number.
NORMAL_TABLE: NDArray[np.float32] = ndtri((np.arange(65536) + 0.5) / 65536).astype(np.float32)

#: Where the columns of ``render``'s ``shots`` are: displacement, 2 x 2 matrix, cubic phase, brightness.
SHOT_COLUMNS = 11

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@kernel()
def _hash(key: np.uint64, counter: np.uint64) -> np.uint64:
    """64 random bits of a counter under a key (the finaliser of SplitMix64, Steele et al. 2014)."""
    z = key + counter * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@kernel()
def _normal(table: NDArray[np.float32], bits: np.uint64, key: np.uint64, counter: np.uint64) -> np.float32:
    """A standard normal number from 16 bits; the outermost steps of the table are drawn anew, out to 8 sigma."""
    index = bits & np.uint64(0xFFFF)
    value: np.float32 = table[index]
    if index == np.uint64(0) or index == np.uint64(65535):
        uniform = (float(_hash(~key, counter) >> np.uint64(11)) + 0.5) / 9007199254740992.0
        # Tail of the normal beyond a: sqrt(a^2 - 2 ln u), exact to 3 % in density there (Marsaglia 1964).
        edge = 4.1729
        tail = np.sqrt(edge * edge - 2.0 * np.log(uniform))
        value = np.float32(-tail if index == np.uint64(0) else tail)
    return value


@kernel(fast_math=frozenset({"contract", "reassoc", "nsz", "arcp"}))
def render(
    shape: NDArray[np.float32],
    centre: NDArray[np.float32],
    shots: NDArray[np.float32],
    screens: NDArray[np.float32],
    screen_offset: NDArray[np.int64],
    screen_strength: NDArray[np.float32],
    signal: NDArray[np.float32],
) -> None:
    """Beams as they arrive on the sensor, without noise.

    Each pixel looks up the shape at a place that is displaced, turned, stretched and bent by a cubic phase, and is
    brightened or dimmed by phase screens that travel across the beam: they move light about and make none.

    Parameters
    ----------
    shape
        (2 h, 2 w): the camera's beam on a grid of half pixels, peak 1.
    centre
        (2,): x and y of the beam in pixels.
    shots
        (n, 11): dx, dy (px), m00, m01, m10, m11, four cubic coefficients (px at 25 px), brightness (counts).
    screens
        (s, H, W), unit variance; at least (h, w) behind every offset.
    screen_offset, screen_strength
        (n, s, 2) row and column; (n, s).
    signal
        (n, h, w), written: counts.
    """
    h, w = signal.shape[1], signal.shape[2]
    rows, columns = shape.shape
    scale = np.float32(1.0 / 25.0)
    one, half, two, three = np.float32(1.0), np.float32(0.5), np.float32(2.0), np.float32(3.0)
    top_x, top_y = np.float32(columns - 1.001), np.float32(rows - 1.001)
    flat = shape.ravel()
    for n in range(signal.shape[0]):
        dx, dy = shots[n, 0], shots[n, 1]
        m00, m01, m10, m11 = shots[n, 2], shots[n, 3], shots[n, 4], shots[n, 5]
        c0, c1, c2, c3 = shots[n, 6], shots[n, 7], shots[n, 8], shots[n, 9]
        brightness = shots[n, 10]
        plain, lensed = np.float32(0.0), np.float32(0.0)
        for r in range(h):
            qy = np.float32(r) - centre[1] - dy
            v = qy * scale
            out = signal[n, r]
            for c in range(w):
                qx = np.float32(c) - centre[0] - dx
                u = qx * scale
                x = centre[0] + m00 * qx + m01 * qy + three * c0 * u * u + two * c1 * u * v + c2 * v * v
                y = centre[1] + m10 * qx + m11 * qy + c1 * u * u + two * c2 * u * v + three * c3 * v * v
                fx = min(max((x + half) * two - half, np.float32(0.0)), top_x)
                fy = min(max((y + half) * two - half, np.float32(0.0)), top_y)
                ix, iy = np.int32(fx), np.int32(fy)
                ax, ay = fx - np.float32(ix), fy - np.float32(iy)
                at = np.uint64(iy * columns + ix)
                upper = flat[at] * (one - ax) + flat[at + np.uint64(1)] * ax
                lower = flat[at + np.uint64(columns)] * (one - ax) + flat[at + np.uint64(columns + 1)] * ax
                out[c] = brightness * (upper * (one - ay) + lower * ay)
                plain += out[c]
            for s in range(screens.shape[0]):
                strength = screen_strength[n, s]
                row = screens[s, screen_offset[n, s, 0] + r, screen_offset[n, s, 1] :]
                for c in range(w):
                    lens = strength * row[c]
                    out[c] *= one + lens + half * lens * lens
            for c in range(w):
                lensed += out[c]
        if lensed > np.float32(0.0):
            signal[n] *= plain / lensed


@kernel(fast_math=frozenset({"contract", "nsz"}))
def expose(
    signal: NDArray[np.float32],
    pedestal: NDArray[np.float32],
    gain: NDArray[np.float32],
    read_variance: NDArray[np.float32],
    counts_per_electron: float,
    full_scale: int,
    table: NDArray[np.float32],
    key: np.uint64,
    first_frame: int,
    counts: NDArray[np.uint16],
) -> None:
    """What the camera makes of a signal: gain, pedestal, shot and read noise, 12 bits.

    Parameters
    ----------
    signal
        (n, p): counts above the pedestal, p a multiple of 4.
    pedestal, gain, read_variance
        (p,): counts, dimensionless, counts squared.
    counts_per_electron
        The variance of the shot noise is this times the signal.
    key, first_frame
        Which random numbers: the camera's minute, and the number of the first frame in it.
    counts
        (n, p), written.
    """
    per_electron, half = np.float32(counts_per_electron), np.float32(0.5)
    highest = np.float32(full_scale)
    pixels = signal.shape[1]
    for n in range(signal.shape[0]):
        frame = np.uint64((first_frame + n) * pixels)
        for group in range(pixels // 4):
            bits = _hash(key, frame + np.uint64(4 * group))
            for lane in range(4):
                p = 4 * group + lane
                light = signal[n, p] * gain[p]
                normal = _normal(table, bits >> np.uint64(16 * lane), key, frame + np.uint64(p))
                deviation = np.sqrt(read_variance[p] + light * per_electron)
                value = pedestal[p] + light + deviation * normal + half
                counts[n, p] = np.uint16(min(max(value, np.float32(0.0)), highest))


@kernel(fast_math=frozenset({"contract", "reassoc", "nsz", "arcp"}))
def render_spectra(
    shots: NDArray[np.float64],
    features: NDArray[np.float64],
    feature_strength: NDArray[np.float64],
    noise: float,
    table: NDArray[np.float32],
    key: np.uint64,
    spectra: NDArray[np.float64],
) -> None:
    """Spectra: a flat-topped band with a few features on it, and noise that never goes below zero.

    Parameters
    ----------
    shots
        (n, 3): centre and half width (samples), height (arbitrary units; 0 makes an all-zero spectrum).
    features
        (f, 2): place and width of each feature, in half widths of the band.
    feature_strength
        (n, f): depth, as a fraction.
    noise
        Standard deviation as a fraction of the height.
    spectra
        (n, samples), written.
    """
    samples = spectra.shape[1]
    for n in range(spectra.shape[0]):
        centre, half_width, height = shots[n, 0], shots[n, 1], shots[n, 2]
        if height <= 0.0:
            spectra[n] = 0.0
            continue
        for i in range(samples):
            x = (i - centre) / half_width
            band = np.exp(-0.693147 * x * x * x * x) if abs(x) < 3.0 else 0.0
            for f in range(features.shape[0]):
                d = (x - features[f, 0]) / features[f, 1]
                if abs(d) < 4.0:
                    band *= 1.0 + feature_strength[n, f] * np.exp(-0.5 * d * d)
            counter = np.uint64(n * samples + i)
            normal = _normal(table, _hash(key, counter), key, counter)
            spectra[n, i] = max(0.0, height * (band + noise * normal * np.sqrt(0.05 + band)))
