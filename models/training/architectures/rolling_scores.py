"""The way in which the watch scores a camera, for frames without records: around any network, and around any score.

It is ``CameraStage`` without its rows, alerts and evidence, and gives the same scores for the same frames.
"""

from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertKind, AlertSource
from models.alerts.episodes import EpisodeTracker
from models.devices import parse_device
from models.event_time import MILLISECOND_NS
from models.images.camera_stage import CameraSettings
from models.images.image_scores import ImageScores, Network
from models.images.residual import Float32Array
from models.scoring.tail_probability import score_of
from models.training.architectures.architecture import BeamFrames

# An episode wants a device, and times; nothing depends on which. Frames come as if ten a second.
_DEVICE = parse_device("LA_A3_31-Camera_1-Camera-1")
_FRAME_NS = 100 * MILLISECOND_NS
_SOURCE = AlertSource(file="", sha256="", path="")


class Probabilities(Protocol):
    """The scores of some frames, whatever else they hold."""

    @property
    def probability(self) -> NDArray[np.float64]:
        """float64, shape (n,): the probability that a normal frame is as odd."""
        ...


_Scored = TypeVar("_Scored", bound=Probabilities)


class References(Protocol[_Scored]):
    """What ``RollingScores`` drives: ``ImageScores``, or what has the same steps (see there)."""

    @property
    def learning(self) -> bool:
        """Whether frames are not scored yet."""
        ...

    @property
    def room(self) -> int:
        """How many frames there may be in the next piece, > 0."""
        ...

    def hold(self, cleaned: Float32Array, features: NDArray[np.float64], noise_counts: float) -> None:
        """Take frames of the learning phase."""
        ...

    def score(self, cleaned: Float32Array, features: NDArray[np.float64]) -> _Scored:
        """Score frames; nothing is learned."""
        ...

    def learn(
        self,
        scores: _Scored,
        cleaned: Float32Array,
        keep: NDArray[np.bool_],
        noise_counts: float,
        *,
        forget: bool = False,
    ) -> None:
        """Learn from those of ``score`` that are marked, and go on by all of them."""
        ...


class RollingScores(Generic[_Scored]):
    """A ``CameraScorer`` whose references follow the frames that are neither odd nor within an episode.

    Parameters
    ----------
    references
        A new one: it learns the camera from its first frames.
    settings
        Below which probability a frame is odd, and when an episode opens; the defaults of the watch if None.
    """

    def __init__(self, references: References[_Scored], settings: CameraSettings | None = None) -> None:
        settings = settings or CameraSettings()
        self._references = references
        self._frame_fpr = settings.frame_fpr
        self._episode = EpisodeTracker(
            _DEVICE, AlertKind.IMAGE_ANOMALY, settings.image_episode, stage=_DEVICE.stage, device=_DEVICE.name
        )
        self._frames = 0

    def observe(self, frames: BeamFrames) -> NDArray[np.float64]:
        """The scores of the next frames (see ``CameraScorer``)."""
        found = np.full(len(frames.cleaned), np.nan)
        start = 0
        while start < len(found):
            piece = slice(start, start + self._references.room)
            cleaned, features = frames.cleaned[piece], frames.features[piece]
            if self._references.learning:
                self._references.hold(cleaned, features, frames.noise_counts)
                self._open_while(np.zeros(len(cleaned)))
            else:
                found[piece] = self._score(cleaned, features, frames.noise_counts)
            start = piece.stop
        return found

    def _score(self, cleaned: Float32Array, features: NDArray[np.float64], noise_counts: float) -> NDArray[np.float64]:
        scores = self._references.score(cleaned, features)
        score = score_of(scores.probability)
        odd = scores.probability < self._frame_fpr
        was_open = self._episode.is_open
        is_open = self._open_while(np.where(odd, score, 0.0), odd)
        opened = bool(np.any(is_open & ~np.append(was_open, is_open[:-1])))
        self._references.learn(scores, cleaned, ~(odd | is_open), noise_counts, forget=opened)
        return score

    def _open_while(self, score: NDArray[np.float64], odd: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
        """Tell the episode about frames; where one is open."""
        count = len(score)
        times = np.arange(self._frames, self._frames + count, dtype=np.int64) * _FRAME_NS
        self._frames += count
        odd = np.zeros(count, np.bool_) if odd is None else odd
        _, is_open = self._episode.observe_block(times, score, odd, np.zeros(count, np.uint32), lambda _: _SOURCE)
        return is_open


def network_scores(
    network: Network, seeds: dict[str, Any] | None = None, settings: CameraSettings | None = None
) -> RollingScores[Any]:
    """The production scoring of a new camera around any network.

    Parameters
    ----------
    network
        Whatever reconstructs and has a latent vector of 32 components; a shorter one is filled up with zeros.
    seeds
        The tails that the network brings (``ModelBundle.seeds``); None for general ones.
    """
    settings = settings or CameraSettings()
    return RollingScores(ImageScores(settings.scores, network, seeds or {}), settings)
