"""Labelled odd frames of many simulated cameras, measured as the watch does: what the causes are learned from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.alerts.explanation import UNKNOWN_CAUSE
from models.causes.odd_frame import OddFrame, UsualBeam
from models.devices import NO_STAGE, Device, RecordKind
from models.fault_kinds import FaultKind
from models.images.beam_features import FEATURE_COUNT
from models.images.camera_stage import CameraSettings
from models.images.dark_tracker import DarkTracker
from models.images.image_scores import ImageScores, Network
from models.records import IMAGE_SHAPE
from models.simulation.beam_shape import phase_screens
from models.simulation.camera import SimulatedCamera
from models.simulation.faults import FaultLabel
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import ShapeSet, SimulationSettings
from models.training.unnamed_oddities import Disturbance, disturbed
from models.training.virtual_cameras import mixed_beam

#: The kinds of fault that change a beam's image. A missing beam is dark, and a stuck frame is a rule of its own.
IMAGE_CAUSES = (
    FaultKind.HOT_SPOT,
    FaultKind.DARK_SPOT,
    FaultKind.CLIPPED,
    FaultKind.POINTING_JUMP,
    FaultKind.DOUBLE_BEAM,
    FaultKind.ENERGY_DROP,
    FaultKind.FRINGES,
    FaultKind.RINGS,
    FaultKind.ROW_SHIFT,
    FaultKind.SATURATION,
    FaultKind.ASTIGMATISM,
)

# Shots of a minute at this rate; enough minutes to learn before the faults, and one with them.
_RATE_HZ = 5.0
_LEARNING_MINUTES = 2
_DARK_FRAMES = 64
_BRIGHTNESS_JITTER = 0.01
# Normal frames that are this improbable show what to call unknown: truly odd ones are too rare to learn from.
_NORMAL_PROBABILITY = 1e-2
_NO_DEVICE = Device("simulated camera", NO_STAGE, RecordKind.CAMERA)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFrameSettings:
    """Which frames are simulated.

    Attributes
    ----------
    cameras
        How many; each has another beam and gives 150 frames with a fault, of which the odd ones are taken.
    seed
        Everything random follows from it.
    shapes
        Which photographs the beams are made of.
    mixed_share
        The part of the cameras whose beams are mixtures of two photographs, resized and modulated.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    cameras: int = 150
    seed: int = 2_022
    shapes: ShapeSet = ShapeSet.DEFAULT
    mixed_share: float = 0.7

    def __post_init__(self) -> None:
        if not 1 <= self.cameras <= 10_000:
            raise ValueError("cameras must be 1 to 10,000")
        if not 0.0 <= self.mixed_share <= 1.0:
            raise ValueError("mixed_share must be 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFrame:
    """One frame that the watch finds odd, or nearly so.

    Attributes
    ----------
    camera
        Its number in the run.
    cause
        The kind of the fault; ``UNKNOWN_CAUSE`` for a normal frame and for a disturbance without a name.
    severity
        0..1; 0 without a fault.
    odd
        Whether its probability is below ``CameraSettings.frame_fpr``.
    """

    frame: OddFrame
    camera: int
    cause: str
    severity: float
    odd: bool


def labelled_frames(
    photographs: Mapping[str, NDArray[np.uint16]],
    settings: CauseFrameSettings,
    network: Network,
    seeds: Mapping[str, Any],
    disturbance: Disturbance = disturbed,
) -> Iterator[LabelledFrame]:
    """Odd frames of one camera after the other, in the order of time.

    Of a camera's shots every second one has a fault, every fourth is disturbed in a way that has no name, and every
    fourth is normal.

    Parameters
    ----------
    photographs
        uint16, (102, 128), by name.
    network, seeds
        The model that the watch scores with.
    disturbance
        How shots are disturbed that have no fault.
    """
    shapes = [photographs[name] for name in sorted(photographs) if settings.shapes.holds(name)]
    simulation = SimulationSettings(seed=settings.seed, hz=_RATE_HZ, faults=False, shapes=settings.shapes)
    screens = phase_screens(random_stream(settings.seed, Purpose.SCREENS))
    for number in range(settings.cameras):
        draw = np.random.default_rng([settings.seed, number])
        mixed = draw.random() < settings.mixed_share
        beam = mixed_beam(shapes, draw) if mixed else shapes[number % len(shapes)]
        camera = SimulatedCamera(simulation, number, beam, screens)
        yield from _ObservedCamera(simulation, number, camera, network, seeds).frames(draw, disturbance)


class _ObservedCamera:
    """One simulated camera and what the watch knows of it."""

    def __init__(
        self,
        simulation: SimulationSettings,
        number: int,
        camera: SimulatedCamera,
        network: Network,
        seeds: Mapping[str, Any],
    ) -> None:
        settings = CameraSettings()
        self._simulation, self._number, self._camera = simulation, number, camera
        self._dark = DarkTracker(settings.cleaning)
        self._scores = ImageScores(settings.scores, network, seeds)
        self._frame_fpr = settings.frame_fpr

    def frames(self, draw: Generator, disturbance: Disturbance) -> Iterator[LabelledFrame]:
        """Learn from some minutes, then give the odd frames of one more."""
        self._dark.clean(
            self._camera.images(0, np.zeros(len(self._simulation.shots_of_minute(0))))[:_DARK_FRAMES],
            np.empty((_DARK_FRAMES, *IMAGE_SHAPE), np.float32),
        )
        for minute in range(1, 1 + _LEARNING_MINUTES):
            self._learn(self._camera.images(minute, self._energy(minute, draw)))
        minute = 1 + _LEARNING_MINUTES
        labels = self._labels(minute, draw)
        energy = self._energy(minute, draw)
        first = self._simulation.shots_of_minute(minute).start
        for label in labels:
            if label.kind is FaultKind.ENERGY_DROP:
                energy[label.first_shot - first] *= 1.0 - label.magnitude
        images = self._camera.images(minute, energy, labels)
        by_shot = {label.first_shot - first: label for label in labels}
        for shot, raw in enumerate(images):
            if shot % 4 == 0:
                yield from self._odd_frame(disturbance(raw, draw), None, self._frame_fpr)
            elif shot in by_shot:
                yield from self._odd_frame(raw, by_shot[shot], self._frame_fpr)
            else:
                yield from self._odd_frame(raw, None, _NORMAL_PROBABILITY)

    def _energy(self, minute: int, draw: Generator) -> NDArray[np.float64]:
        shots = len(self._simulation.shots_of_minute(minute))
        return np.asarray(1.0 + _BRIGHTNESS_JITTER * draw.standard_normal(shots))

    def _labels(self, minute: int, draw: Generator) -> list[FaultLabel]:
        """One fault in every second shot: all kinds equally often, all severities equally likely."""
        shots = self._simulation.shots_of_minute(minute)[1::2]
        kinds = [IMAGE_CAUSES[place % len(IMAGE_CAUSES)] for place in range(len(shots))]
        draw.shuffle(kinds)
        return [
            FaultLabel(
                number=10_000 * self._number + place,
                device=_NO_DEVICE,
                kind=kind,
                severity=float(draw.random()),
                first_shot=shot,
                shots=1,
                first_shot_ns=0,
                last_shot_ns=0,
            )
            for place, (kind, shot) in enumerate(zip(kinds, shots, strict=True))
        ]

    def _learn(self, images: NDArray[np.uint16]) -> None:
        """Clean normal frames and learn from them as a camera's stage does."""
        left = images
        while len(left):
            raw, left = np.split(left, [self._scores.room])
            cleaned = self._scores.buffers.cleaned[: len(raw)]
            features = self._dark.clean(np.ascontiguousarray(raw), cleaned)[0].features[:, :FEATURE_COUNT]
            if self._scores.learning:
                self._scores.hold(cleaned, features, self._noise_counts())
                continue
            scores = self._scores.score(cleaned, features)
            self._scores.learn(scores, cleaned, scores.probability >= self._frame_fpr, self._noise_counts())

    def _noise_counts(self) -> float:
        profile = self._dark.profile
        return 0.0 if profile is None else float(np.median(profile.sigma))

    def _odd_frame(self, raw: NDArray[np.uint16], label: FaultLabel | None, below: float) -> Iterator[LabelledFrame]:
        """The frame if its probability is below a limit."""
        cleaned = self._scores.buffers.cleaned[:1]
        frames, dark = self._dark.clean(np.ascontiguousarray(raw[np.newaxis]), cleaned)
        if dark[0]:
            return
        scores = self._scores.score(cleaned, frames.features[:, :FEATURE_COUNT])
        probability = float(scores.probability[0])
        if probability >= below:
            return
        reconstruction = scores.reconstruction[0].copy()
        mean, sigma = self._scores.usual_vector()
        frame = OddFrame(
            raw=raw,
            cleaned=cleaned[0].copy(),
            reconstruction=reconstruction,
            residual_z=self._scores.z_map(cleaned[0], reconstruction),
            vector=scores.vectors[0],
            usual=UsualBeam(mean=mean, sigma=sigma),
        )
        yield LabelledFrame(
            frame=frame,
            camera=self._number,
            cause=UNKNOWN_CAUSE if label is None else label.kind.value,
            severity=0.0 if label is None else label.severity,
            odd=probability < self._frame_fpr,
        )
