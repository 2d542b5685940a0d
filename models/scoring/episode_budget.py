"""The episodes of one device by their thresholds: those of its settings, or those that follow from a budget."""

import numpy as np
from numpy.typing import NDArray

from models.alerts.episodes import EpisodeSettings, EpisodeTracker
from models.scoring.threshold_budget import EpisodeThreshold, ThresholdBudget
from models.state import State


class EpisodeBudget:
    """Keeps a tracker's scores at the thresholds that its device's normal records call for.

    Parameters
    ----------
    tracker
        Opens the episodes.
    settings
        Its rules, and the scores in force before the first estimate.
    budget
        What is allowed; None where the scores of the settings stay in force.
    """

    def __init__(self, tracker: EpisodeTracker, settings: EpisodeSettings, budget: ThresholdBudget | None) -> None:
        self._tracker = tracker
        self._threshold = None if budget is None else EpisodeThreshold(budget, settings)

    def learn(self, scores: NDArray[np.floating], normal: NDArray[np.bool_]) -> None:
        """Remember n records, as ``EpisodeThreshold.learn`` does."""
        if self._threshold is not None:
            self._threshold.learn(scores, normal)

    def apply(self, event_time_ns: int) -> None:
        """Estimate anew if it is time, after fixed numbers of records; in force behind the one of this time."""
        if self._threshold is not None and self._threshold.apply(event_time_ns):
            self._use(self._threshold)

    def _use(self, threshold: EpisodeThreshold) -> None:
        now = threshold.in_force
        self._tracker.use_scores(now.strong_score, now.weak_score)

    def state(self) -> State | None:
        """All that later results depend on; None without a budget."""
        return None if self._threshold is None else self._threshold.state()

    def restore(self, state: State | None) -> None:
        """Go on from a saved state; None, of a program or a watch without a budget, begins with the settings."""
        if self._threshold is not None and state is not None:
            self._threshold.restore(state)
            self._use(self._threshold)
