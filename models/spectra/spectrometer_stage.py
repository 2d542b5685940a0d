"""One spectrometer from raw spectra to scored rows and alerts."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.admission import AdmissionGuard, AdmissionSettings
from models.alerts.alert import AlertEvent, AlertKind
from models.alerts.episodes import EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.causes.spectrum_words import explain_spectrum
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device
from models.records import RecordBlock, Refusal
from models.results import Admission, Reason, Scoring
from models.scored_rows import ScoredRows
from models.scoring.distance import DistanceSettings, RollingDistance
from models.scoring.episode_budget import EpisodeBudget
from models.scoring.returning_tail import ReturningTail
from models.scoring.tail_probability import TailSettings, score_of
from models.scoring.threshold_budget import ThresholdBudget
from models.spectra.reference_spectrum import LEAST_SAMPLES, ReferenceSpectrum, normalise
from models.spectra.spectrum_features import FEATURE_COUNT, spectrum_features
from models.state import State
from models.validity import ValidityLimits, judge

# Statistics take effect after so many spectra, by count.
_STEP = 32
# So many spectra start the reference, and from so many on it is good enough for its distances to be learned.
_START_SPECTRA = 2 * _STEP
_SETTLED_SPECTRA = 4 * _STEP
# After so many spectra in a row of another length the spectrometer has been set to it.
_NEW_LENGTH_SPECTRA = 32
_MOMENT_NAMES = ("log_sum", "centre", "bandwidth", "rms_width", "peaks")
_WIDTH = _MOMENT_NAMES.index("bandwidth")
# No moment counts as steadier than this (places and widths in samples). A count jumps: one that is nearly always the
# same has hardly any sigma, and its first other value would look like a fault.
_MOMENT_FLOORS = np.array([1e-3, 0.05, 0.1, 0.05, 1.0])
_SHAPE, _MOMENTS = FEATURE_COUNT, FEATURE_COUNT + 1  # columns of the features
_TAILS = 2


def _spectrum_episode() -> EpisodeSettings:
    """Single odd spectra of simulated faults score 12 or more; normal ones reach 7 once in some hours (ADR 0032)."""
    return EpisodeSettings(strong_score=8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrometerSettings:
    """How spectra are checked and scored.

    Attributes
    ----------
    frame_fpr
        A spectrum is anomalous when a normal one is as unusual with a probability below this.
    light_fraction
        A spectrum whose sum is below this fraction of the usual one holds no light.
    relearn_after_spectra
        An episode that has lasted for so many spectra without a break is what the spectrometer shows from now on:
        everything is learned anew. 0: never.
    reference
        How fast the usual spectrum and its moments follow the device.
    """

    frame_fpr: float = 5e-4
    light_fraction: float = 0.01
    relearn_after_spectra: int = 36_000
    reference: DistanceSettings = field(default_factory=DistanceSettings)
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    validity: ValidityLimits = field(default_factory=ValidityLimits)
    tail: TailSettings = field(default_factory=TailSettings)
    episodes: EpisodeSettings = field(default_factory=_spectrum_episode)

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.frame_fpr < 0.1:
            raise ValueError("frame_fpr must be above 0 and below 0.1")
        if not 0 <= self.light_fraction < 1:
            raise ValueError("light_fraction must be at least 0 and below 1")
        if self.relearn_after_spectra < 0:
            raise ValueError("relearn_after_spectra must not be negative")


class SpectrometerStage:
    """Checks, measures and scores the spectra of one spectrometer (a ``DeviceStage``).

    A valid spectrum without light is ``dark``. The others are ``learning`` until there are enough to say how unusual
    one is, then ``scored``: by the largest difference from the usual spectrum on any scale, and by the distance of its
    moments from the usual ones. Both learn from normal spectra only, and not while an episode is open.

    A spectrum of another length than the ones before is refused; after 32 of them in a row the spectrometer has been
    set to that length, and everything is learned anew.

    Parameters
    ----------
    budget
        What the thresholds of episodes follow from; None where those of the settings stay in force.
    """

    def __init__(self, device: Device, settings: SpectrometerSettings, budget: ThresholdBudget | None = None) -> None:
        self._settings = settings
        self._admission = AdmissionGuard(settings.admission)
        self._episodes = EpisodeTracker(
            device, AlertKind.SPECTRUM_ANOMALY, settings.episodes, stage=device.stage, device=device.name
        )
        self._budget = EpisodeBudget(self._episodes, settings.episodes, budget)
        self._begin(samples=0)

    def _begin(self, *, samples: int) -> None:
        settings = self._settings
        self._samples = samples
        self._other_length = 0
        self._spectra = 0
        self._open_spectra = 0
        self._first = _FirstSpectra()
        self._reference = ReferenceSpectrum(settings.reference.time_constant_records)
        self._distance = RollingDistance(settings.reference, _MOMENT_FLOORS)
        self._tails = [ReturningTail(settings.tail, 0.5 * settings.frame_fpr) for _ in range(_TAILS)]

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Check, measure and score one block; a replacement is scored without learning, and opens no episode."""
        admission = self._admission.judge(block)
        refusal = judge(block, self._settings.validity)
        self._check_length(block, refusal, admission)
        rows = ScoredRows(block, refusal, admission)
        alerts: list[AlertEvent] = []
        if len(rows.taken):
            measured = _Measured(block.payload if len(rows.taken) == len(block) else block.payload[rows.taken])
            rows.features[rows.taken, :FEATURE_COUNT] = measured.features
            rows.scoring[rows.taken] = Scoring.DARK
            start = 0
            while start < len(rows.taken):
                lit, start = self._next_step(measured, start, learn=not block.replacement)
                rows.fires[rows.taken[lit]] = True
                rows.scoring[rows.taken[lit]] = Scoring.LEARNING
                self._score(rows, measured, lit)
                if not block.replacement:
                    events, is_open = self._observe(block, rows, measured, lit)
                    alerts += events
                    self._learn(rows, measured, lit, is_open)
                    self._follow_budget(block, rows, lit, is_open)
        return DeviceOutput(scored=rows.scored_block(), alerts=alerts)

    def _check_length(self, block: RecordBlock, refusal: NDArray[np.uint8], admission: NDArray[np.uint8]) -> None:
        """Refuse spectra of another length than usual, and notice that this has become the usual one."""
        valid = np.flatnonzero((refusal == Refusal.NONE) & (admission == Admission.ACCEPTED))
        samples = block.payload.shape[1]
        if not len(valid):
            return
        if samples < LEAST_SAMPLES or (block.replacement and samples != self._samples):
            refusal[valid] = Refusal.WRONG_SHAPE
        elif samples == self._samples:
            self._other_length = 0
        elif self._samples == 0:
            self._begin(samples=samples)
        else:
            refused = valid[: _NEW_LENGTH_SPECTRA - self._other_length]
            refusal[refused] = Refusal.WRONG_SHAPE
            self._other_length += len(refused)
            if self._other_length == _NEW_LENGTH_SPECTRA:
                self._begin(samples=samples)

    def _next_step(self, measured: "_Measured", start: int, *, learn: bool) -> tuple[NDArray[np.int64], int]:
        """The lit spectra from ``start`` on up to the one with which statistics change, and where to go on."""
        least = self._settings.light_fraction * self._reference.usual_sum
        lit = start + np.flatnonzero(measured.light[start:] & (measured.features[start:, 0] >= least))
        missing = _STEP - self._spectra % _STEP
        if learn and len(lit) >= missing:
            return lit[:missing], int(lit[missing - 1]) + 1
        return lit, len(measured.light)

    def _score(self, rows: ScoredRows, measured: "_Measured", lit: NDArray[np.int64]) -> None:
        """Score spectra (places among the taken rows) with the statistics that are in force."""
        if not (self._reference.ready and len(lit)):
            return
        places = rows.taken[lit]
        rows.features[places, _SHAPE] = self._reference.largest_z(measured.binned[lit])
        rows.features[places, _MOMENTS] = self._distance.distances(measured.moments[lit])
        if not all(tail.ready for tail in self._tails):
            return
        scores = rows.features[places, _SHAPE:]
        p_values = np.stack([tail.p_values(scores[:, column]) for column, tail in enumerate(self._tails)])
        corrected = p_values * (2.0 - p_values)  # that one of two is as small: 1 - (1 - p)^2
        odd = corrected < self._settings.frame_fpr
        rows.scoring[places] = Scoring.SCORED
        rows.score[places] = score_of(corrected.min(axis=0))
        rows.anomalous[places] = odd.any(axis=0)
        for reason, holds in zip((Reason.SPECTRUM_SHAPE, Reason.SPECTRUM_MOMENTS), odd, strict=True):
            rows.reasons[places[holds]] |= np.uint32(reason)

    def _observe(
        self, block: RecordBlock, rows: ScoredRows, measured: "_Measured", lit: NDArray[np.int64]
    ) -> tuple[list[AlertEvent], NDArray[np.bool_]]:
        """Open and close episodes; also where one is open."""
        places = rows.taken[lit]

        def explain(place: int) -> Explanation:
            return explain_spectrum(measured.moments[lit[place]], *self._distance.usual())

        return self._episodes.observe_block(
            block.event_time_ns[places],
            rows.score[places],
            rows.anomalous[places],
            rows.reasons[places],
            rows.source_of(places),
            explain,
        )

    def _learn(
        self, rows: ScoredRows, measured: "_Measured", lit: NDArray[np.int64], is_open: NDArray[np.bool_]
    ) -> None:
        """Remember the normal ones, and let what was remembered take effect after every 32nd spectrum."""
        settled = self._spectra >= _SETTLED_SPECTRA
        self._spectra += len(lit)
        if not self._reference.ready:
            self._first.append(measured.binned[lit], measured.moments[lit])
            if self._spectra == _START_SPECTRA:
                self._reference.start(self._first.binned, np.exp(self._first.moments[:, 0]))
                self._distance.start(self._first.moments)
                self._first = _FirstSpectra()
            return
        places = rows.taken[lit]
        normal = ~rows.anomalous[places]
        learned = lit[normal & ~is_open]
        self._reference.learn(measured.binned[learned], measured.features[learned, 0])
        self._distance.learn(measured.moments[learned])
        if settled:
            for column, tail in enumerate(self._tails, start=_SHAPE):
                tail.learn(rows.features[places, column], normal, is_open)
        if len(lit) and self._spectra % _STEP == 0:
            self._reference.apply()
            self._distance.apply()
            for tail in self._tails:
                tail.refit()
        self._relearn_after_long(is_open)

    def _follow_budget(
        self, block: RecordBlock, rows: ScoredRows, lit: NDArray[np.int64], is_open: NDArray[np.bool_]
    ) -> None:
        """Let the thresholds of episodes follow the scores; they change at the end of a step."""
        places = rows.taken[lit]
        self._budget.learn(rows.score[places], (rows.scoring[places] == Scoring.SCORED) & ~is_open)
        if len(places) and self._spectra % _STEP == 0:
            self._budget.apply(int(block.event_time_ns[places[-1]]))

    def _relearn_after_long(self, is_open: NDArray[np.bool_]) -> None:
        """Begin anew at the end of a step when the episode has lasted too long to be a fault."""
        closed = np.flatnonzero(~is_open)
        self._open_spectra = len(is_open) - 1 - int(closed[-1]) if len(closed) else self._open_spectra + len(is_open)
        limit = self._settings.relearn_after_spectra
        if limit and self._open_spectra >= limit and self._spectra % _STEP == 0:
            self._begin(samples=self._samples)

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close the episode and learn anew."""
        closing = DeviceClosing(alerts=self._episodes.finish())
        self._begin(samples=self._samples)
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended."""
        return DeviceClosing(alerts=self._episodes.finish())

    def state(self) -> State:
        """All that later results depend on: some 50 kB, 250 kB more while the reference starts."""
        return {
            "admission": self._admission.state(),
            "episodes": self._episodes.state(),
            "threshold": self._budget.state(),
            "samples": self._samples,
            "moments": list(_MOMENT_NAMES),
            "other_length": self._other_length,
            "spectra": self._spectra,
            "open_spectra": self._open_spectra,
            "first": self._first.state(),
            "reference": self._reference.state(),
            "distance": self._distance.state(),
            "tails": [tail.state() for tail in self._tails],
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state; one of a program that scored other moments is learned anew."""
        self._admission.restore(state["admission"])
        self._episodes.restore(state["episodes"])
        self._begin(samples=int(state["samples"]))
        self._budget.restore(state.get("threshold"))
        if state.get("moments") != list(_MOMENT_NAMES):
            return
        self._other_length = int(state["other_length"])
        self._spectra = int(state["spectra"])
        self._open_spectra = int(state["open_spectra"])
        self._first.restore(state["first"])
        self._reference.restore(state["reference"])
        self._distance.restore(state["distance"])
        for tail, saved in zip(self._tails, state["tails"], strict=True):
            tail.restore(saved)


class _Measured:
    """What the spectra of one block say, before any of it is compared with others.

    Attributes
    ----------
    features, light
        As ``spectrum_features`` gives them.
    binned
        As ``normalise`` gives them, of spectra with light.
    moments
        float64, shape (n, 5): the features with the logarithm of the sum and the steady bandwidth instead of the FWHM,
        for the distance; of spectra with light.
    """

    def __init__(self, spectra: NDArray[np.float64]) -> None:
        measures = spectrum_features(spectra)
        self.features, self.light = measures.features, measures.light
        sums = np.where(self.light, self.features[:, 0], 1.0)  # without light it may be zero or negative
        self.binned = normalise(spectra, sums)
        self.moments = self.features.copy()
        self.moments[:, 0] = np.log(sums)
        self.moments[:, _WIDTH] = measures.bandwidth


class _FirstSpectra:
    """The spectra with which a reference starts."""

    def __init__(self) -> None:
        self.binned = np.zeros((0, 0))
        self.moments = np.zeros((0, len(_MOMENT_FLOORS)))

    def append(self, binned: NDArray[np.float64], moments: NDArray[np.float64]) -> None:
        self.binned = np.concatenate([self.binned, binned]) if len(self.binned) else binned
        self.moments = np.concatenate([self.moments, moments])

    def state(self) -> State:
        return {"binned": self.binned.copy(), "moments": self.moments.copy()}

    def restore(self, state: State) -> None:
        self.binned, self.moments = state["binned"].copy(), state["moments"].copy()
