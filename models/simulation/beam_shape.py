"""Beam shapes: from a photograph to one camera's own view of it, and the phase screens that make it flicker."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from models.records import IMAGE_SHAPE

#: The grid on which ``BeamShape.profile`` is given, in pixels of the camera per step.
OVERSAMPLING = 2
_SCREENS = 3
_SCREEN_SIZE = 256
_SCREEN_CORRELATION_PX = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BeamShape:
    """One camera's beam without jitter.

    Attributes
    ----------
    profile
        float32, (204, 256): on a grid of half pixels, 0..1, dark at the border.
    centre
        float32, (2,): x and y of the centroid, pixels.
    radius_px
        Twice the root mean square radius along an axis, averaged: half of D4sigma.
    """

    profile: NDArray[np.float32]
    centre: NDArray[np.float32]
    radius_px: float


def camera_view(photograph: NDArray[np.uint16], draw: Generator) -> BeamShape:
    """A photograph as one camera sees it: without background, mirrored, turned, a little scaled and displaced."""
    clean = _without_background(photograph)
    centre_y, centre_x = ndimage.center_of_mass(clean)
    mirror = 1.0 if draw.random() < 0.5 else -1.0
    angle = draw.uniform(0, 2 * np.pi)
    scale_x, scale_y = draw.uniform(0.85, 1.15) * np.exp(np.array([0.5, -0.5]) * draw.normal(0, 0.05))
    place_x, place_y = np.array([63.5, 50.5]) + draw.uniform(-5, 5, 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([1 / scale_y, mirror / scale_x])
    rows, columns = (size * OVERSAMPLING for size in IMAGE_SHAPE)
    # From the fine grid to the photograph: rows and columns, both counted from their pixel centres.
    matrix = turn / OVERSAMPLING
    shift = (1 - OVERSAMPLING) / (2 * OVERSAMPLING)
    offset = np.array([centre_y, centre_x]) + turn @ (np.array([shift, shift]) - np.array([place_y, place_x]))
    profile = ndimage.affine_transform(clean, matrix, offset, output_shape=(rows, columns), order=3)
    profile = np.clip(profile, 0, None) * _window(rows, columns)
    profile = (profile / profile.max()).astype(np.float32)
    return _measured(profile)


def _without_background(photograph: NDArray[np.uint16]) -> NDArray[np.float64]:
    """The beam above the level of the picture's border, slightly smoothed against the photograph's own noise."""
    image = ndimage.gaussian_filter(photograph.astype(np.float64), 0.8)
    border = np.concatenate([image[:3].ravel(), image[-3:].ravel(), image[:, :3].ravel(), image[:, -3:].ravel()])
    level = np.median(border) + 2.0 * np.median(np.abs(border - np.median(border)))
    clean: NDArray[np.float64] = np.clip(image - level, 0, None) * _window(*image.shape)
    return clean


def _window(rows: int, columns: int) -> NDArray[np.float64]:
    """1 over most of the frame, falling to 0 at its border, so that turned pictures show no edge."""
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None, :]
    window: NDArray[np.float64] = np.clip((1 - np.maximum(np.abs(y), np.abs(x))) / 0.2, 0, 1)
    return window * window * (3 - 2 * window)


def _measured(profile: NDArray[np.float32]) -> BeamShape:
    rows, columns = profile.shape
    y = (np.arange(rows) + 0.5) / OVERSAMPLING - 0.5
    x = (np.arange(columns) + 0.5) / OVERSAMPLING - 0.5
    total = profile.sum(dtype=np.float64)
    along_x, along_y = profile.sum(0, dtype=np.float64) / total, profile.sum(1, dtype=np.float64) / total
    centre_x, centre_y = float(along_x @ x), float(along_y @ y)
    variance = float(along_x @ (x - centre_x) ** 2 + along_y @ (y - centre_y) ** 2) / 2
    return BeamShape(
        profile=profile, centre=np.array([centre_x, centre_y], np.float32), radius_px=2 * float(np.sqrt(variance))
    )


def phase_screens(draw: Generator) -> NDArray[np.float32]:
    """Random smooth fields of unit variance, (3, 358, 384): periodic over 256, repeated so that no index wraps."""
    white = draw.standard_normal((_SCREENS, _SCREEN_SIZE, _SCREEN_SIZE))
    fields = np.stack([ndimage.gaussian_filter(field, _SCREEN_CORRELATION_PX / 2, mode="wrap") for field in white])
    fields -= fields.mean((1, 2), keepdims=True)
    fields /= fields.std((1, 2), keepdims=True)
    tiled = np.tile(fields, (1, 2, 2))[:, : _SCREEN_SIZE + IMAGE_SHAPE[0], : _SCREEN_SIZE + IMAGE_SHAPE[1]]
    return np.ascontiguousarray(tiled, np.float32)
