"""Frames of many simulated cameras, each with a beam of its own: what a model for any camera learns from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from models.images.cleaning import clean
from models.images.dark_profile import profile_from_sums
from models.records import IMAGE_SHAPE
from models.simulation.beam_shape import phase_screens
from models.simulation.camera import SimulatedCamera
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import ShapeSet, SimulationSettings

#: Slow enough that the frames of one minute differ by more than the memory of the jitter.
_RATE_HZ = 0.2
_DARK_MINUTES = 5
_NOISE_PROBABILITY = 1e-6
_PEAK = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualCameraSettings:
    """What is simulated for the training of a model for any camera.

    Attributes
    ----------
    cameras
        How many cameras.
    minutes_per_camera
        Each gives 12 frames; they lie an hour apart, so that the beam has drifted.
    seed
        Everything random follows from it.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    cameras: int = 600
    minutes_per_camera: int = 1
    seed: int = 1960

    def __post_init__(self) -> None:
        if not (1 <= self.cameras <= 10_000 and 1 <= self.minutes_per_camera <= 20):
            raise ValueError("cameras must be 1 to 10,000 and minutes_per_camera 1 to 20")


def virtual_cameras(
    photographs: Mapping[str, NDArray[np.uint16]], settings: VirtualCameraSettings
) -> Iterator[NDArray[np.float32]]:
    """The cleaned normal frames of one camera after the other: float32, shape (n, 102, 128), counts, >= 0.

    Every camera has another beam: a photograph of the default set or a mixture of two, of another size, modulated by
    a smooth random field, then turned, mirrored and displaced by the simulator; and another brightness.

    Parameters
    ----------
    photographs
        uint16, (102, 128), by name; those of the proof set are never used.
    """
    shapes = [photographs[name] for name in sorted(photographs) if ShapeSet.DEFAULT.holds(name)]
    simulation = SimulationSettings(seed=settings.seed, hz=_RATE_HZ, faults=False)
    screens = phase_screens(random_stream(settings.seed, Purpose.SCREENS))
    for number in range(settings.cameras):
        draw = np.random.default_rng([settings.seed, number])
        camera = SimulatedCamera(simulation, number, mixed_beam(shapes, draw), screens)
        yield _frames(camera, settings.minutes_per_camera, draw)


def _frames(camera: SimulatedCamera, minutes: int, draw: Generator) -> NDArray[np.float32]:
    """Dark frames for the profile, then the cleaned frames of some minutes."""
    per_minute = int(60 * _RATE_HZ)
    dark = np.concatenate([camera.images(minute, np.zeros(per_minute)) for minute in range(_DARK_MINUTES)])
    wide = dark.astype(np.int64)
    profile = profile_from_sums(wide.sum(0), (wide * wide).sum(0), len(dark), _NOISE_PROBABILITY)
    brightness = np.exp(draw.uniform(np.log(0.1), np.log(1.2)))
    cleaned = np.empty((minutes * per_minute, *IMAGE_SHAPE), np.float32)
    for number in range(minutes):
        energy = brightness * (1.0 + 0.02 * draw.standard_normal(per_minute))
        raw = camera.images(_DARK_MINUTES + 60 * number, energy)
        clean(raw, profile, cleaned[number * per_minute : (number + 1) * per_minute])
    return cleaned


def mixed_beam(shapes: list[NDArray[np.uint16]], draw: Generator) -> NDArray[np.uint16]:
    """A photograph, half of the time with a second one laid over it, resized and modulated; peak 65535."""
    beam = _resized(shapes[draw.integers(len(shapes))], draw.uniform(0.7, 1.15))
    if draw.random() < 0.5:
        second = _resized(shapes[draw.integers(len(shapes))], draw.uniform(0.5, 1.15))
        beam += draw.uniform(0.1, 0.9) * ndimage.shift(second, draw.normal(0.0, 7.0, 2), order=1)
    smoothing_px = draw.uniform(4.0, 15.0)
    field = ndimage.gaussian_filter(draw.standard_normal(IMAGE_SHAPE), smoothing_px)
    beam *= np.clip(1.0 + draw.uniform(0.0, 0.3) * field / field.std(), 0.0, None)
    photograph: NDArray[np.uint16] = np.clip(beam * (_PEAK / beam.max()), 0, _PEAK).astype(np.uint16)
    return photograph


def _resized(photograph: NDArray[np.uint16], size: float) -> NDArray[np.float64]:
    """The same picture scaled around its middle."""
    middle = (np.array(IMAGE_SHAPE) - 1) / 2
    matrix = np.array([1.0 / size, 1.0 / size])
    scaled: NDArray[np.float64] = ndimage.affine_transform(
        photograph.astype(np.float64), matrix, middle - matrix * middle, order=1, mode="nearest"
    )
    return scaled
