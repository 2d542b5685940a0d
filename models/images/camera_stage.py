"""One camera from raw blocks to scored rows, alerts and evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from models.admission import AdmissionGuard, AdmissionSettings
from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertSource, EvidenceFrame
from models.alerts.episodes import CERTAIN, EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.causes.cause_classifier import CauseClassifier
from models.causes.image_words import explain_image
from models.causes.odd_frame import OddFrame, UsualBeam
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device, RecordKind
from models.fault_kinds import FaultKind
from models.images.beam_drift import BeamDrift, DriftSettings
from models.images.beam_features import FEATURE_COUNT
from models.images.cleaning import repeats
from models.images.dark_profile import DarkProfile
from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.images.evidence import EvidenceKeeper
from models.images.frame_scores import FrameScores
from models.images.image_scores import (
    GROUP_FRAMES,
    FrameBuffers,
    ImageScores,
    ImageScoreSettings,
    Network,
)
from models.images.residual import Float32Array
from models.records import RecordBlock
from models.results import FEATURE_NAMES, Reason, Scoring
from models.scored_rows import ScoredRows
from models.scoring.tail_probability import score_of
from models.scoring.threshold_budget import EpisodeThreshold, ThresholdBudget
from models.state import State
from models.validity import ValidityLimits, judge_images

_SATURATED = FEATURE_NAMES[RecordKind.CAMERA].index("saturated_fraction")
# An odd frame with more of its pixels saturated than this is said to be so.
_SATURATED_FRACTION = 1e-3


def _image_episode() -> EpisodeSettings:
    """Three were false in 417,000 normal frames, a fifth of them of drifting beams; see ADR 0025."""
    return EpisodeSettings(strong_score=6.0, weak_score=2.7, weak_shots=3, weak_window_shots=5)


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
        self._causes = causes
        self._settings = settings
        self._model = network.name
        self._admission = AdmissionGuard(settings.admission)
        self._dark = DarkTracker(settings.cleaning)
        self._scores = ImageScores(settings.scores, network, seeds, buffers)
        self._image = self._tracker(AlertKind.IMAGE_ANOMALY, settings.image_episode, self._model)
        self._stuck = self._tracker(AlertKind.STUCK_FRAME, settings.stuck_episode, "")
        self._threshold = None if budget is None else EpisodeThreshold(budget, settings.image_episode)
        self._evidence = EvidenceKeeper()
        self._drift = BeamDrift(device, settings.drift)
        self._open_frames = 0
        self._since_scored = {False: 0, True: 0}  # frames left out since the last one scored, by ``block.replacement``
        self._noise_of: tuple[DarkProfile | None, float] = (None, 0.0)
        self._frame_before: dict[bool, int | None] = {False: None, True: None}  # its hash, by ``block.replacement``

    def _tracker(self, kind: AlertKind, settings: EpisodeSettings, model: str) -> EpisodeTracker:
        device = self._device
        return EpisodeTracker(device, kind, settings, stage=device.stage, device=device.name, model=model)

    @property
    def model(self) -> str:
        """The id of the model that scores."""
        return self._model

    @property
    def learning(self) -> bool:
        """Whether too little is known yet to score frames."""
        return self._scores.learning

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
        stuck = self._repeats(frames.frame_hash, replacement=block.replacement) & ~dark
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
            self._observe_normal(block, rows, output)
            self._scores.hold(cleaned[~stuck], features[~stuck], self._noise_counts())

    def _noise_counts(self) -> float:
        """Median noise of the pixels without beam; 0 as long as it is not known."""
        profile = self._dark.profile
        if profile is None:
            return 0.0
        if self._noise_of[0] is not profile:
            self._noise_of = (profile, float(np.median(profile.sigma)))
        return self._noise_of[1]

    def _repeats(self, frame_hash: NDArray[np.uint64], *, replacement: bool) -> NDArray[np.bool_]:
        """Which frames are bit for bit the one before."""
        found = repeats(frame_hash, self._frame_before[replacement])
        self._frame_before[replacement] = int(frame_hash[-1])
        return found

    def _judge_stuck(
        self, block: RecordBlock, rows: NDArray[np.intp], stuck: NDArray[np.bool_], output: DeviceOutput
    ) -> None:
        scored = output.scored
        scored.anomalous[rows] = stuck
        scored.reasons[rows[stuck]] = Reason.STUCK_FRAME
        if not block.replacement:
            certain = np.where(stuck, CERTAIN, 0.0)
            events, _ = self._stuck.observe_block(
                block.event_time_ns[rows],
                certain,
                stuck,
                scored.reasons[rows],
                lambda place: _source(block, int(rows[place])),
                _explain_stuck,
            )
            output.alerts.extend(events)

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
        scores = self._scores.score(cleaned, features)
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
        was_open = self._image.is_open
        is_open = self._observe(block, rows, cleaned, scores, score, odd, reasons, output)
        normal = ~(odd | stuck | is_open)
        opened = bool(np.any(is_open & ~np.append(was_open, is_open[:-1])))
        self._scores.learn(scores, cleaned, normal, self._noise_counts(), forget=opened)
        self._watch_drift(block, rows[normal], scores.vectors[normal], output)
        self._follow_budget(int(block.event_time_ns[rows[-1]]), score, ~(stuck | is_open))
        self._relearn_after_long(is_open, output)

    def _observe(
        self,
        block: RecordBlock,
        rows: NDArray[np.intp],
        cleaned: Float32Array,
        scores: FrameScores,
        score: NDArray[np.float64],
        odd: NDArray[np.bool_],
        reasons: NDArray[np.uint32],
        output: DeviceOutput,
    ) -> NDArray[np.bool_]:
        """Tell the image episode about the frames, each odd one with its evidence; where an episode is open."""
        is_open = np.zeros(len(rows), np.bool_)
        start = 0
        for place in np.flatnonzero(odd).tolist():
            is_open[start:place] = self._observe_normal(block, rows[start:place], output)
            row, here = int(rows[place]), slice(place, place + 1)
            reconstruction = scores.reconstruction[place].copy()
            frame = EvidenceFrame(
                alert_id="",
                role="",
                event_time_ns=int(block.event_time_ns[row]),
                device=self._device,
                source=_source(block, row),
                raw=block.payload[row].copy(),
                cleaned=cleaned[place].copy(),
                reconstruction=reconstruction,
                residual_z=self._scores.z_map(cleaned[place], reconstruction),
            )
            events, is_open[here] = self._image.observe_block(
                block.event_time_ns[row : row + 1],
                score[here],
                odd[here],
                reasons[here],
                partial(_source, block, row),
                partial(self._explain, frame, scores.vectors[place]),
            )
            self._take_closing(events, output)
            output.evidence.extend(self._evidence.add(frame, float(score[place])))
            for event in events:
                if event.change is AlertChange.OPENED:
                    output.evidence.extend(self._evidence.open(event.alert))
            start = place + 1
        is_open[start:] = self._observe_normal(block, rows[start:], output)
        self._evidence.forget_before(self._image.earliest_waiting_ns)
        return is_open

    def _explain(self, evidence: EvidenceFrame, vector: NDArray[np.float64], _: int = 0) -> Explanation:
        """What is odd about a frame."""
        mean, sigma = self._scores.usual_vector()
        frame = OddFrame(
            raw=evidence.raw,
            cleaned=evidence.cleaned,
            reconstruction=evidence.reconstruction,
            residual_z=evidence.residual_z,
            vector=vector,
            usual=UsualBeam(mean=mean, sigma=sigma),
        )
        return explain_image(frame, self._causes)

    def _observe_normal(self, block: RecordBlock, rows: NDArray[np.intp], output: DeviceOutput) -> NDArray[np.bool_]:
        """Tell the image episode about frames that are not odd."""
        nothing = np.zeros(len(rows), np.uint32)
        events, is_open = self._image.observe_block(
            block.event_time_ns[rows], nothing.astype(np.float64), nothing.astype(np.bool_), nothing, _no_source
        )
        self._take_closing(events, output)
        return is_open

    def _take_closing(self, events: list[AlertEvent], output: DeviceOutput) -> None:
        output.alerts.extend(events)
        if any(event.change is AlertChange.CLOSED for event in events):
            output.evidence.extend(self._evidence.close())

    def _watch_drift(
        self, block: RecordBlock, rows: NDArray[np.intp], vectors: NDArray[np.float64], output: DeviceOutput
    ) -> None:
        """Tell how far normal frames, which the references follow, have led away."""
        times = block.event_time_ns[rows]
        output.alerts.extend(self._drift.observe(times, vectors, lambda place: _source(block, int(rows[place]))))

    def _follow_budget(self, event_time_ns: int, score: NDArray[np.float64], normal: NDArray[np.bool_]) -> None:
        """Let the thresholds of image episodes follow the scores; they change at the end of a group."""
        if self._threshold is None:
            return
        self._threshold.learn(score, normal)
        if self._scores.room == GROUP_FRAMES and self._threshold.apply(event_time_ns):
            self._use_thresholds(self._threshold)

    def _use_thresholds(self, threshold: EpisodeThreshold) -> None:
        now = threshold.in_force
        self._image.use_scores(now.strong_score, now.weak_score)

    def _relearn_after_long(self, is_open: NDArray[np.bool_], output: DeviceOutput) -> None:
        """Begin anew at the end of a group when the episode has lasted too long to be a fault."""
        closed = np.flatnonzero(~is_open)
        self._open_frames = len(is_open) - 1 - int(closed[-1]) if len(closed) else self._open_frames + len(is_open)
        limit = self._settings.relearn_after_frames
        if limit and self._open_frames >= limit and self._scores.room == GROUP_FRAMES:
            output.alerts.extend(self._begin_anew())

    def _begin_anew(self) -> list[AlertEvent]:
        """Learn the camera again from the start; what closes with that."""
        self._scores.begin_anew()
        self._open_frames = 0
        return self._drift.begin_anew()

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close the image episode, with its evidence, and learn anew."""
        closing = DeviceClosing(alerts=self._image.finish() + self._begin_anew(), evidence=self._evidence.close())
        self._evidence.forget_before(None)
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended, with the worst and the last frame of the episode."""
        alerts = self._image.finish() + self._stuck.finish() + self._drift.finish()
        return DeviceClosing(alerts=alerts, evidence=self._evidence.close())

    def state(self) -> State:
        """All that later results depend on: about 1.4 MB. What depends on the model lies under ``scores``."""
        threshold = None if self._threshold is None else self._threshold.state()
        return {
            "admission": self._admission.state(),
            "dark": self._dark.state(),
            "scores": self._scores.state() | {"threshold": threshold},
            "image": self._image.state(),
            "stuck": self._stuck.state(),
            "evidence": self._evidence.state(),
            "drift": self._drift.state(),
            "open_frames": self._open_frames,
            "frame_before": [self._frame_before[False], self._frame_before[True]],
            "since_scored": [self._since_scored[False], self._since_scored[True]],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; a camera whose state is of another model learns anew."""
        self._admission.restore(state["admission"])
        self._dark.restore(state["dark"])
        self._scores.restore(state["scores"])
        self._image.restore(state["image"])
        self._stuck.restore(state["stuck"])
        self._evidence.restore(state["evidence"], self._device)
        if "drift" in state:
            self._drift.restore(state["drift"])
        scores = state["scores"]
        threshold = scores.get("threshold", state.get("threshold"))  # earlier programs kept them beside the scores
        # Scores of another model have other tails.
        if self._threshold is not None and threshold is not None and scores["model"] == self._model:
            self._threshold.restore(threshold)
            self._use_thresholds(self._threshold)
        self._open_frames = int(state["open_frames"])
        self._frame_before = dict(zip((False, True), state["frame_before"], strict=True))
        self._since_scored = dict(zip((False, True), state.get("since_scored", (0, 0)), strict=True))


def _frames(payload: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.uint16]:
    """The payload's rows: a view when they follow each other, always read-only (a kernel is compiled for one kind)."""
    first, last = int(rows[0]), int(rows[-1])
    frames: NDArray[np.uint16] = payload[first : last + 1] if last - first + 1 == len(rows) else payload[rows]
    frames = np.ascontiguousarray(frames)[:]
    frames.flags.writeable = False
    return frames


def _source(block: RecordBlock, row: int, _: int = 0) -> AlertSource:
    return AlertSource(file=block.source.file, sha256=block.source.sha256, path=block.hdf5_group[row])


def _explain_stuck(_: int) -> Explanation:
    """A rule that knows: no beam and no sensor gives the same noise twice."""
    cause = FaultKind.STUCK_FRAME.value
    return Explanation(text="the frame is bit for bit the one before", cause=cause, cause_probability=1.0)


def _no_source(_: int) -> AlertSource:
    raise AssertionError("a frame that is not odd needs no source")
