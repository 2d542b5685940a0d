"""All architectures over the same simulated cameras, which no choice was made on: trained, watched, counted."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from connectors.model_files import default_model
from models.errors import FatalError
from models.fault_kinds import FaultKind
from models.simulation.leading_drift import Departure
from models.simulation.settings import ShapeSet
from models.training.architecture_comparison import ArchitectureFigures, ScoredStretch, Stretches, figures
from models.training.architectures.architecture import Architecture, CameraScorer, Shipped, TrainedArchitecture
from models.training.architectures.catalogue import ARCHITECTURES
from models.training.labelled_camera import LabelledCamera, StayingFault
from models.training.settings import TrainingSettings
from models.training.time_split import Images
from models.training.virtual_cameras import VirtualCameraSettings, virtual_cameras
from streams.training import Progress, require_training_extra

_MICROSECONDS = 1e6
# The beam is led away, and a fault comes to stay, after so many minutes.
_QUIET_MINUTES = 5
# Medium faults: one that is small, one that the whole image shows.
_STAYING = (FaultKind.HOT_SPOT, FaultKind.POINTING_JUMP)
_MEDIUM = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSize:
    """How much is simulated for a comparison.

    Attributes
    ----------
    cameras, minutes
        Watched with faults, ten frames a second; each camera has one of the eight proof shapes.
    seed
        Another one makes other cameras, other faults and other trainings.
    slow_hz
        Frames a second of the cameras that are watched for long. References follow by frames, not by time: with fewer
        of them a beam moves further while an old frame is forgotten.
    drift_minutes, drift_cameras
        How long a beam takes to be led away by 5 px and 10 % in size, and of how many cameras; 0 minutes: none.
    staying_minutes
        How long a medium hot spot, and on another camera a medium displacement, stay; 0: none.
    epochs
        At most so many of the watch's own networks, which begin with the shipped weights.
    virtual_cameras
        What has no shipped model learns from so many simulated cameras of other shapes, 12 frames each, for the cold
        start.
    """

    cameras: int = 8
    minutes: int = 8
    seed: int = 271
    slow_hz: float = 2.0
    drift_minutes: int = 60
    drift_cameras: int = 2
    staying_minutes: int = 30
    epochs: int = 8
    virtual_cameras: int = 60

    def without_long_stretches(self) -> "ComparisonSize":
        """The same without drifting beams and faults that stay."""
        return replace(self, drift_minutes=0, staying_minutes=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedArchitecture:
    """An architecture and what it reached."""

    name: str
    description: str
    figures: ArchitectureFigures


def compare_architectures(
    size: ComparisonSize, names: Sequence[str] = (), progress: Progress | None = None
) -> list[ComparedArchitecture]:
    """Train and watch with each architecture of these names; all when there are none.

    Parameters
    ----------
    progress
        Called with steps done and steps in all: two trainings of each architecture, and every minute watched.

    Raises
    ------
    FatalError
        If there is no architecture of a name, or no training extra.
    """
    unknown = [name for name in names if name not in ARCHITECTURES]
    if unknown:
        raise FatalError(
            f"there is no architecture {unknown[0]!r}; there are {', '.join(ARCHITECTURES)}", reason="architecture"
        )
    require_training_extra()
    return _Comparison(size, list(dict.fromkeys(names)) or list(ARCHITECTURES), progress).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cameras:
    """What is watched."""

    labelled: list[LabelledCamera]
    drifting: list[LabelledCamera]
    staying: list[LabelledCamera]

    @classmethod
    def of(cls, size: ComparisonSize, photographs: Sequence[NDArray[np.uint16]]) -> "_Cameras":
        """All cameras, each with a number of its own."""
        labelled = [
            LabelledCamera(photographs, size.seed, number, minutes=size.minutes) for number in range(size.cameras)
        ]
        departure = Departure(begin_s=60.0 * _QUIET_MINUTES, lasting_s=60.0 * size.drift_minutes)
        drifting = [
            LabelledCamera(
                photographs,
                size.seed,
                size.cameras + number,
                minutes=_QUIET_MINUTES + size.drift_minutes,
                hz=size.slow_hz,
                departure=departure,
            )
            for number in range(size.drift_cameras if size.drift_minutes else 0)
        ]
        first_frame = round(60 * _QUIET_MINUTES * size.slow_hz)
        staying = [
            LabelledCamera(
                photographs,
                size.seed,
                size.cameras + len(drifting) + number,
                minutes=_QUIET_MINUTES + size.staying_minutes,
                hz=size.slow_hz,
                staying=StayingFault(kind=kind, severity=_MEDIUM, first_frame=first_frame),
            )
            for number, kind in enumerate(_STAYING if size.staying_minutes else ())
        ]
        return cls(labelled=labelled, drifting=drifting, staying=staying)

    @property
    def all(self) -> list[LabelledCamera]:
        """Each of them."""
        return [*self.labelled, *self.drifting, *self.staying]


class _Comparison:
    """The cameras of a comparison, and what each architecture makes of them."""

    def __init__(self, size: ComparisonSize, names: Sequence[str], progress: Progress | None) -> None:
        self._size = size
        self._progress = progress or _ignore
        self._shapes = load_beam_shapes()
        training, shipped = TrainingSettings(epochs=size.epochs), default_model()
        self._architectures: dict[str, Architecture] = {name: ARCHITECTURES[name](shipped, training) for name in names}
        photographs = [self._shapes[name] for name in sorted(self._shapes) if ShapeSet.PROOF.holds(name)]
        self._cameras = _Cameras.of(size, photographs)
        self._seconds: dict[str, list[float]] = {name: [] for name in names}
        self._steps = 2 * len(names) + sum(len(camera.minutes) for camera in self._cameras.all)
        self._done = 0

    def run(self) -> list[ComparedArchitecture]:
        """Train, watch, and count."""
        earlier = [list(camera.earlier()) for camera in self._cameras.all]
        trained, cold = self._trained(earlier), self._never_seen()
        watched: list[dict[str, ScoredStretch]] = []
        unseen: list[dict[str, ScoredStretch]] = []
        for camera, frames in zip(self._cameras.all, earlier, strict=True):
            is_labelled = len(unseen) < len(self._cameras.labelled)
            scorers = {name: model.scorer(frames) for name, model in trained.items()}
            strangers = {name: model.scorer([]) for name, model in cold.items()} if is_labelled else {}
            own, other = self._watch(camera, scorers, strangers)
            watched.append(own)
            if is_labelled:
                unseen.append(other)
        return [self._compared(name, watched, unseen) for name in self._architectures]

    def _compared(
        self, name: str, watched: list[dict[str, ScoredStretch]], unseen: list[dict[str, ScoredStretch]]
    ) -> ComparedArchitecture:
        stretches = [of_camera[name] for of_camera in watched]
        drifting = len(unseen) + len(self._cameras.drifting)
        return ComparedArchitecture(
            name=name,
            description=self._architectures[name].description,
            figures=figures(
                Stretches(
                    labelled=stretches[: len(unseen)],
                    cold=[of_camera[name] for of_camera in unseen],
                    drifting=stretches[len(unseen) : drifting],
                    staying=stretches[drifting:],
                ),
                _MICROSECONDS * statistics.median(self._seconds[name]),
            ),
        )

    def _trained(self, earlier: Sequence[Images]) -> dict[str, TrainedArchitecture]:
        """Each architecture after a training on earlier frames of all cameras."""
        trained = {}
        for name, architecture in self._architectures.items():
            trained[name] = architecture.train(earlier, seed=self._size.seed)
            self._step()
        return trained

    def _never_seen(self) -> dict[str, TrainedArchitecture]:
        """Each as it meets a camera that it knows nothing of: shipped, or trained on simulated cameras."""
        settings = VirtualCameraSettings(cameras=self._size.virtual_cameras, seed=self._size.seed)
        others: list[Images] = []
        cold: dict[str, TrainedArchitecture] = {}
        for name, architecture in self._architectures.items():
            if isinstance(architecture, Shipped):
                cold[name] = architecture.shipped()
            else:
                others = others or list(virtual_cameras(self._shapes, settings))
                cold[name] = architecture.train(others, seed=self._size.seed)
            self._step()
        return cold

    def _watch(
        self, camera: LabelledCamera, scorers: Mapping[str, CameraScorer], strangers: Mapping[str, CameraScorer]
    ) -> tuple[dict[str, ScoredStretch], dict[str, ScoredStretch]]:
        """What the scorers make of one camera's frames, which are rendered and cleaned once for all."""
        own: dict[str, list[NDArray[np.float64]]] = {name: [] for name in scorers}
        other: dict[str, list[NDArray[np.float64]]] = {name: [] for name in strangers}
        faults: list[NDArray[np.int64]] = []
        for frames in camera.watched():
            for name, scorer in scorers.items():
                began = time.process_time()
                own[name].append(scorer.observe(frames.beam))
                taken = time.process_time() - began
                self._seconds[name].append(taken / max(len(frames.fault), 1))
            for name, scorer in strangers.items():
                other[name].append(scorer.observe(frames.beam))
            faults.append(frames.fault)
            self._step()
        fault, severities = np.concatenate(faults), [label.severity for label in camera.faults]

        def stretches(scores: Mapping[str, list[NDArray[np.float64]]]) -> dict[str, ScoredStretch]:
            return {
                name: ScoredStretch(score=np.concatenate(parts), fault=fault, severities=severities, hz=camera.hz)
                for name, parts in scores.items()
            }

        return stretches(own), stretches(other)

    def _step(self) -> None:
        self._done += 1
        self._progress(self._done, self._steps)


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""
