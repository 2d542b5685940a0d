"""A small camera with a jittering beam and a network for it: enough to drive the camera stage, quick to make."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.devices import parse_device
from models.records import IMAGE_SHAPE, DeviceState, RecordBlock, Refusal, SourceReference

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")
SHOT_NS = 100_000_000
PEDESTAL, NOISE = 40.0, 3.0

_ROWS, _COLUMNS = np.indices(IMAGE_SHAPE).astype(np.float64)


def beam_frames(count: int, seed: int = 0, *, drift_px: float = 0.0) -> NDArray[np.uint16]:
    """Gaussian beams whose place, width and brightness jitter, with read and shot noise; 12 bit."""
    random = np.random.default_rng(seed)
    frames = np.empty((count, *IMAGE_SHAPE), np.uint16)
    for number in range(count):
        x = 64 + random.normal(0, 0.2) + drift_px * number / count
        y, width = 50 + random.normal(0, 0.2), 12 * (1 + random.normal(0, 0.004))
        peak = 2500 * (1 + random.normal(0, 0.01))
        signal = peak * np.outer(
            np.exp(-((_ROWS[:, 0] - y) ** 2) / (2 * width**2)), np.exp(-((_COLUMNS[0] - x) ** 2) / (2 * width**2))
        )
        frames[number] = exposed(signal, random)
    return frames


def dark_frames(count: int, seed: int = 0) -> NDArray[np.uint16]:
    """Pedestal and read noise only."""
    random = np.random.default_rng(seed)
    return np.stack([exposed(np.zeros(IMAGE_SHAPE), random) for _ in range(count)])


def exposed(signal: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.uint16]:
    """What the camera makes of a signal in counts."""
    noise = random.standard_normal(IMAGE_SHAPE, np.float32)
    counts = PEDESTAL + signal + np.sqrt(NOISE**2 + 0.3 * signal) * noise
    return np.clip(np.rint(counts), 0, 4092).astype(np.uint16)


def with_hot_spot(frame: NDArray[np.uint16], counts: float = 1200.0) -> NDArray[np.uint16]:
    """The frame with a spot of 2 px at the beam's flank."""
    spot = counts * np.exp(-((_ROWS - 45) ** 2 + (_COLUMNS - 70) ** 2) / (2 * 2.0**2))
    return np.clip(frame + spot, 0, 4092).astype(np.uint16)


class ProjectionNetwork:
    """A linear stand-in for the autoencoder: the beam's own derivatives as its parts, frame by frame."""

    def __init__(self, name: str = "projection") -> None:
        self.name = name
        parts = []
        for order_y, order_x in [(0, 0), (0, 1), (1, 0), (2, 0), (0, 2), (1, 1)]:
            gaussian = np.exp(-((_ROWS - 50) ** 2 + (_COLUMNS - 64) ** 2) / (2 * 12**2))
            parts.append((gaussian * ((_ROWS - 50) / 12) ** order_y * ((_COLUMNS - 64) / 12) ** order_x).ravel())
        self._parts = np.linalg.qr(np.array(parts).T)[0].astype(np.float32)

    def run(
        self, images: NDArray[np.float32], reconstruction: NDArray[np.float32], latent: NDArray[np.float32]
    ) -> None:
        """As ``Autoencoder.run``."""
        latent[:] = 0.0
        for image, model, vector in zip(images, reconstruction, latent, strict=True):
            vector[: self._parts.shape[1]] = image.ravel() @ self._parts
            model[:] = (self._parts @ vector[: self._parts.shape[1]]).reshape(IMAGE_SHAPE)


def camera_block(
    frames: NDArray[np.uint16],
    first_shot: int,
    *,
    states: Sequence[DeviceState] | None = None,
    replacement: bool = False,
    file: str = "day/10Hz/a.h5",
) -> RecordBlock:
    """Frames as a reader hands them over, one every 100 ms."""
    payload = frames[:]
    payload.flags.writeable = False
    count = len(frames)
    shots = range(first_shot, first_shot + count)
    return RecordBlock(
        device=CAMERA,
        source=SourceReference(file=file, sha256="0" * 64),
        event_time_ns=np.array(shots, np.int64) * SHOT_NS,
        state=np.array(states if states is not None else [DeviceState.ON] * count, np.uint8),
        refusal=np.full(count, Refusal.NONE, np.uint8),
        payload=payload,
        hdf5_group=tuple(f"/shot-{shot}" for shot in shots),
        interval_hz=10.0,
        replacement=replacement,
    )
