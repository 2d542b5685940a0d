"""One camera from raw blocks to scored rows, alerts and evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.admission import AdmissionGuard, AdmissionSettings
from models.alerts.alert import AlertEvent, AlertSource
from models.alerts.episodes import EpisodeSettings
from models.causes.cause_classifier import CauseClassifier
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device, RecordKind
from models.images.beam_change import DriftSettings
from models.images.beam_drift import BeamDrift
from models.images.beam_features import FEATURE_COUNT
from models.images.dark_profile import DarkProfile
from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.images.image_episode import ImageEpisode, JudgedFrames
from models.images.image_scores import GROUP_FRAMES, FrameBuffers, ImageScores, ImageScoreSettings, Network
from models.images.residual import Float32Array
from models.images.stuck_frames import StuckFrames
from models.records import RecordBlock
from models.results import FEATURE_NAMES, Reason, Scoring
from models.scored_rows import ScoredRows
from models.scoring.tail_probability import score_of
from models.scoring.threshold_budget import ThresholdBudget
from models.state import State
from models.validity import ValidityLimits, judge_images

_SATURATED = FEATURE_NAMES[RecordKind.CAMERA].index("saturated_fraction")
# An odd frame with more of its pixels saturated than this is said to be so.
_SATURATED_FRACTION = 1e-3


def _image_episode() -> EpisodeSettings:
    """Three were false in 417,000 normal frames, a fifth of them of drifting beams; see ADR 0025."""
    return EpisodeSettings(strong_score=6.5, weak_score=4.0, weak_shots=3, weak_window_shots=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """How a camera's images are judged.

    Attributes
    ----------
    frame_fpr
        A frame is anomalous when its tail probability is below this.
    score_every
        Only every so many-th frame with beam is scored by the network, once the camera has learned: for installations
        whose workers can't keep up. The others (``thinned``) are cleaned and measured, and part of their triplets.
    relearn_after_frames
        An image episode that has lasted for so many frames without a break is what the camera shows from now on (it was
        realigned, or its exposure set anew): it is learned again from the start. 0: never.
    image_episode, stuck_episode
        When alerts open and close. The scores of ``image_episode`` hold until there are thresholds by a budget.
    drift
        How far the beam may slowly move away.
    """

    frame_fpr: float = 2e-3
    score_every: int = 1
    relearn_after_frames: int = 36_000
    validity: ValidityLimits = field(default_factory=ValidityLimits)
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    cleaning: CleaningSettings = field(default_factory=CleaningSettings)
    scores: ImageScoreSettings = field(default_factory=ImageScoreSettings)
    image_episode: EpisodeSettings = field(default_factory=_image_episode)
    stuck_episode: EpisodeSettings = field(default_factory=EpisodeSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 1e-9 <= self.frame_fpr <= 0.01:
            raise ValueError("frame_fpr must be between 1e-9 and 0.01")
        if not 1 <= self.score_every <= 10_000:
            raise ValueError("score_every must be between 1 and 10000")
        if self.relearn_after_frames < 0:
            raise ValueError("relearn_after_frames must not be negative")


class CameraStage:
    """The processing of one camera (see ``models.device_stage.DeviceStage``).

    Parameters
    ----------
    device
        The camera.
    settings
        How its images are judged.
    network
        Reconstructs cleaned images; may be shared by the cameras that are processed in the same thread.
    seeds
        The model's seeds (``ModelBundle.seeds``).
    buffers
        Room for one group of frames, shared in the same way; None for its own.
    causes
        Names the causes of image alerts; None leaves them to words alone.
    budget
        What the thresholds of image episodes follow from; None where those of the settings stay in force.
    """

    def __init__(
        self,
        device: Device,
        settings: CameraSettings,
        network: Network,
        seeds: Mapping[str, Any],
        buffers: FrameBuffers | None = None,
        causes: CauseClassifier | None = None,
        budget: ThresholdBudget | None = None,
    ) -> None:
        self._device = device
        self._settings = settings
        self._model = network.name
        self._admission = AdmissionGuard(settings.admission)
        self._dark = DarkTracker(settings.cleaning)
        self._scores = ImageScores(settings.scores, network, seeds, buffers)
        self._episode = ImageEpisode(device, settings.image_episode, self._model, self._scores, causes, budget)
        self._stuck = StuckFrames(device, settings.stuck_episode)
        self._drift = BeamDrift(device, settings.drift)
        self._since_scored = {False: 0, True: 0}  # frames left out since the last one scored, by ``block.replacement``
        self._noise_of: tuple[DarkProfile | None, float] = (None, 0.0)

    @property
    def model(self) -> str:
        """The id of the model that scores."""
        return self._model

    @property
    def learning(self) -> bool:
        """Whether too little is known yet to score frames."""
        return self._scores.learning

    @property
    def room(self) -> int:
        """Learning can't begin or end before the last of so many records."""
        return self._scores.room

    def recent_scores(self) -> dict[str, NDArray[np.float32]]:
        """Recent normal scores by name, for ``image_scores.fit_seeds``."""
        return self._scores.recent_scores()

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Clean, check and score one block (see ``DeviceStage``).

        Records that are refused, known or late are passed on without a score. Those of a replacement are scored with
        the references as they stand, teach nothing, and belong to no episode, since their time has passed.
        """
        refusal = judge_images(block, self._settings.validity)
        admission = self._admission.judge(block)
        rows = ScoredRows(block, refusal, admission)
        output, left = DeviceOutput(scored=rows.scored_block(self._model)), rows.taken
        while len(left):
            piece, left = np.split(left, [self._scores.room])
            self._process_piece(block, piece, output)
        return output

    def _process_piece(self, block: RecordBlock, rows: NDArray[np.intp], output: DeviceOutput) -> None:
        """Valid records of one group, in which all references stand still."""
        scored = output.scored
        raw = _frames(block.payload, rows)
        cleaned = self._scores.buffers.cleaned[: len(rows)]
        frames, dark = self._dark.clean(raw, cleaned, learn=not block.replacement)
        scored.features[rows, :FEATURE_COUNT] = frames.features
        scored.fires[rows] = ~dark
        scored.scoring[rows[dark]] = Scoring.DARK
        stuck = self._stuck.find(frames.frame_hash, replacement=block.replacement) & ~dark
        lit = np.flatnonzero(~dark)
        if len(lit) == 0:
            return
        if len(lit) < len(rows):
            cleaned[: len(lit)] = cleaned[lit]
            cleaned, rows, stuck = cleaned[: len(lit)], rows[lit], stuck[lit]
        self._judge_stuck(block, rows, stuck, output)
        if not self._scores.learning:
            self._score_some(block, rows, cleaned, stuck, output)
            return
        features = scored.features[rows, :FEATURE_COUNT]
        scored.scoring[rows] = Scoring.LEARNING
        if not block.replacement:
            self._episode.observe_normal(block, rows, output)
            times = block.event_time_ns[rows[~stuck]]
            self._scores.hold(cleaned[~stuck], features[~stuck], self._noise_counts(), times)

    def _noise_counts(self) -> float:
        """Median noise of the pixels without beam; 0 as long as it is not known."""
        profile = self._dark.profile
        if profile is None:
            return 0.0
        if self._noise_of[0] is not profile:
            self._noise_of = (profile, float(np.median(profile.sigma)))
        return self._noise_of[1]

    def _judge_stuck(
        self, block: RecordBlock, rows: NDArray[np.intp], stuck: NDArray[np.bool_], output: DeviceOutput
    ) -> None:
        scored = output.scored
        scored.anomalous[rows] = stuck
        scored.reasons[rows[stuck]] = Reason.STUCK_FRAME
        if not block.replacement:
            output.alerts.extend(self._stuck.observe(block, rows, stuck, scored.reasons[rows]))

    def _score_some(
        self,
        block: RecordBlock,
        rows: NDArray[np.intp],
        cleaned: Float32Array,
        stuck: NDArray[np.bool_],
        output: DeviceOutput,
    ) -> None:
        """Score the frames whose turn it is: usually all."""
        every = self._settings.score_every
        if every > 1:
            left_out = self._since_scored[block.replacement]
            chosen = (left_out + 1 + np.arange(len(rows))) % every == 0
            self._since_scored[block.replacement] = (left_out + len(rows)) % every
            output.scored.scoring[rows[~chosen]] = Scoring.THINNED
            rows, cleaned, stuck = rows[chosen], cleaned[chosen], stuck[chosen]
        if len(rows):
            self._score(block, rows, cleaned, stuck, output)

    def _score(
        self,
        block: RecordBlock,
        rows: NDArray[np.intp],
        cleaned: Float32Array,
        stuck: NDArray[np.bool_],
        output: DeviceOutput,
    ) -> None:
        scored, fpr = output.scored, self._settings.frame_fpr
        features = scored.features[rows, :FEATURE_COUNT]
        times = block.event_time_ns[rows]
        scores = self._scores.score(cleaned, features, times, replacement=block.replacement)
        score = score_of(scores.probability)
        odd = scores.probability < fpr
        reasons = scores.reasons(fpr)
        reasons[odd & (features[:, _SATURATED] > _SATURATED_FRACTION)] |= np.uint32(Reason.SATURATED)
        scored.scoring[rows] = Scoring.SCORED
        scored.score[rows] = score
        scored.anomalous[rows] |= odd
        scored.reasons[rows] |= reasons
        scored.features[rows, FEATURE_COUNT:] = scores.shown()
        if block.replacement:
            return
        was_open = self._episode.is_open
        judged = JudgedFrames(
            block=block, rows=rows, cleaned=cleaned, scores=scores, score=score, odd=odd, reasons=reasons
        )
        is_open = self._episode.observe(judged, output)
        normal = ~(odd | stuck | is_open)
        opened = bool(np.any(is_open & ~np.append(was_open, is_open[:-1])))
        self._scores.learn(scores, cleaned, normal, self._noise_counts(), forget=opened)
        self._watch_drift(block, rows[normal], scores.vectors[normal], output)
        group_ended = self._scores.room == GROUP_FRAMES
        self._episode.follow_budget(int(times[-1]), score, ~(stuck | is_open), group_ended=group_ended)
        if group_ended:
            self._relearn_after_long(output)

    def _watch_drift(
        self, block: RecordBlock, rows: NDArray[np.intp], vectors: NDArray[np.float64], output: DeviceOutput
    ) -> None:
        """Tell how far normal frames, which the references follow, have led away."""
        times = block.event_time_ns[rows]
        output.alerts.extend(
            self._drift.observe(times, vectors, lambda place: AlertSource.of_record(block, int(rows[place])))
        )

    def _relearn_after_long(self, output: DeviceOutput) -> None:
        """Begin anew when the episode has lasted too long to be a fault."""
        limit = self._settings.relearn_after_frames
        if limit and self._episode.open_frames >= limit:
            output.alerts.extend(self._begin_anew())

    def _begin_anew(self) -> list[AlertEvent]:
        """Learn the camera again from the start; what closes with that."""
        self._scores.begin_anew()
        self._episode.forget_length()
        return self._drift.begin_anew()

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close the image episode, with its evidence, and learn anew."""
        closing = self._episode.accept_baseline()
        closing.alerts += self._begin_anew()
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended, with the worst and the last frame of the episode."""
        closing = self._episode.finish()
        closing.alerts += self._stuck.finish() + self._drift.finish()
        return closing

    def state(self) -> State:
        """All that later results depend on: 0.8 to 0.9 MB (ADR 0019); what depends on the model, under ``scores``."""
        return {
            "admission": self._admission.state(),
            "dark": self._dark.state(),
            "scores": self._scores.state() | {"threshold": self._episode.threshold_state()},
            **self._episode.state(),
            **self._stuck.state(),
            "drift": self._drift.state(),
            "since_scored": [self._since_scored[False], self._since_scored[True]],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; a camera whose state is of another model learns anew."""
        self._admission.restore(state["admission"])
        self._dark.restore(state["dark"])
        self._scores.restore(state["scores"])
        self._episode.restore(state)
        self._stuck.restore(state)
        if "drift" in state:
            self._drift.restore(state["drift"])
        scores = state["scores"]
        if self._scores.fits(scores):  # else there are other tails
            # Earlier programs kept them beside the scores.
            self._episode.restore_threshold(scores.get("threshold", state.get("threshold")))
        self._since_scored = dict(zip((False, True), state.get("since_scored", (0, 0)), strict=True))


def _frames(payload: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.uint16]:
    """The payload's rows: a view when they follow each other, always read-only (a kernel is compiled for one kind)."""
    first, last = int(rows[0]), int(rows[-1])
    frames: NDArray[np.uint16] = payload[first : last + 1] if last - first + 1 == len(rows) else payload[rows]
    frames = np.ascontiguousarray(frames)[:]
    frames.flags.writeable = False
    return frames
