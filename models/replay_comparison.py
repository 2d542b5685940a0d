"""Two models over the same shots: which episodes both have, and by how much their scores differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import Alert
from models.results import ScoredBlock, Scoring

#: The probabilities of ``CameraDifference.quantiles``.
QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
#: So many shots of a camera are named, those whose scores differ most.
WORST_SHOTS = 5


@dataclass(frozen=True, slots=True)
class SharedEpisode:
    """An episode that both models raise: the same kind at the same place, over the same shots at least in part."""

    first: Alert
    second: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotDifference:
    """A shot and its scores, -log10 of a probability."""

    event_time_ns: int
    first: float
    second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraDifference:
    """The scores of a camera's shots that both models have scored.

    Attributes
    ----------
    since_ns
        The first of these shots; None without any: the second model has not learned yet.
    quantiles
        Of the second's score less the first's, at ``QUANTILES``; empty without shots.
    odd_both, odd_first, odd_second
        Shots that are odd for both, for the first only, for the second only.
    worst
        By the difference, the largest first.
    """

    device: str
    shots: int
    since_ns: int | None
    quantiles: tuple[float, ...]
    odd_both: int
    odd_first: int
    odd_second: int
    worst: tuple[ShotDifference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayComparison:
    """What two models made of a stretch.

    Attributes
    ----------
    first_only, second_only
        Episodes of one model alone, by their first shot.
    """

    first_model: str
    second_model: str
    first_only: tuple[Alert, ...]
    second_only: tuple[Alert, ...]
    shared: tuple[SharedEpisode, ...]
    cameras: tuple[CameraDifference, ...]


def shared_episodes(
    first: Sequence[Alert], second: Sequence[Alert]
) -> tuple[tuple[Alert, ...], tuple[Alert, ...], tuple[SharedEpisode, ...]]:
    """Which episodes only the first has, only the second, and which both have.

    An episode of one model may be two of the other, where a quiet time lies in it: it is paired with each.
    """
    pairs = [
        SharedEpisode(one, other)
        for one in first
        for other in second
        if _place(one) == _place(other)
        and one.first_shot_ns <= other.last_shot_ns
        and other.first_shot_ns <= one.last_shot_ns
    ]
    in_first, in_second = {pair.first.id for pair in pairs}, {pair.second.id for pair in pairs}
    return (
        tuple(alert for alert in first if alert.id not in in_first),
        tuple(alert for alert in second if alert.id not in in_second),
        tuple(pairs),
    )


def camera_difference(
    device: str, first: Iterable[ScoredBlock], second: Iterable[ScoredBlock], second_model: str
) -> CameraDifference:
    """The scores of one camera, as far as the second model itself has scored: before it has learned, the first does.

    Parameters
    ----------
    first, second
        The camera's blocks of both replays.
    """
    times_first, scores_first, odd_first = _scored(first)
    times_second, scores_second, odd_second = _scored(block for block in second if block.model == second_model)
    times, at_first, at_second = np.intersect1d(times_first, times_second, return_indices=True)
    one, other = scores_first[at_first], scores_second[at_second]
    odd_one, odd_other = odd_first[at_first], odd_second[at_second]
    differences = np.nan_to_num(other - one)
    worst = np.argsort(-np.abs(differences), kind="stable")[:WORST_SHOTS]
    return CameraDifference(
        device=device,
        shots=len(times),
        since_ns=int(times[0]) if len(times) else None,
        quantiles=tuple(np.quantile(differences, QUANTILES).tolist()) if len(times) else (),
        odd_both=int(np.count_nonzero(odd_one & odd_other)),
        odd_first=int(np.count_nonzero(odd_one & ~odd_other)),
        odd_second=int(np.count_nonzero(~odd_one & odd_other)),
        worst=tuple(
            ShotDifference(event_time_ns=int(times[row]), first=float(one[row]), second=float(other[row]))
            for row in worst
        ),
    )


def _place(alert: Alert) -> tuple[str, str, str]:
    return alert.kind.value, str(alert.stage), alert.device


def _scored(blocks: Iterable[ScoredBlock]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """The scored shots of some blocks: event times, scores, whether they are odd."""
    kept = [(block, block.scoring == Scoring.SCORED) for block in blocks]
    if not kept:
        return np.zeros(0, np.int64), np.zeros(0, np.float64), np.zeros(0, np.bool_)
    return (
        np.concatenate([block.event_time_ns[rows] for block, rows in kept]),
        np.concatenate([block.score[rows] for block, rows in kept]).astype(np.float64),
        np.concatenate([block.anomalous[rows] for block, rows in kept]),
    )
