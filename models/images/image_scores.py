"""The scores of a camera's beam frames, their tail probabilities, and how both follow the camera.

Ten scores per frame: the largest z of the residual above and below its usual, each on four scales; the distance of the
latent vector; the distance of the beam's features. All enter as logarithms, which makes their tails light. The smallest
of their tail probabilities, corrected for their number, is the frame's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from models.images.latent_correction import LatentCorrection
from models.images.reference_history import MEMORY_FRAMES, ReferenceHistory
from models.images.reference_maps import MapSettings, ReferenceMaps
from models.images.residual import SCALES, Float32Array
from models.records import IMAGE_SHAPE
from models.results import Reason
from models.scoring.distance import DistanceSettings, RollingDistance, central
from models.scoring.tail_probability import TailProbability, TailSeed, TailSettings, corrected, fit_seed
from models.state import State

#: Beam frames after which what was learned takes effect, and the most that are scored at once.
GROUP_FRAMES = 32
#: The scores of a frame, in the order of the rows of their matrix, and the reason that each gives.
IMAGE_SCORES: dict[str, Reason] = {
    **{f"residual_above_{scale}": Reason.RESIDUAL for scale in range(SCALES)},
    **{f"residual_below_{scale}": Reason.RESIDUAL for scale in range(SCALES)},
    "latent": Reason.LATENT,
    "moments": Reason.BEAM_MOMENTS,
}

_LATENT_ROW, _MOMENTS_ROW = 2 * SCALES, 2 * SCALES + 1
_REASONS = np.array(list(IMAGE_SCORES.values()), np.uint32)
_LATENT_SIZE = 32
_LATENT_FLOOR = np.full(_LATENT_SIZE, 1e-4)
# The least standard deviations that are believed of the components of ``beam_vector``.
_MOMENTS_FLOOR = np.array([0.002, 0.02, 0.02, 0.002, 0.002, 0.002, 0.005, 0.005, 2e-4])
# The first groups teach the maps and the correction only: without it, and with maps from few frames, scores are larger.
_FIRST_SCORED_FRAME = 128
# Learning frames are judged by the logarithms of their residual scores, which are at least this uncertain.
_LOG_SCORE_FLOOR = 0.1
_LEAST_SCORE = 1e-9
# Should so many learning frames be odd that no tail can be fitted, learning goes on with the latest ones.
_MOST_LEARNING_FRAMES = 1024


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
        if not _FIRST_SCORED_FRAME + self.tail.minimum_records <= self.learning_frames <= 10_000:
            raise ValueError(
                f"learning_frames must be between {_FIRST_SCORED_FRAME} + tail.minimum_records and 10,000, "
                f"got {self.learning_frames}"
            )


class FrameBuffers:
    """Room for one group of frames; cameras that are scored in the same thread share it."""

    def __init__(self) -> None:
        self.cleaned = np.empty((GROUP_FRAMES, *IMAGE_SHAPE), np.float32)
        self.reconstruction = np.empty((GROUP_FRAMES, *IMAGE_SHAPE), np.float32)
        self.latent = np.empty((GROUP_FRAMES, _LATENT_SIZE), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameScores:
    """The scores of n beam frames.

    Attributes
    ----------
    reconstruction, latent
        float32, shapes (n, 102, 128) and (n, 32): views of the buffers, good until they are used again.
    vectors
        float64, shape (n, 9): ``beam_vector``.
    logs
        float64, shape (10, n): the logarithms of the scores, in the order of ``IMAGE_SCORES``.
    probabilities
        float64, shape (10, n): the tail probability of each, corrected for their number.
    probability
        float64, shape (n,): the smallest of them.
    """

    reconstruction: Float32Array
    latent: Float32Array
    vectors: NDArray[np.float64]
    logs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    probability: NDArray[np.float64]

    def shown(self) -> NDArray[np.float64]:
        """float64, shape (n, 3): largest z of the residual, latent distance, moments distance."""
        largest = self.logs[: 2 * SCALES].max(axis=0)
        logs = np.stack([largest, self.logs[_LATENT_ROW], self.logs[_MOMENTS_ROW]], axis=1)
        return cast("NDArray[np.float64]", np.exp(logs))

    def reasons(self, frame_fpr: float) -> NDArray[np.uint32]:
        """uint32, shape (n,): the ``Reason`` of every score whose probability is below ``frame_fpr``."""
        below = np.where(self.probabilities < frame_fpr, _REASONS[:, np.newaxis], np.uint32(0))
        return cast("NDArray[np.uint32]", np.bitwise_or.reduce(below, axis=0))


def beam_vector(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The image's features as a vector that has no jumps and whose normal spread is about Gaussian.

    Parameters
    ----------
    features
        float64, shape (n, 10): the first columns of ``FEATURE_NAMES[RecordKind.CAMERA]``.

    Returns
    -------
    ndarray
        float64, shape (n, 9): log of the sum, centroid x and y in pixels, log of the mean diameter, the ellipse's
        strength along and across 45 degrees (an angle alone is undefined for a round beam), log of the peak, hot-spot
        contrast, saturated fraction. NaN or infinite where a feature is not known.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        major, minor = features[:, 3] ** 2, features[:, 4] ** 2
        strength = (major - minor) / (major + minor)
        angle = 2.0 * features[:, 6]
        return np.stack(
            [
                np.log(features[:, 0]),
                features[:, 1],
                features[:, 2],
                0.25 * np.log(major * minor),
                strength * np.cos(angle),
                strength * np.sin(angle),
                np.log(features[:, 7]),
                features[:, 8],
                features[:, 9],
            ],
            axis=1,
        )


def fit_seeds(scores_per_camera: Sequence[Mapping[str, NDArray[np.float32]]]) -> dict[str, dict[str, float]]:
    """The seeds of a model, as its bundle holds them, from ``ImageScores.recent_scores`` of several normal cameras."""
    return {
        name: fit_seed([np.asarray(scores[name], np.float64) for scores in scores_per_camera]).to_json()
        for name in IMAGE_SCORES
    }


def _logs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residual scores (n, 4, 3) as rows of the matrix of logarithms, (8, n)."""
    both = np.concatenate([scores[:, :, 0].T, scores[:, :, 1].T])
    return cast("NDArray[np.float64]", np.log(np.maximum(both, _LEAST_SCORE)))


