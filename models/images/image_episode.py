"""A camera's odd frames as episodes: when these open and close, what is said about them, which frames are kept."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind, AlertSource, EvidenceFrame
from models.alerts.episodes import EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.causes.cause_classifier import CauseClassifier
from models.causes.image_words import explain_image
from models.causes.odd_frame import OddFrame, UsualBeam
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device
from models.images.evidence import EvidenceKeeper
from models.images.frame_scores import FrameScores
from models.images.image_scores import ImageScores
from models.images.residual import Float32Array
from models.records import RecordBlock
from models.scoring.episode_budget import EpisodeBudget
from models.scoring.threshold_budget import ThresholdBudget
from models.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedFrames:
    """n scored frames of a block, in their order.

    Attributes
    ----------
    block, rows
        Where they come from: the rows of the block, shape (n,).
    cleaned
        float32, shape (n, 102, 128).
    scores
        What they scored.
    score, odd, reasons
        float64, bool and uint32, shape (n,): -log10 of the corrected tail probability, what follows from it, and why.
    """

    block: RecordBlock
    rows: NDArray[np.intp]
    cleaned: Float32Array
    scores: FrameScores
    score: NDArray[np.float64]
    odd: NDArray[np.bool_]
    reasons: NDArray[np.uint32]


class ImageEpisode:
    """The image episodes of one camera, one at a time.

    Parameters
    ----------
    device
        The camera.
    settings
        When episodes open and close; the scores hold until there are thresholds by a budget.
    model
        Id of the model that scores.
    references
        What is usual at the camera now: odd frames are explained by it.
    causes
        Names the causes; None leaves them to words alone.
    budget
        What the thresholds follow from; None where those of the settings stay in force.
    """

    def __init__(
        self,
        device: Device,
        settings: EpisodeSettings,
        model: str,
        references: ImageScores,
        causes: CauseClassifier | None,
        budget: ThresholdBudget | None,
    ) -> None:
        self._device = device
        self._references = references
        self._causes = causes
        self._tracker = EpisodeTracker(
            device, AlertKind.IMAGE_ANOMALY, settings, stage=device.stage, device=device.name, model=model
        )
        self._budget = EpisodeBudget(self._tracker, settings, budget)
        self._evidence = EvidenceKeeper()
        self._open_frames = 0

    @property
    def is_open(self) -> bool:
        """Whether an episode goes on."""
        return self._tracker.is_open

    @property
    def open_frames(self) -> int:
        """For how many scored frames the episode has been open without a break."""
        return self._open_frames

    def forget_length(self) -> None:
        """What the camera shows is learned anew: the episode counts as long again from now on."""
        self._open_frames = 0

    def observe(self, judged: JudgedFrames, output: DeviceOutput) -> NDArray[np.bool_]:
        """Take in scored frames, each odd one with its evidence; where an episode is open, bool, shape (n,)."""
        block, rows = judged.block, judged.rows
        is_open = np.zeros(len(rows), np.bool_)
        start = 0
        for place in np.flatnonzero(judged.odd).tolist():
            is_open[start:place] = self.observe_normal(block, rows[start:place], output)
            is_open[place] = self._observe_odd(judged, place, output)
            start = place + 1
        is_open[start:] = self.observe_normal(block, rows[start:], output)
        self._evidence.forget_before(self._tracker.earliest_waiting_ns)
        closed = np.flatnonzero(~is_open)
        self._open_frames = len(is_open) - 1 - int(closed[-1]) if len(closed) else self._open_frames + len(is_open)
        return is_open

    def observe_normal(self, block: RecordBlock, rows: NDArray[np.intp], output: DeviceOutput) -> NDArray[np.bool_]:
        """Take in frames that are not odd; where an episode is open."""
        nothing = np.zeros(len(rows), np.uint32)
        events, is_open = self._tracker.observe_block(
            block.event_time_ns[rows], nothing.astype(np.float64), nothing.astype(np.bool_), nothing, _no_source
        )
        self._take_closing(events, output)
        return is_open

    def _observe_odd(self, judged: JudgedFrames, place: int, output: DeviceOutput) -> bool:
        here, score = slice(place, place + 1), float(judged.score[place])
        frame = self._evidence_of(judged, place)
        events, is_open = self._tracker.observe_block(
            judged.block.event_time_ns[judged.rows[here]],
            judged.score[here],
            judged.odd[here],
            judged.reasons[here],
            lambda _: frame.source,
            partial(self._explain, frame, judged.scores.vectors[place]),
        )
        self._take_closing(events, output)
        output.evidence.extend(self._evidence.add(frame, score))
        for event in events:
            if event.change is AlertChange.OPENED:
                output.evidence.extend(self._evidence.open(event.alert))
        return bool(is_open[0])

    def _evidence_of(self, judged: JudgedFrames, place: int) -> EvidenceFrame:
        block, row = judged.block, int(judged.rows[place])
        cleaned, reconstruction = judged.cleaned[place].copy(), judged.scores.reconstruction[place].copy()
        return EvidenceFrame(
            alert_id="",
            role="",
            event_time_ns=int(block.event_time_ns[row]),
            device=self._device,
            source=AlertSource.of_record(block, row),
            raw=block.payload[row].copy(),
            cleaned=cleaned,
            reconstruction=reconstruction,
            residual_z=self._references.z_map(cleaned, reconstruction),
        )

    def _explain(self, evidence: EvidenceFrame, vector: NDArray[np.float64], _: int = 0) -> Explanation:
        """What is odd about a frame."""
        mean, sigma = self._references.usual_vector()
        frame = OddFrame(
            raw=evidence.raw,
            cleaned=evidence.cleaned,
            reconstruction=evidence.reconstruction,
            residual_z=evidence.residual_z,
            vector=vector,
            usual=UsualBeam(mean=mean, sigma=sigma),
        )
        return explain_image(frame, self._causes)

    def _take_closing(self, events: list[AlertEvent], output: DeviceOutput) -> None:
        output.alerts.extend(events)
        if any(event.change is AlertChange.CLOSED for event in events):
            output.evidence.extend(self._evidence.close())

    def follow_budget(
        self, event_time_ns: int, score: NDArray[np.float64], normal: NDArray[np.bool_], *, group_ended: bool
    ) -> None:
        """Let the thresholds follow the scores (``EpisodeBudget.learn``); they change at the end of a group."""
        self._budget.learn(score, normal)
        if group_ended:
            self._budget.apply(event_time_ns)

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close the episode, and forget what may have begun another."""
        closing = self.finish()
        self._evidence.forget_before(None)
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open, with the worst and the last frame of the episode."""
        return DeviceClosing(alerts=self._tracker.finish(), evidence=self._evidence.close())

    def threshold_state(self) -> State | None:
        """The thresholds and what they rest on: of use with the same model only."""
        return self._budget.state()

    def restore_threshold(self, state: State | None) -> None:
        """Go on from thresholds of the same model; None where none were saved."""
        self._budget.restore(state)

    def state(self) -> State:
        """All else that later results depend on."""
        return {"image": self._tracker.state(), "evidence": self._evidence.state(), "open_frames": self._open_frames}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._tracker.restore(state["image"])
        self._evidence.restore(state["evidence"], self._device)
        self._open_frames = int(state["open_frames"])


def _no_source(_: int) -> AlertSource:
    raise AssertionError("a frame that is not odd needs no source")
