"""What a camera's image, the energies and the spectra of its shots usually say together."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.alerts.explanation import Explanation
from models.causes.triplet_words import explain_strengths, explain_triplet
from models.devices import Device, RecordKind
from models.results import FEATURE_NAMES
from models.scoring.distance import DistanceSettings, RollingDistance
from models.scoring.tail_probability import TailProbability, TailSettings, score_of
from models.state import State

#: Statistics take effect after every so many shots.
SHOTS_PER_UPDATE = 32
# So many normal shots start the statistics.
_START_SHOTS = 128
# Nothing is learned behind an update in which more shots than this were odd: what stays is not to become the usual.
_MOST_ODD_SHOTS = 8
# The distances of odd shots join the tail only behind an update with no more of them than this: what jumps now and then
# is to be expected, what stays is not, and its first shots would hide the rest of it.
_MOST_RARE_SHOTS = 1
# Of a camera's features: the three scores of its picture, and how bright it is.
_CAMERA_FEATURES = ("residual_max_z", "latent_distance", "moments_distance", "pixel_sum_counts")
_CAMERA_COLUMNS = [FEATURE_NAMES[RecordKind.CAMERA].index(name) for name in _CAMERA_FEATURES]
_STRENGTH_COLUMN = 0  # of meters and spectrometers: the energy, the sum of the spectrum
# The square of a distance to the power of a third is nearly normal (Wilson and Hilferty 1931).
_DISTANCE_COLUMNS, _DISTANCE_POWER = [1, 2], 2.0 / 3.0
# No component counts as steadier than this; of logarithms it is relative.
_SCORE_FLOOR, _STRENGTH_FLOOR = 0.02, 1e-4
#: The first component that is a strength: the camera's brightness, then those of the other devices.
FIRST_STRENGTH = _CAMERA_FEATURES.index("pixel_sum_counts")


def camera_part(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """A camera's components of the vector, float64, shape (n, 4); not finite where not known.

    The residual and the brightness go in as logarithms, the two distances to the power of two thirds.
    """
    part = _log(features[:, _CAMERA_COLUMNS])
    part[:, _DISTANCE_COLUMNS] = np.exp(_DISTANCE_POWER * part[:, _DISTANCE_COLUMNS])
    return part


def other_part(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """A meter's or spectrometer's component, float64, shape (n, 1): the logarithm; not finite where not known."""
    return _log(features[:, [_STRENGTH_COLUMN]])


@dataclass(slots=True)
class TripletFindings:
    """What was found about n shots.

    Attributes
    ----------
    score
        float64, shape (n,): -log10 of the smaller of the two tail probabilities, 0 while too little is known.
    unusual
        bool, shape (n,): what the picture's scores and all strengths say together is unusual.
    unbalanced
        bool, shape (n,): one strength is not what the others tell.
    explanations
        Of the shots that are one of these.
    """

    score: NDArray[np.float64]
    unusual: NDArray[np.bool_]
    unbalanced: NDArray[np.bool_]
    explanations: dict[int, Explanation] = field(default_factory=dict)


class TripletModel:
    """The rolling joint distribution of one camera's scores and brightness, the energies and the spectra's sums.

    Two questions are put to each shot. How far does its vector lie from the usual ones (Mahalanobis)? That finds what
    is a little odd in several of its components. And how far is any of the strengths (brightness, energy, sum of the
    spectrum) from what the others let expect (its residual, given the others)? That finds a relation that breaks. The
    tail probabilities of both come from the model's own normal shots. All statistics change after every
    ``SHOTS_PER_UPDATE`` shots by count, so that the cut of the input changes nothing.

    Parameters
    ----------
    devices
        The camera, then the others, at least one.
    time_constant_shots
        Weight of the past, in shots.
    false_positive_rate
        A shot is odd if one of its tail probabilities is below this.
    relearn_after_shots
        After so many shots without one to learn from, everything is learned anew. 0: never.
    """

    def __init__(
        self,
        devices: tuple[Device, ...],
        *,
        time_constant_shots: int,
        false_positive_rate: float,
        relearn_after_shots: int,
        tail: TailSettings,
    ) -> None:
        if devices[0].kind is not RecordKind.CAMERA or len(devices) < 2:
            raise ValueError("a triplet model is about a camera and at least one other device")
        self._devices = devices
        self._fpr = false_positive_rate
        self._relearn_after_shots = relearn_after_shots
        self._time_constant = DistanceSettings(time_constant_records=float(time_constant_shots))
        self._tail_settings = tail
        self._anew_from_ns: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._size = FIRST_STRENGTH + len(self._devices)
        floors = np.full(self._size, _STRENGTH_FLOOR)
        floors[:FIRST_STRENGTH] = _SCORE_FLOOR
        self._distance = RollingDistance(self._time_constant, floors)
        self._distance_tail, self._strength_tail = (
            TailProbability(self._tail_settings),
            TailProbability(self._tail_settings),
        )
        self._precision: NDArray[np.float64] = np.zeros((0, 0))  # of the strengths; empty until there is a reference
        self._first: list[NDArray[np.float64]] = []  # the vectors that start it
        self._rare: list[float] = []  # the distances of unusual shots since the last update
        self._shots = 0  # since the last update
        self._learned_shots = 0
        self._odd_shots = 0
        self._paused = False
        self._shots_without_learning = 0

    def begin_anew(self) -> None:
        """Forget everything now; a time from which on all begins anew once more stays in force."""
        self._begin()

    def begin_anew_from(self, event_time_ns: int) -> None:
        """Forget everything with the first shot from this time on; of two such times the later one counts."""
        self._anew_from_ns = max(event_time_ns, self._anew_from_ns or event_time_ns)

    def observe(
        self,
        vectors: NDArray[np.float64],
        normal: NDArray[np.bool_],
        event_time_ns: NDArray[np.int64],
        *,
        learn: bool,
    ) -> TripletFindings:
        """Score shots in the order of their event times, and learn from the normal ones.

        Parameters
        ----------
        vectors
            float64, shape (n, 3 + devices), finite: ``camera_part``, then ``other_part`` of each other device.
        normal
            bool, shape (n,): no device finds its own record anomalous. The others are never ``unusual``, since somebody
            has told already.
        event_time_ns
            int64, shape (n,), not decreasing.
        """
        count = len(vectors)
        found = TripletFindings(np.zeros(count), np.zeros(count, np.bool_), np.zeros(count, np.bool_))
        if not learn:
            self._score(vectors, normal, slice(0, count), found)
            return found
        old = self._shots_before_beginning_anew(event_time_ns)
        self._learn(vectors, normal, 0, old, found)
        if old < count:
            self._begin()
            self._anew_from_ns = None
            self._learn(vectors, normal, old, count, found)
        return found

    def _shots_before_beginning_anew(self, event_time_ns: NDArray[np.int64]) -> int:
        """How many of these shots are still compared with the old reference: all, when none begins anew."""
        reached = event_time_ns >= self._anew_from_ns if self._anew_from_ns is not None else np.zeros(0, np.bool_)
        return int(reached.argmax()) if reached.any() else len(event_time_ns)

    def _learn(
        self, vectors: NDArray[np.float64], normal: NDArray[np.bool_], start: int, end: int, found: TripletFindings
    ) -> None:
        while start < end:
            stop = min(start + SHOTS_PER_UPDATE - self._shots, end)
            part = slice(start, stop)
            distance, departure = self._score(vectors, normal, part, found)
            odd = found.unusual[part] | found.unbalanced[part]
            learned = normal[part] & ~(odd | self._paused)
            if self._distance.ready:
                self._distance.learn(vectors[part][learned])
                self._distance_tail.learn(distance[learned])
                self._strength_tail.learn(departure[learned])
                self._rare += distance[found.unusual[part] & ~found.unbalanced[part]].tolist()
            else:
                self._first.append(vectors[part][learned])
            self._learned_shots += int(learned.sum())
            self._odd_shots += int(odd.sum())
            self._shots += stop - start
            if self._shots == SHOTS_PER_UPDATE:
                self._update()
            start = stop

    def _score(
        self, vectors: NDArray[np.float64], normal: NDArray[np.bool_], part: slice, found: TripletFindings
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score a part of the shots; the distance of each and its largest departure of a strength, in sigmas."""
        given = vectors[part]
        if not self._distance.ready:
            return np.zeros(len(given)), np.zeros(len(given))
        distance, departures = self._distance.distances(given), self._departures(given)
        departure = np.abs(departures).max(axis=1)
        of_distance, of_departure = self._distance_tail.p_values(distance), self._strength_tail.p_values(departure)
        found.score[part] = score_of(np.minimum(of_distance, of_departure))
        unusual, unbalanced = (of_distance < self._fpr) & normal[part], of_departure < self._fpr
        found.unusual[part], found.unbalanced[part] = unusual, unbalanced
        for row in np.flatnonzero(unusual | unbalanced).tolist():
            found.explanations[part.start + row] = self._explain(given[row], departures[row], bool(unbalanced[row]))
        return distance, departure

    def _departures(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each strength's residual, given the others, in its own sigmas: float64, shape (n, strengths).

        With the precision matrix P of the strengths, it is (P z)_k / sqrt(P_kk).
        """
        off = vectors[:, FIRST_STRENGTH:] - self._distance.mean[FIRST_STRENGTH:]
        departures = np.zeros_like(off)
        # One after the other: a matrix product may round a shot differently in blocks of other lengths.
        for row, precisions in enumerate(self._precision):
            departures += off[:, row : row + 1] * precisions
        departures /= np.sqrt(np.diagonal(self._precision))
        return departures

    def _explain(self, vector: NDArray[np.float64], departures: NDArray[np.float64], unbalanced: bool) -> Explanation:
        if unbalanced:
            change = departures / np.sqrt(np.diagonal(self._precision))
            return explain_strengths(self._devices, departures, change)
        mean, sigma = self._distance.usual()
        return explain_triplet(self._devices, (vector - mean) / sigma)

    def _update(self) -> None:
        """Let what was learned since the last update take effect."""
        if self._learned_shots and self._odd_shots <= _MOST_RARE_SHOTS:
            # What comes back now and then would otherwise seem the more impossible with time.
            self._distance_tail.learn(np.array(self._rare, np.float64))
        learned, self._paused = self._learned_shots, self._odd_shots > _MOST_ODD_SHOTS
        self._shots = self._learned_shots = self._odd_shots = 0
        self._rare = []
        if not learned:
            self._shots_without_learning += SHOTS_PER_UPDATE
            if 0 < self._relearn_after_shots <= self._shots_without_learning:
                self._begin()
            return
        self._shots_without_learning = 0
        if self._distance.ready:
            self._distance.apply()
            self._distance_tail.refit()
            self._strength_tail.refit()
        elif sum(len(vectors) for vectors in self._first) >= _START_SHOTS:
            self._distance.start(np.concatenate(self._first))
            self._first = []
        self._invert()

    def _invert(self) -> None:
        if self._distance.ready:
            strengths = self._distance.covariance[FIRST_STRENGTH:, FIRST_STRENGTH:]
            self._precision = np.asarray(np.linalg.inv(strengths), np.float64)

    def state(self) -> State:
        """All that later results depend on: up to 20 kB."""
        return {
            "distance": self._distance.state(),
            "distance_tail": self._distance_tail.state(),
            "strength_tail": self._strength_tail.state(),
            "first": np.concatenate([np.zeros((0, self._size)), *self._first]),
            "rare": np.array(self._rare, np.float64),
            "shots": self._shots,
            "learned_shots": self._learned_shots,
            "odd_shots": self._odd_shots,
            "paused": self._paused,
            "shots_without_learning": self._shots_without_learning,
            "anew_from_ns": self._anew_from_ns,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state of a model of the same devices.

        Raises
        ------
        FatalError
            If it was saved with another ``tail.ring_records``.
        """
        self._begin()
        self._distance.restore(state["distance"])
        self._distance_tail.restore(state["distance_tail"])
        self._strength_tail.restore(state["strength_tail"])
        self._first = [np.array(state["first"], np.float64).reshape(-1, self._size)]
        self._rare = np.array(state.get("rare", []), np.float64).tolist()
        self._shots, self._learned_shots = int(state["shots"]), int(state["learned_shots"])
        self._odd_shots, self._paused = int(state["odd_shots"]), bool(state["paused"])
        self._shots_without_learning = int(state["shots_without_learning"])
        self._anew_from_ns = state["anew_from_ns"]
        self._invert()


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: NDArray[np.float64] = np.log(values)
    return logs