@dataclass(slots=True)
class _Start:
    """What the learning phase has gathered: ``held`` frames of the group that goes on, and small arrays of all."""

    held: list[Float32Array] = field(default_factory=list)
    vectors: list[NDArray[np.float64]] = field(default_factory=list)
    latents: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, _LATENT_SIZE), np.float32))
    logs: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2 * SCALES)))
    kept: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


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
        self._start: _Start | None = _Start()
        self._maps = ReferenceMaps(settings.maps)
        self._latent = RollingDistance(settings.distance, _LATENT_FLOOR)
        self._moments = RollingDistance(settings.distance, _MOMENTS_FLOOR)
        self._correction = LatentCorrection(_LATENT_SIZE)
        self._history = ReferenceHistory()
        self._forgetting = False
        self._tails = [TailProbability(settings.tail, self._seeds[name]) for name in IMAGE_SCORES]

    @property
    def learning(self) -> bool:
        """Whether frames are not scored yet."""
        return self._start is not None

    @property
    def room(self) -> int:
        """How many frames there may be in the next piece: up to the end of the group."""
        until_group = GROUP_FRAMES - self._frames % GROUP_FRAMES
        until_scored = self._settings.learning_frames - self._frames
        return min(until_group, until_scored) if self.learning and until_scored > 0 else until_group

    def recent_scores(self) -> dict[str, NDArray[np.float32]]:
        """The logarithms of recent normal scores by name: what ``fit_seeds`` takes."""
        return {name: tail.recent for name, tail in zip(IMAGE_SCORES, self._tails, strict=True)}

    def usual_vector(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and sigma of the camera's ``beam_vector``, float64, shape (9,) each; of use once learning is over."""
        return self._moments.usual()

    def z_map(self, cleaned: Float32Array, reconstruction: Float32Array) -> Float32Array:
        """One frame's residual in sigmas (``ReferenceMaps.z_map``)."""
        return self._maps.z_map(cleaned, reconstruction)

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> FrameScores:
        """Score up to ``room`` frames; nothing is learned.

        Parameters
        ----------
        cleaned
            float32, shape (n, 102, 128), C order, counts above the pedestal.
        features
            float64, shape (n, 10).
        """
        count = len(cleaned)
        reconstruction, latent = self.buffers.reconstruction[:count], self.buffers.latent[:count]
        self._network.run(cleaned, reconstruction, latent)
        self._correction.correct(latent, reconstruction, self._latent.mean)
        vectors = beam_vector(features)
        logs = np.empty((len(IMAGE_SCORES), count))
        logs[: 2 * SCALES] = _logs(self._maps.scores(cleaned, reconstruction))
        logs[_LATENT_ROW] = np.log(np.maximum(self._latent.distances(latent), _LEAST_SCORE))
        logs[_MOMENTS_ROW] = np.log(np.maximum(self._moments.distances(vectors), _LEAST_SCORE))
        single = np.stack([tail.p_values(row) for tail, row in zip(self._tails, logs, strict=True)])
        probabilities = corrected(single, len(single))
        return FrameScores(
            reconstruction=reconstruction,
            latent=latent,
            vectors=vectors,
            logs=logs,
            probabilities=probabilities,
            probability=probabilities.min(axis=0),
        )

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
        self._maps.learn(cleaned, scores.reconstruction, keep)
        self._latent.learn(scores.latent[keep])
        self._moments.learn(scores.vectors[keep])
        for tail, row in zip(self._tails, scores.logs, strict=True):
            tail.learn(row[keep])
        self._frames += len(cleaned)
        if self._frames % GROUP_FRAMES == 0:
            self._apply(noise_counts)

    def hold(self, cleaned: Float32Array, features: NDArray[np.float64], noise_counts: float) -> None:
        """Take up to ``room`` frames of the learning phase; the odd ones among them are found at the group's end."""
        start = self._start
        if start is None:
            raise RuntimeError("the learning phase is over")
        if not len(cleaned):  # all were stuck: the end of a group must not be taken for another one
            return
        start.held.extend(cleaned.copy())
        start.vectors.append(beam_vector(features))
        self._frames += len(cleaned)
        if self._frames % GROUP_FRAMES == 0 or self._frames == self._settings.learning_frames:
            self._learn_group(start, noise_counts)
            if self._frames >= self._settings.learning_frames:
                self._end_learning(start)

    def _apply(self, noise_counts: float) -> None:
        """The end of a group: learn what it taught, or forget it and the groups before."""
        past = self._history.go_back() if self._forgetting else None
        self._forgetting = False
        if past is not None:
            self._restore_references(past)
        else:
            self._apply_learned(noise_counts)
        if self._frames % MEMORY_FRAMES == 0:
            self._history.remember(self._references_state())

    def _apply_learned(self, noise_counts: float) -> None:
        self._maps.apply(noise_counts)
        self._latent.apply()
        self._moments.apply()
        for tail in self._tails:
            tail.refit()

    def _learn_group(self, start: _Start, noise_counts: float) -> None:
        """Judge the held frames by each other and by all before, and teach the maps those that are not odd."""
        count = len(start.held)
        cleaned = np.stack(start.held, out=self.buffers.cleaned[:count])
        start.held.clear()
        reconstruction, latent = self.buffers.reconstruction[:count], self.buffers.latent[:count]
        self._network.run(cleaned, reconstruction, latent)
        corrected = self._correction.ready
        self._correction.correct(latent, reconstruction)
        first = not self._maps.ready
        if first:
            self._maps.start(cleaned, reconstruction, noise_counts)
        logs = _logs(self._maps.scores(cleaned, reconstruction)).T
        vectors = np.concatenate(start.vectors)
        start.vectors = [vectors]
        kept = central(logs, np.full(2 * SCALES, _LOG_SCORE_FLOOR))
        kept &= central(vectors, _MOMENTS_FLOOR)[-count:]
        if not first:
            self._maps.learn(cleaned, reconstruction, kept)
            self._maps.apply(noise_counts)
        if not corrected:
            logs[:] = np.nan
            if not first:  # by maps of their own, odd frames are hard to tell
                self._correction.gather(latent[kept], (cleaned - reconstruction)[kept])
            if self._correction.complete:
                self._maps.correct(self._correction.fit())
        start.latents = np.concatenate([start.latents, latent])
        start.logs = np.concatenate([start.logs, logs])
        start.kept = np.concatenate([start.kept, kept])

    def _end_learning(self, start: _Start) -> None:
        """Set distances and tails from the frames learned, if these are enough."""
        vectors = np.concatenate(start.vectors)[start.kept]
        by_moments, moments = self._moments.start(vectors)
        by_latent, latent = self._latent.start(start.latents[start.kept])
        usual = by_moments & by_latent
        rows = [*start.logs[start.kept].T, np.log(latent), np.log(moments)]
        normal = [row[usual & np.isfinite(row)] for row in rows]
        if min(map(len, normal)) >= self._settings.tail.minimum_records and self._latent.ready:
            for tail, row in zip(self._tails, normal, strict=True):
                tail.learn(row)
                tail.refit()
            self._start = None
            if not self._correction.ready:  # begun by a state of before, too late to be fitted
                self._correction = LatentCorrection(_LATENT_SIZE)
            self._history.remember(self._references_state())
            return
        latest = slice(-_MOST_LEARNING_FRAMES, None)
        start.vectors = [np.concatenate(start.vectors)[latest]]
        start.latents, start.logs, start.kept = start.latents[latest], start.logs[latest], start.kept[latest]

    def state(self) -> State:
        """All that later results depend on: about 1 MB, in the learning phase up to 4 MB."""
        start = self._start
        learning = None
        if start is not None:
            learning = {
                "held": np.array(start.held, np.float32).reshape(-1, *IMAGE_SHAPE),
                "vectors": np.concatenate([np.zeros((0, len(_MOMENTS_FLOOR))), *start.vectors]),
                "latents": start.latents,
                "logs": start.logs,
                "kept": start.kept,
            }
        return {
            "model": self._network.name,
            "frames": self._frames,
            "learning": learning,
            "correction": self._correction.state(),
            "history": self._history.state(),
            "forgetting": self._forgetting,
            **self._references_state(),
        }

    def _references_state(self) -> State:
        """What normal frames go on teaching."""
        return {
            "maps": self._maps.state(),
            "latent": self._latent.state(),
            "moments": self._moments.state(),
            "tails": {name: tail.state() for name, tail in zip(IMAGE_SCORES, self._tails, strict=True)},
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; with another model than the saved one, learning begins anew.

        A camera that had learned before there was a correction goes on without one.

        Raises
        ------
        FatalError
            If the state does not fit the settings.
        """
        self.begin_anew()
        if state["model"] != self._network.name:
            return
        self._frames = int(state["frames"])
        learning = state["learning"]
        self._start = None
        if learning is not None:
            self._start = _Start(
                held=list(np.array(learning["held"])),
                vectors=[np.array(learning["vectors"])],
                latents=np.array(learning["latents"]),
                logs=np.array(learning["logs"]),
                kept=np.array(learning["kept"]),
            )
        self._correction.restore(state.get("correction", {}))
        self._history.restore(state.get("history", []))
        self._forgetting = bool(state.get("forgetting", False))
        self._restore_references(state)

    def _restore_references(self, state: State) -> None:
        self._maps.restore(state["maps"])
        self._latent.restore(state["latent"])
        self._moments.restore(state["moments"])
        for name, tail in zip(IMAGE_SCORES, self._tails, strict=True):
            tail.restore(state["tails"][name])
