"""What an architecture found of known faults, and what it found for nothing: from its scores alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.alerts.alert import AlertKind, AlertSource
from models.alerts.episodes import EpisodeTracker
from models.devices import parse_device
from models.evaluation import SEVERITIES, EventRate, Rate, severity_word
from models.event_time import SECOND_NS
from models.images.camera_stage import CameraSettings

#: The rate of false positives per frame at which architectures are compared.
FRAME_FPR = 1e-3
# The score that promises it.
_FIXED_SCORE = 3.0
# An episode of so many shots is to be found within its third.
_LEAST_SHOTS = 3
# A fault that stays is looked at in so many frames at its end.
_LAST_FRAMES = 300
_DEVICE = parse_device("LA_A3_31-Camera_1-Camera-1")
_SOURCE = AlertSource(file="", sha256="", path="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredStretch:
    """The scores of one camera's watched frames, in their order.

    Attributes
    ----------
    score
        float64, shape (n,): NaN where the camera was learned.
    fault
        int64, shape (n,): the place of the frame's fault in ``severities``; -1 for a normal frame.
    severities
        Of the camera's faults, 0..1.
    hz
        Frames a second.
    """

    score: NDArray[np.float64]
    fault: NDArray[np.int64]
    severities: Sequence[float]
    hz: float

    @property
    def normal(self) -> NDArray[np.bool_]:
        """bool, shape (n,): normal frames that were scored."""
        return (self.fault < 0) & ~np.isnan(self.score)

    def of_severity(self, severity: str) -> NDArray[np.bool_]:
        """bool, shape (n,): scored frames of faults of this severity."""
        chosen = [place for place, value in enumerate(self.severities) if severity_word(value) == severity]
        return np.isin(self.fault, chosen) & ~np.isnan(self.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretches:
    """All that one architecture scored.

    Attributes
    ----------
    labelled
        Cameras with faults, after a training on earlier frames of theirs.
    cold
        The same cameras, scored by what had never seen them.
    drifting
        Cameras whose beam is led away.
    staying
        Cameras with one fault that stays to the end.
    """

    labelled: Sequence[ScoredStretch]
    cold: Sequence[ScoredStretch]
    drifting: Sequence[ScoredStretch]
    staying: Sequence[ScoredStretch]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureFigures:
    """One column of the table.

    Attributes
    ----------
    found
        By severity: frames of faults that score above what just 1e-3 of the same stretch's normal frames pass.
    beyond_fixed
        Normal frames that pass the score 3, which promises 1e-3.
    false_episodes
        Episodes of the labelled stretches that overlap no label.
    in_third_shot
        Medium faults of three shots or more with an open episode at their third shot.
    cold_found, cold_beyond_fixed
        As ``found`` and ``beyond_fixed``, of cameras that the training had never seen.
    drift_beyond_fixed, drift_episodes
        Frames that pass the score 3, and episodes, while the beam is led away.
    staying_odd
        The last frames of faults that stayed, odd still.
    image_us
        Microseconds of one image; NaN where it was not measured.
    """

    found: Mapping[str, Rate]
    beyond_fixed: Rate
    false_episodes: EventRate
    in_third_shot: Rate
    cold_found: Mapping[str, Rate]
    cold_beyond_fixed: Rate
    drift_beyond_fixed: Rate
    drift_episodes: EventRate
    staying_odd: Rate
    image_us: float = field(default=np.nan)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "found": {severity: rate.document() for severity, rate in self.found.items()},
            "beyond_fixed": self.beyond_fixed.document(),
            "false_episodes": self.false_episodes.document(),
            "in_third_shot": self.in_third_shot.document(),
            "cold_found": {severity: rate.document() for severity, rate in self.cold_found.items()},
            "cold_beyond_fixed": self.cold_beyond_fixed.document(),
            "drift_beyond_fixed": self.drift_beyond_fixed.document(),
            "drift_episodes": self.drift_episodes.document(),
            "staying_odd": self.staying_odd.document(),
            "image_us": None if np.isnan(self.image_us) else self.image_us,
        }


def figures(stretches: Stretches, image_us: float = np.nan) -> ArchitectureFigures:
    """The column of one architecture."""
    episodes = [_episodes(stretch) for stretch in stretches.labelled]
    odd_score = -np.log10(CameraSettings().frame_fpr)
    last = [stretch.score[stretch.fault >= 0][-_LAST_FRAMES:] for stretch in stretches.staying]
    return ArchitectureFigures(
        found=_found(stretches.labelled),
        beyond_fixed=_beyond_fixed(stretches.labelled),
        false_episodes=_false_episodes(stretches.labelled, episodes),
        in_third_shot=_in_third_shot(stretches.labelled, episodes),
        cold_found=_found(stretches.cold),
        cold_beyond_fixed=_beyond_fixed(stretches.cold),
        drift_beyond_fixed=_beyond_fixed(stretches.drifting),
        drift_episodes=_false_episodes(stretches.drifting, [_episodes(stretch) for stretch in stretches.drifting]),
        staying_odd=Rate(
            count=sum(int(np.count_nonzero(scores > odd_score)) for scores in last), total=sum(map(len, last))
        ),
        image_us=image_us,
    )


def threshold_of(normal: NDArray[np.float64]) -> float:
    """The least score that at most 1e-3 of these normal scores are above; infinity without any."""
    if not len(normal):
        return np.inf
    ordered = np.sort(normal)
    return float(ordered[len(ordered) - 1 - int(FRAME_FPR * len(ordered))])


def _found(stretches: Sequence[ScoredStretch]) -> dict[str, Rate]:
    normal = [stretch.score[stretch.normal] for stretch in stretches]
    threshold = threshold_of(np.concatenate([np.zeros(0), *normal]))
    found = {}
    for severity in reversed(SEVERITIES):
        scores = [stretch.score[stretch.of_severity(severity)] for stretch in stretches]
        together = np.concatenate([np.zeros(0), *scores])
        found[severity] = Rate(count=int(np.count_nonzero(together > threshold)), total=len(together))
    return found


def _beyond_fixed(stretches: Sequence[ScoredStretch]) -> Rate:
    scores = np.concatenate([np.zeros(0), *(stretch.score[stretch.normal] for stretch in stretches)])
    return Rate(count=int(np.count_nonzero(scores >= _FIXED_SCORE)), total=len(scores))


@dataclass(frozen=True, slots=True)
class _Episodes:
    """Where an episode was open, bool, shape (n,), and the first and last odd frame of each."""

    is_open: NDArray[np.bool_]
    spans: list[tuple[int, int]]


def _episodes(stretch: ScoredStretch) -> _Episodes:
    """What the rule of the watch makes of the scores: strong once, or weak three times in five."""
    settings = CameraSettings()
    tracker = EpisodeTracker(
        _DEVICE, AlertKind.IMAGE_ANOMALY, settings.image_episode, stage=_DEVICE.stage, device=_DEVICE.name
    )
    times = np.round(np.arange(len(stretch.score)) * (SECOND_NS / stretch.hz)).astype(np.int64)
    score = np.nan_to_num(stretch.score, nan=0.0)
    odd = score > -np.log10(settings.frame_fpr)
    events, is_open = tracker.observe_block(times, score, odd, np.zeros(len(score), np.uint32), lambda _: _SOURCE)
    events += tracker.finish()
    closed = {event.alert.id: event.alert for event in events}
    spans = [
        (int(np.searchsorted(times, alert.first_shot_ns)), int(np.searchsorted(times, alert.last_shot_ns)))
        for alert in closed.values()
    ]
    return _Episodes(is_open, spans)


def _false_episodes(stretches: Sequence[ScoredStretch], episodes: Sequence[_Episodes]) -> EventRate:
    count = sum(
        bool((stretch.fault[first : last + 1] < 0).all())
        for stretch, of_camera in zip(stretches, episodes, strict=True)
        for first, last in of_camera.spans
    )
    hours = sum(np.count_nonzero(~np.isnan(stretch.score)) / stretch.hz / 3600 for stretch in stretches)
    return EventRate(count=count, hours=float(hours))


def _in_third_shot(stretches: Sequence[ScoredStretch], episodes: Sequence[_Episodes]) -> Rate:
    found = [
        bool(of_camera.is_open[shots[_LEAST_SHOTS - 1]])
        for stretch, of_camera in zip(stretches, episodes, strict=True)
        for shots in _medium_faults(stretch)
        if len(shots) >= _LEAST_SHOTS
    ]
    return Rate(count=sum(found), total=len(found))


def _medium_faults(stretch: ScoredStretch) -> Iterator[NDArray[np.intp]]:
    """The frames of each fault of medium severity."""
    for place, severity in enumerate(stretch.severities):
        if severity_word(severity) == "medium":
            yield np.flatnonzero(stretch.fault == place)
