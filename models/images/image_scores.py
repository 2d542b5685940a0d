"""Scores of a camera's beam frames as tail probabilities, and how both follow the camera.

The smallest of the tail probabilities of a frame's scores, corrected for their number, is the frame's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from models.images.beam_features import beam_vector
from models.images.frame_scores import IMAGE_SCORES, STEPS_ROW, FrameScores
from models.images.latent_correction import LatentCorrection
from models.images.learning_phase import FIRST_SCORED_FRAME, LearningPhase
from models.images.reference_history import MEMORY_FRAMES, ReferenceHistory
from models.images.reference_maps import MapSettings
from models.images.reference_memory import saved_memory, whole_memory
from models.images.references import LATENT_SIZE, References
from models.images.residual import Float32Array
from models.records import IMAGE_SHAPE
from models.scoring.distance import DistanceSettings
from models.scoring.tail_probability import TailSeed, TailSettings, corrected, fit_seed
from models.state import State

#: Beam frames after which what was learned takes effect, and the most that are scored at once.
GROUP_FRAMES = 32


class Network(Protocol):
    """What scoring needs of a network; one thread at a time may use it."""

    @property
    def name(self) -> str:
        """Id of the model, as results show it."""
        ...

    def run(self, images: Float32Array, reconstruction: Float32Array, latent: Float32Array) -> None:
        """Reconstruct (n, 102, 128) counts into the given arrays; a frame's result depends on nothing but itself."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScoreSettings:
    """How images are scored.

    Attributes
    ----------
    learning_frames
        So many beam frames of a new camera are learned before any is scored.
    maps, distance, tail
        The references and the probabilities.
    """

    learning_frames: int = 300
    maps: MapSettings = field(default_factory=MapSettings)
    distance: DistanceSettings = field(default_factory=DistanceSettings)
    tail: TailSettings = field(default_factory=TailSettings)
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not FIRST_SCORED_FRAME + self.tail.minimum_records <= self.learning_frames <= 10_000:
            raise ValueError(
                f"learning_frames must be between {FIRST_SCORED_FRAME} + tail.minimum_records and 10,000, "
                f"got {self.learning_frames}"
            )


class FrameBuffers:
    """Room for one group of frames; cameras that are scored in the same thread share it."""

    def __init__(self) -> None:
        self.cleaned = np.empty((GROUP_FRAMES, *IMAGE_SHAPE), np.float32)
        self.reconstruction = np.empty((GROUP_FRAMES, *IMAGE_SHAPE), np.float32)
        self.latent = np.empty((GROUP_FRAMES, LATENT_SIZE), np.float32)


def fit_seeds(scores_per_camera: Sequence[Mapping[str, NDArray[np.float32]]]) -> dict[str, dict[str, float]]:
    """The seeds of a model, as its bundle holds them, from ``ImageScores.recent_scores`` of several normal cameras."""
    return {
        name: fit_seed([np.asarray(scores[name], np.float64) for scores in scores_per_camera]).to_json()
        for name in IMAGE_SCORES
    }


def room_for_frames(frames: int, learning_frames: int, *, learning: bool) -> int:
    """How many frames may follow the first ``frames`` in one piece: up to the end of their group, or of the learning.

    While a camera still learns beyond ``learning_frames``, the end of the group counts alone.
    """
    until_group = GROUP_FRAMES - frames % GROUP_FRAMES
    until_scored = learning_frames - frames
    return min(until_group, until_scored) if learning and until_scored > 0 else until_group


