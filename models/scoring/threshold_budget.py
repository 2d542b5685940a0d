"""Thresholds from a budget: so many false episodes per shift and no more, for all devices together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from models.alerts.episodes import EpisodeSettings
from models.scoring.rule_maxima import BLOCK_SHOTS, RuleMaxima
from models.scoring.tail_bounds import MINIMUM_VALUES, TailBounds
from models.state import State

_RULES = 2
# Thresholds are rounded up to steps, raised as soon as that is needed, and lowered when it is worth a new version.
_STEPS_PER_SCORE = 20
_WORTH_LOWERING = 0.2
_PARTS_UNTIL_NEXT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdBudget:
    """How much may be raised for nothing, and how it is shared out.

    Attributes
    ----------
    false_episodes_per_shift
        Of all devices together, in 12 hours. 10 among 100 devices: one in ten camera-shifts.
    devices
        How many devices share it.
    shots_per_shift
        Of one device: 12 hours at 10 Hz. A device that fires more rarely keeps more than its promise.
    confidence
        With which a device keeps its share. Thresholds at the most likely tail would be exceeded by those devices whose
        tails were taken for too light, many times over; from 0.9 on these no longer rule the sum.
    minimum_blocks, most_blocks
        How many blocks of 32 normal shots an estimate looks back on, at least and at most: 500 are 27 minutes at 10 Hz,
        8192 are seven hours.
    reestimate_shots
        Normal shots from one estimate to the next, at least; an eighth of those that it looks back on, if that is
        more.
    lowest_strong_score, lowest_weak_score
        No threshold is below, whatever the shots so far say: a single frame that scores less is no fault that matters,
        and a tail that was taken for too light is felt most by single shots. A device whose settings have a lower
        score may go down to that.
    highest_strong_score, highest_weak_score
        No threshold is above, since faults would be missed: where more is needed the budget can't be promised. A
        device whose settings have a higher score may go up to that.
    """

    false_episodes_per_shift: float = 10.0
    devices: int = 100
    shots_per_shift: int = 432_000
    confidence: float = 0.9
    minimum_blocks: int = 500
    most_blocks: int = 8192
    reestimate_shots: int = 2048
    lowest_strong_score: float = 6.0
    lowest_weak_score: float = 2.7
    highest_strong_score: float = 10.0
    highest_weak_score: float = 5.0
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not (math.isfinite(self.false_episodes_per_shift) and self.false_episodes_per_shift > 0):
            raise ValueError("false_episodes_per_shift must be above 0")
        if not (self.devices >= 1 and self.shots_per_shift >= 1):
            raise ValueError("devices and shots_per_shift must be at least 1")
        if not 0.5 <= self.confidence <= 0.999:
            raise ValueError("confidence must be between 0.5 and 0.999")
        if self.reestimate_shots < BLOCK_SHOTS:
            raise ValueError(f"reestimate_shots must be at least {BLOCK_SHOTS}")
        if not MINIMUM_VALUES <= self.minimum_blocks <= self.most_blocks <= 1_000_000:
            raise ValueError(f"minimum_blocks must be at least {MINIMUM_VALUES} and at most most_blocks (1,000,000)")
        if not 0.0 <= self.lowest_weak_score <= self.highest_weak_score <= self.highest_strong_score:
            raise ValueError("lowest_weak_score, highest_weak_score, highest_strong_score must not be below each other")
        if not self.lowest_weak_score <= self.lowest_strong_score <= self.highest_strong_score:
            raise ValueError("lowest_strong_score must lie between lowest_weak_score and highest_strong_score")

    @property
    def of_device(self) -> float:
        """A device's share: false episodes per shift."""
        return self.false_episodes_per_shift / self.devices

    @property
    def return_period_shots(self) -> float:
        """The shots within which each of a device's two rules may open one episode for nothing."""
        return self.shots_per_shift * _RULES / self.of_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What opens an episode of a device, and what that promises.

    Attributes
    ----------
    strong_score, weak_score
        As in ``EpisodeSettings``.
    version
        Grows by one with each change; 0 are those of the settings, from before the first estimate.
    since_ns
        Event time of the change; 0 for version 0.
    shots
        Normal shots that the latest estimate looked back on.
    extrapolation
        How many times longer than these shots the time is within which one false episode is allowed; infinite without
        an estimate.
    episodes_per_shift
        At most so many false episodes, with the confidence of the budget; infinite as long as nothing can be said.
    promised
        Whether that is within the device's share.
    """

    strong_score: float
    weak_score: float
    version: int = 0
    since_ns: int = 0
    shots: int = 0
    extrapolation: float = math.inf
    episodes_per_shift: float = math.inf
    promised: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON values; what is infinite is null."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: None if isinstance(value, float) and math.isinf(value) else value for name, value in values.items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        values: dict[str, Any] = {name: math.inf if value is None else value for name, value in document.items()}
        return cls(**values)


class EpisodeThreshold:
    """The thresholds of one device's episodes, from the tail of its own recent normal shots.

    ``learn`` only remembers; thresholds change in ``apply``, which the owner calls after fixed numbers of shots (the
    end of a group), so that the cut of the blocks changes nothing.

    Parameters
    ----------
    budget
        What is allowed.
    episode
        The rules, and the scores in force before the first estimate.
    """

    def __init__(self, budget: ThresholdBudget, episode: EpisodeSettings) -> None:
        self._budget = budget
        self._episode = episode
        self._maxima = RuleMaxima(episode.weak_shots, episode.weak_window_shots, budget.most_blocks)
        self._estimated_at_shots = 0
        self._thresholds = self._of_settings()

    @property
    def in_force(self) -> Thresholds:
        """The thresholds as they stand."""
        return self._thresholds

    def learn(self, scores: NDArray[np.floating], normal: NDArray[np.bool_]) -> None:
        """Remember n shots.

        Parameters
        ----------
        scores
            Shape (n,): -log10 of the tail probability; those that are not finite are left out.
        normal
            bool, shape (n,): not stuck, not in an open episode. An odd shot that opened none is a normal one here:
            without these there would be no tail to see.
        """
        self._maxima.learn(scores, normal)

    def apply(self, event_time_ns: int) -> bool:
        """Estimate anew if enough normal shots came since the last time; whether it did.

        Parameters
        ----------
        event_time_ns
            Of the latest shot: a change is in force behind it.
        """
        maxima, budget = self._maxima, self._budget
        waited = maxima.shots - self._estimated_at_shots
        wanted = max(budget.reestimate_shots, maxima.blocks * BLOCK_SHOTS // _PARTS_UNTIL_NEXT)
        if waited < wanted or maxima.blocks < budget.minimum_blocks:
            return False
        self._estimated_at_shots = self._maxima.shots
        self._thresholds = self._estimate(event_time_ns)
        return True

    def _of_settings(self) -> Thresholds:
        return Thresholds(strong_score=self._episode.strong_score, weak_score=self._episode.weak_score)

    def _estimate(self, event_time_ns: int) -> Thresholds:
        budget, now = self._budget, self._thresholds
        rate = BLOCK_SHOTS / budget.return_period_shots
        strong_tail = TailBounds.of(self._maxima.strong, budget.confidence)
        weak_tail = TailBounds.of(self._maxima.weak, budget.confidence)
        own = self._episode
        of_strong = (
            min(budget.lowest_strong_score, own.strong_score),
            max(budget.highest_strong_score, own.strong_score),
        )
        of_weak = min(budget.lowest_weak_score, own.weak_score), max(budget.highest_weak_score, own.weak_score)
        strong = self._moved(now.strong_score, strong_tail.level(rate), *of_strong)
        weak = min(self._moved(now.weak_score, weak_tail.level(rate), *of_weak), strong)
        changed = now.version == 0 or (strong, weak) != (now.strong_score, now.weak_score)
        blocks_per_shift = budget.shots_per_shift / BLOCK_SHOTS
        bound = (strong_tail.rate(strong) + weak_tail.rate(weak)) * blocks_per_shift
        shots = self._maxima.blocks * BLOCK_SHOTS
        return Thresholds(
            strong_score=strong,
            weak_score=weak,
            version=now.version + changed,
            since_ns=event_time_ns if changed else now.since_ns,
            shots=shots,
            extrapolation=budget.return_period_shots / shots,
            episodes_per_shift=bound,
            promised=bound <= budget.of_device,
        )

    def _moved(self, now: float, level: float, lowest: float, highest: float) -> float:
        """The next threshold: what is needed, but a little too strict is left as it is."""
        needed = math.ceil(level * _STEPS_PER_SCORE) / _STEPS_PER_SCORE
        needed = min(max(needed, lowest), highest)
        keeps = self._thresholds.version > 0 and needed <= now < needed + _WORTH_LOWERING and now <= highest
        return now if keeps else needed

    def state(self) -> State:
        """All that later results depend on."""
        return {
            "maxima": self._maxima.state(),
            "estimated_at_shots": self._estimated_at_shots,
            "thresholds": self._thresholds.to_json(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state.

        Thresholds stay in force until the next estimate, also under another budget. But those of another rule, or of
        another number of blocks, are forgotten with what they rest on; and where nothing was estimated, the settings
        of today hold.
        """
        self._maxima.restore(state["maxima"])
        estimated_at = int(state["estimated_at_shots"])
        known = 0 < estimated_at <= self._maxima.shots
        self._estimated_at_shots = estimated_at if known else 0
        self._thresholds = Thresholds.from_json(state["thresholds"]) if known else self._of_settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityPromise:
    """What the thresholds of all devices promise together.

    Attributes
    ----------
    asked, bound
        False episodes per shift; ``bound`` is the sum of the known bounds.
    known
        How many devices have a bound.
    unknown
        Devices that have seen too little for one, fewer than ``needed_shots`` normal shots.
    short
        Devices whose bound is above their share.
    """

    asked: float
    bound: float
    known: int
    needed_shots: int
    unknown: tuple[str, ...]
    short: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether the budget can be promised."""
        return not self.unknown and self.bound <= self.asked

    def sentence(self) -> str:
        """The promise in words, or what can be promised instead."""
        asked = f"{self.asked:.3g} false episodes per shift"
        if self.kept:
            return f"the budget of {asked} is kept: {self.bound:.3g} at most"
        if self.unknown and not self.known:
            return (
                f"the budget of {asked} can't be promised yet: none of the {len(self.unknown)} devices has shown "
                f"{self.needed_shots:,} normal shots"
            )
        reasons = []
        if self.short:
            reasons.append(f"devices that need higher thresholds than are allowed: {len(self.short)}")
        if self.unknown:
            reasons.append(f"devices that have shown too few normal shots: {len(self.unknown)}")
        if not reasons:
            reasons.append("more devices share it than budget.devices says")
        of_whom = " of the other devices" if self.unknown else ""
        return f"the budget of {asked} can't be promised, {self.bound:.3g} at most{of_whom} can: {', '.join(reasons)}"


def facility_promise(budget: ThresholdBudget, devices: Mapping[str, Thresholds]) -> FacilityPromise:
    """What the thresholds in force, by device, promise together."""
    known = {name: thresholds for name, thresholds in devices.items() if math.isfinite(thresholds.episodes_per_shift)}
    return FacilityPromise(
        asked=budget.false_episodes_per_shift,
        bound=sum(thresholds.episodes_per_shift for thresholds in known.values()),
        known=len(known),
        needed_shots=budget.minimum_blocks * BLOCK_SHOTS,
        unknown=tuple(sorted(devices.keys() - known.keys())),
        short=tuple(sorted(name for name, thresholds in known.items() if not thresholds.promised)),
    )
