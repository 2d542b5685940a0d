"""One energy meter from raw readings to scored rows and alerts."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.admission import AdmissionGuard, AdmissionSettings
from models.alerts.alert import AlertEvent, AlertKind
from models.alerts.episodes import CERTAIN, EpisodeSettings, EpisodeTracker
from models.alerts.explanation import Explanation
from models.causes.energy_words import explain_energy, explain_energy_step
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device
from models.energies.smoothing import GuardedSmoother, SmoothedReadings, SmoothingSettings
from models.records import RecordBlock
from models.results import Reason, Scoring
from models.scored_rows import ScoredRows
from models.scoring.episode_budget import EpisodeBudget
from models.scoring.returning_tail import ReturningTail
from models.scoring.tail_probability import TailSettings, score_of
from models.scoring.threshold_budget import ThresholdBudget
from models.state import State
from models.validity import ValidityLimits, energy_j, judge

# Probabilities take effect after so many shots, by count.
_SHOTS_PER_REFIT = 32
_ENERGY, _Z = 0, 2  # columns of the features


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """How the readings of energy meters are checked and scored.

    Attributes
    ----------
    frame_fpr
        A shot is anomalous when a normal one has an energy as unusual with a probability below this.
    """

    frame_fpr: float = 5e-4
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    validity: ValidityLimits = field(default_factory=ValidityLimits)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    tail: TailSettings = field(default_factory=TailSettings)
    episodes: EpisodeSettings = field(default_factory=EpisodeSettings)

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 < self.frame_fpr < 0.1:
            raise ValueError("frame_fpr must be above 0 and below 0.1")


class MeterStage:
    """Checks, smooths and scores the readings of one meter (a ``DeviceStage``).

    A reading that is no shot (``SmoothingSettings``) is valid and ``dark``. The others are ``learning`` until there are
    enough to say how unusual one is, then ``scored``: the score is the tail probability of their distance from the
    running mean. Beyond the guard they are anomalous whatever that says.

    The features of a row are the energy (joules), the smoothed energy of the shot ``delay_shots`` *earlier* (a smoothed
    value is not known sooner; rows do not wait for it), and z.

    Parameters
    ----------
    budget
        What the thresholds of energy outliers follow from; None where those of the settings stay in force. A step is
        told by a rule that needs none.
    """

    def __init__(self, device: Device, settings: MeterSettings, budget: ThresholdBudget | None = None) -> None:
        self._settings = settings
        self._admission = AdmissionGuard(settings.admission)
        self._begin()
        self._outliers, self._steps = (
            EpisodeTracker(device, kind, settings.episodes, stage=device.stage, device=device.name)
            for kind in (AlertKind.ENERGY_OUTLIER, AlertKind.ENERGY_STEP)
        )
        self._budget = EpisodeBudget(self._outliers, settings.episodes, budget)

    def _begin(self) -> None:
        self._smoother = GuardedSmoother(self._settings.smoothing)
        self._tail = ReturningTail(self._settings.tail, self._settings.frame_fpr)
        self._shots = 0

    @property
    def delay_shots(self) -> int:
        """To which earlier shot the smoothed energy in a row belongs."""
        return self._smoother.delay_shots

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Check, smooth and score one block; a replacement is scored without learning, and opens no episode."""
        rows = ScoredRows(block, judge(block, self._settings.validity), self._admission.judge(block))
        energies = energy_j(block.payload[rows.taken])
        readings = self._smoother.judge(energies) if block.replacement else self._smoother.smooth(energies)
        rows.features[rows.taken] = np.stack([energies, readings.smoothed_j, readings.z], axis=1)
        rows.fires[rows.taken] = readings.fired
        rows.scoring[rows.taken] = np.where(readings.fired, Scoring.LEARNING, Scoring.DARK)
        shots = np.flatnonzero(readings.fired)
        alerts: list[AlertEvent] = []
        if block.replacement:
            self._score(rows, readings, shots)
        else:
            while len(shots):
                now, shots = np.split(shots, [_SHOTS_PER_REFIT - self._shots % _SHOTS_PER_REFIT])
                self._score(rows, readings, now)
                alerts += self._observe(block, rows, readings, now)
        return DeviceOutput(scored=rows.scored_block(), alerts=alerts)

    def _score(self, rows: ScoredRows, readings: SmoothedReadings, shots: NDArray[np.int64]) -> None:
        """Score shots (places among the taken rows) with the probabilities that are in force."""
        places = rows.taken[shots]
        rows.reasons[places[readings.restarted[shots]]] |= np.uint32(Reason.ENERGY_STEP)
        if not self._tail.ready:
            return
        probabilities = self._tail.p_values(np.abs(readings.z[shots]))
        odd = readings.extreme[shots] | (probabilities < self._settings.frame_fpr)
        rows.scoring[places] = Scoring.SCORED
        rows.score[places] = score_of(probabilities)
        rows.anomalous[places] = odd
        rows.reasons[places[odd]] |= np.uint32(Reason.ENERGY_OUTLIER)

    def _observe(
        self, block: RecordBlock, rows: ScoredRows, readings: SmoothedReadings, shots: NDArray[np.int64]
    ) -> list[AlertEvent]:
        """Open and close episodes, and learn from the shots that are normal and lie outside of them."""
        places = rows.taken[shots]
        times, source = block.event_time_ns[places], rows.source_of(places)
        odd, reasons = rows.anomalous[places], rows.reasons[places]
        energies, z = rows.features[places, _ENERGY], rows.features[places, _Z]

        def explain(place: int) -> Explanation:
            return explain_energy(float(energies[place]), float(z[place]))

        def explain_step(place: int) -> Explanation:
            return explain_energy_step(float(energies[place]))

        events, open_mask = self._outliers.observe_block(times, rows.score[places], odd, reasons, source, explain)
        restarted = readings.restarted[shots]
        certain = np.full(len(shots), CERTAIN)
        step_events, _ = self._steps.observe_block(times, certain, restarted, reasons, source, explain_step)
        self._tail.learn(np.abs(readings.z[shots]), ~(odd | readings.extreme[shots]), open_mask)
        self._budget.learn(rows.score[places], (rows.scoring[places] == Scoring.SCORED) & ~open_mask)
        self._shots += len(shots)
        if self._shots % _SHOTS_PER_REFIT == 0:
            self._tail.refit()
            self._budget.apply(int(times[-1]))
        return events + step_events

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close the episodes and learn anew."""
        closing = DeviceClosing(alerts=self._outliers.finish() + self._steps.finish())
        self._begin()
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended."""
        return DeviceClosing(alerts=self._outliers.finish() + self._steps.finish())

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "admission": self._admission.state(),
            "smoother": self._smoother.state(),
            "tail": self._tail.state(),
            "shots": self._shots,
            "outliers": self._outliers.state(),
            "threshold": self._budget.state(),
            "steps": self._steps.state(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._admission.restore(state["admission"])
        self._smoother.restore(state["smoother"])
        self._tail.restore(state["tail"])
        self._shots = int(state["shots"])
        self._outliers.restore(state["outliers"])
        self._budget.restore(state.get("threshold"))
        self._steps.restore(state["steps"])