class ImageScores:
    """Scores the beam frames of one camera and learns from the normal ones.

    Frames come in order, in pieces of at most ``room`` frames, so that no piece crosses the end of a group: within a
    group all references stand still.

    Parameters
    ----------
    settings
        How images are scored.
    network
        Reconstruction and latent vectors.
    seeds
        The model's seeds: JSON values by the name of the score; a missing one is a general one.
    buffers
        Shared room, or None for its own.

    Raises
    ------
    FatalError
        If a seed is damaged.
    """

    def __init__(
        self,
        settings: ImageScoreSettings,
        network: Network,
        seeds: Mapping[str, Any],
        buffers: FrameBuffers | None = None,
    ) -> None:
        self._settings = settings
        self._network = network
        self._seeds = {name: TailSeed.from_json(seeds[name]) if name in seeds else TailSeed() for name in IMAGE_SCORES}
        self.buffers = buffers or FrameBuffers()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything and learn again."""
        settings = self._settings
        self._frames = 0
        self._start: LearningPhase | None = LearningPhase()
        self._references = References(settings.maps, settings.distance, settings.tail, self._seeds)
        self._correction = LatentCorrection(LATENT_SIZE)
        self._history = ReferenceHistory()
        self._forgetting = False

    @property
    def learning(self) -> bool:
        """Whether frames are not scored yet."""
        return self._start is not None

    @property
    def room(self) -> int:
        """How many frames there may be in the next piece: up to the end of the group."""
        return room_for_frames(self._frames, self._settings.learning_frames, learning=self.learning)

    def recent_scores(self) -> dict[str, NDArray[np.float32]]:
        """The logarithms of recent normal scores by name: what ``fit_seeds`` takes."""
        return {name: tail.recent for name, tail in zip(IMAGE_SCORES, self._references.tails, strict=True)}

    def usual_vector(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and sigma of the camera's ``beam_vector``, float64, shape (9,) each; of use once learning is over."""
        return self._references.moments.usual()

    def z_map(self, cleaned: Float32Array, reconstruction: Float32Array) -> Float32Array:
        """One frame's residual in sigmas (``ReferenceMaps.z_map``)."""
        return self._references.maps.z_map(cleaned, reconstruction)

    def score(
        self,
        cleaned: Float32Array,
        features: NDArray[np.float64],
        event_time_ns: NDArray[np.int64] | None = None,
        *,
        replacement: bool = False,
    ) -> FrameScores:
        """Score up to ``room`` frames; nothing is learned.

        Parameters
        ----------
        cleaned
            float32, shape (n, 102, 128), C order, counts above the pedestal.
        features
            float64, shape (n, 10).
        event_time_ns
            int64, shape (n,); None: they follow the frames before without a pause.
        replacement
            Whether their time has passed: they follow no frame, and have no step.
        """
        reconstruction, latent = self._run(cleaned)
        references = self._references
        self._correction.correct(latent, reconstruction, references.latent.mean)
        vectors = beam_vector(features)
        ripples = references.maps.ripples(cleaned, reconstruction)
        steps = references.steps.follow(vectors, references.moments.mean, event_time_ns)
        logs = references.log_scores(cleaned, reconstruction, latent, vectors, ripples, steps)
        if replacement:
            logs[STEPS_ROW] = np.nan
        single = np.stack([tail.p_values(row) for tail, row in zip(references.tails, logs, strict=True)])
        probabilities = corrected(single, len(single))
        return FrameScores(
            reconstruction=reconstruction,
            latent=latent,
            vectors=vectors,
            ripples=ripples,
            steps=steps,
            logs=logs,
            probabilities=probabilities,
            probability=probabilities.min(axis=0),
        )

    def _run(self, cleaned: Float32Array) -> tuple[Float32Array, Float32Array]:
        """What the network says of frames: reconstructions and latent vectors, in the buffers."""
        count = len(cleaned)
        reconstruction, latent = self.buffers.reconstruction[:count], self.buffers.latent[:count]
        self._network.run(cleaned, reconstruction, latent)
        return reconstruction, latent

    def learn(
        self,
        scores: FrameScores,
        cleaned: Float32Array,
        keep: NDArray[np.bool_],
        noise_counts: float,
        *,
        forget: bool = False,
    ) -> None:
        """Learn from the frames of ``score`` marked in ``keep``, and go on by all of them.

        Parameters
        ----------
        noise_counts
            Noise of a pixel without beam, as far as known, else 0.
        forget
            Whether an episode opened among the frames. At the end of the group the references then go back to what
            they were 64 to 128 frames ago: what led up to the episode was perhaps its beginning.
        """
        self._forgetting |= forget
        self._references.learn(scores, cleaned, keep)
        self._frames += len(cleaned)
        if self._frames % GROUP_FRAMES == 0:
            self._apply(noise_counts)

    def hold(
        self,
        cleaned: Float32Array,
        features: NDArray[np.float64],
        noise_counts: float,
        event_time_ns: NDArray[np.int64] | None = None,
    ) -> None:
        """Take up to ``room`` frames of the learning phase; the odd ones among them are found at the group's end."""
        start = self._start
        if start is None:
            raise RuntimeError("the learning phase is over")
        if not len(cleaned):  # all were stuck: the end of a group must not be taken for another one
            return
        start.hold(cleaned, features)
        if event_time_ns is not None:
            self._references.steps.wait(event_time_ns)
        self._frames += len(cleaned)
        if self._frames % GROUP_FRAMES == 0 or self._frames == self._settings.learning_frames:
            held = start.take_held(self.buffers.cleaned)
            start.learn_group(held, *self._run(held), self._references, self._correction, noise_counts)
            if self._frames >= self._settings.learning_frames:
                self._end_learning(start)

    def _apply(self, noise_counts: float) -> None:
        """The end of a group: learn what it taught, or forget it and the groups before."""
        past = self._history.go_back() if self._forgetting else None
        self._forgetting = False
        if past is not None:
            self._references.go_back(past)
        else:
            self._references.apply(noise_counts)
        if self._frames % MEMORY_FRAMES == 0:
            self._history.remember(self._references.memory())

    def _end_learning(self, start: LearningPhase) -> None:
        if start.end(self._references, self._settings.tail.minimum_records):
            self._start = None
            if not self._correction.ready:  # begun by a state of before, too late to be fitted
                self._correction = LatentCorrection(LATENT_SIZE)
            self._history.remember(self._references.memory())

    def state(self) -> State:
        """All that later results depend on: about 0.7 MB, in the learning phase up to 4 MB."""
        references = self._references.state()
        return {
            "model": self._network.name,
            "frames": self._frames,
            "learning": None if self._start is None else self._start.state(),
            "correction": self._correction.state(),
            "history": [saved_memory(memory, references) for memory in self._history.state()],
            "forgetting": self._forgetting,
            **references,
        }

    def fits(self, state: State) -> bool:
        """Whether a saved state is of the same model, and of a program that knew steps and ripples."""
        return bool(state["model"] == self._network.name and "ripples" in state)

    def restore(self, state: State) -> None:
        """Go on from a saved state; with one that does not fit, learning begins anew.

        Raises
        ------
        FatalError
            If the state does not fit the settings.
        """
        self.begin_anew()
        if not self.fits(state):
            return
        self._frames = int(state["frames"])
        learning = state["learning"]
        self._start = None
        if learning is not None:
            self._start = LearningPhase()
            self._start.restore(learning)
        self._correction.restore(state.get("correction", {}))
        self._history.restore([whole_memory(memory, state) for memory in state.get("history", [])])
        self._forgetting = bool(state.get("forgetting", False))
        self._references.restore(state)
