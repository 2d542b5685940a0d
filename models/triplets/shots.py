"""Which records belong to one shot, by event time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from models.event_time import SECOND_NS

# A folder's rate is not believed below one shot in this time.
_LONGEST_PERIOD_NS = 600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class ShotClusters:
    """Records of D devices, sorted into S shots.

    Attributes
    ----------
    start_ns
        int64, shape (S,), ascending: the earliest time of each shot.
    shot
        For each device, int64, shape (records,), ascending: the shot of each record.
    taken
        For each device, bool, shape (records,): False for a record that comes too many, since its shot has an earlier
        one of the same device.
    present
        bool, shape (S, D): the device has a record in the shot.
    """

    start_ns: NDArray[np.int64]
    shot: list[NDArray[np.int64]]
    taken: list[NDArray[np.bool_]]
    present: NDArray[np.bool_]


def cluster_shots(times: Sequence[NDArray[np.int64]], jitter_ns: int) -> ShotClusters:
    """Sort records into shots.

    A shot begins with the earliest record that belongs to no earlier shot, and takes all records up to ``jitter_ns``
    behind it; of several records of one device it takes the earliest, the others come too many. So the shots depend on
    nothing but the times, also where these break the rule that shots are more than twice the jitter apart.

    Parameters
    ----------
    times
        For each device, int64, shape (records,), ascending.
    """
    lengths = [len(own) for own in times]
    devices = len(times)
    together = np.concatenate(times) if devices else np.zeros(0, np.int64)
    device = np.repeat(np.arange(devices), lengths)
    order = np.argsort(together, kind="stable")
    ordered, ordered_device = together[order], device[order]
    begins = np.ones(len(ordered), np.bool_)
    begins[1:] = np.diff(ordered) > jitter_ns
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(ordered)) - 1 if len(first) else first
    if (ordered[last] - ordered[first] > jitter_ns).any():
        begins = _greedy_begins(ordered, jitter_ns)
        first = np.flatnonzero(begins)
    shot_ordered = np.cumsum(begins) - 1
    shot = np.empty(len(ordered), np.int64)
    shot[order] = shot_ordered
    counts = np.bincount(shot_ordered * devices + ordered_device, minlength=len(first) * devices)
    present = counts.reshape(len(first), devices)
    borders = np.cumsum(lengths)[:-1]
    shots = np.split(shot, borders) if devices else []
    taken = [np.ones(length, np.bool_) for length in lengths]
    if (present > 1).any():
        for own_shot, own_taken in zip(shots, taken, strict=True):
            own_taken[1:] = own_shot[1:] != own_shot[:-1]
    return ShotClusters(ordered[first], shots, taken, present > 0)


def _greedy_begins(ordered: NDArray[np.int64], jitter_ns: int) -> NDArray[np.bool_]:
    begins = np.zeros(len(ordered), np.bool_)
    place = 0
    while place < len(ordered):
        begins[place] = True
        place = int(np.searchsorted(ordered, ordered[place] + jitter_ns, side="right"))
    return begins


def nominal_period_ns(interval_hz: float) -> int:
    """The time from shot to shot by the rate that a folder names, at most ten minutes; 0 if it names none."""
    if not isfinite(interval_hz) or interval_hz <= 0.0:
        return 0
    return min(round(SECOND_NS / interval_hz), _LONGEST_PERIOD_NS)
