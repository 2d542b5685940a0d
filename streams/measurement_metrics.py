"""What Prometheus is told of the beams: a few figures of each device, as of its latest shot.

They are for dashboards: trends, and what a device shows now. All records are in the results. At most ten series of a
camera, four of a meter, four of a spectrometer and one of any other device, its ``petawatch_data_age_seconds`` among
them. A device that is silent for long loses its figures, so that nobody takes old ones for those of now.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.clock import Clock
from models.devices import Device, RecordKind
from models.energies.smoothing import SmoothingSettings
from models.event_time import SECOND_NS
from models.records import Refusal
from models.results import FEATURE_NAMES, Admission, ScoredBlock, Scoring
from models.triplets.decided import TripletTable

#: The largest score is that of so many whole seconds of event time, the latest among them. Snapshots come minute by
#: minute, and Prometheus asks between them: so no shot's score is missed.
SCORE_WINDOW_S = 60
#: What became of a shot of a stage.
SHOT_RESULTS = ("complete", "incomplete", "idle")
#: A device that gave no shot for so long has no figures any more.
SILENT_AFTER_S = 300.0

_MOST_DEVICES = 500
_MOST_STAGES = 50
_NEVER = -(1 << 62)
_ENERGY_Z = FEATURE_NAMES[RecordKind.ENERGY_METER].index("energy_z")


class _Figure(NamedTuple):
    """A feature that is shown; ``axis`` tells two features of one metric apart."""

    name: str
    text: str
    feature: str
    axis: str = ""


_CENTROID = ("petawatch_beam_centroid_pixels", "Where the beam lies on the camera.")
_WIDTH = ("petawatch_beam_width_pixels", "D4sigma width of the beam along its principal axes (ISO 11146).")
_FIGURES: dict[RecordKind, tuple[_Figure, ...]] = {
    RecordKind.CAMERA: (
        _Figure(*_CENTROID, "centroid_x_px", "x"),
        _Figure(*_CENTROID, "centroid_y_px", "y"),
        _Figure(*_WIDTH, "d4sigma_major_px", "major"),
        _Figure(*_WIDTH, "d4sigma_minor_px", "minor"),
        _Figure("petawatch_beam_sum_counts", "Sum of the pixels above the pedestal.", "pixel_sum_counts"),
        _Figure("petawatch_beam_hot_spot_contrast", "Contrast of the brightest spot.", "hot_spot_contrast"),
        _Figure(
            "petawatch_beam_moments_distance",
            "Distance of place, size and sum of the beam from what is usual.",
            "moments_distance",
        ),
    ),
    RecordKind.ENERGY_METER: (
        _Figure("petawatch_energy_joules", "Energy of the latest shot.", "energy_j"),
        _Figure("petawatch_energy_smoothed_joules", "Smoothed energy, some shots behind.", "energy_smooth_j"),
    ),
    RecordKind.SPECTROMETER: (
        _Figure("petawatch_spectrum_bandwidth_samples", "Full width at half maximum.", "spectrum_fwhm"),
        _Figure("petawatch_spectrum_centre_samples", "Centre of gravity of the spectrum.", "spectrum_centre"),
    ),
}
_COLUMNS = {
    kind: np.array([FEATURE_NAMES[kind].index(figure.feature) for figure in figures])
    for kind, figures in _FIGURES.items()
}
_WITH_LATEST_SCORE = {RecordKind.CAMERA}
_WITH_LARGEST_SCORE = {RecordKind.CAMERA, RecordKind.SPECTROMETER}


class MeasurementMetrics:
    """The figures of devices and stages; fed block by block from any thread, read when Prometheus asks.

    Parameters
    ----------
    guard_sigmas
        ``meter.smoothing.guard_sigmas``: a reading further from the running mean was rejected by the guard.
    """

    def __init__(
        self, registry: CollectorRegistry, clock: Clock, *, guard_sigmas: float = SmoothingSettings().guard_sigmas
    ) -> None:
        self._clock = clock
        self._guard_sigmas = guard_sigmas
        self._lock = threading.Lock()
        self._devices: dict[Device, _Latest] = {}
        self._stages: set[str] = set()
        self._shots = Counter(
            "petawatch_triplet_shots", "Shots of a stage by what became of them.", ["stage", "result"],
            registry=registry,
        )  # fmt: skip
        registry.register(self)

    def scored(self, block: ScoredBlock) -> None:
        """A device stage is done with a block; what replaces an earlier file is older than what is shown."""
        if block.replacement or block.device.kind not in _FIGURES:
            return
        taken = (block.admission == Admission.ACCEPTED) & (block.refusal == Refusal.NONE)
        rows = np.flatnonzero(taken & block.fires)
        if not len(rows):
            return
        with self._lock:
            latest = self._devices.get(block.device)
            if latest is None:
                if len(self._devices) >= _MOST_DEVICES:
                    return
                latest = self._devices[block.device] = _Latest.of(block.device)
                if block.device.joins:
                    self._knows(str(block.device.stage))
            latest.seen_s = self._clock.monotonic_s()
            latest.take(block, rows, self._guard_sigmas)

    def triplets(self, tables: Iterable[TripletTable]) -> None:
        """Shots of stages were decided; those of a file that was replaced once more."""
        for table in tables:
            stage = str(table.stage)
            with self._lock:
                if not self._knows(stage):
                    continue
            complete, idle = int(np.count_nonzero(table.complete)), int(np.count_nonzero(table.idle))
            for result, count in zip(SHOT_RESULTS, (complete, len(table) - complete - idle, idle), strict=True):
                self._shots.labels(stage, result).inc(count)

    def _knows(self, stage: str) -> bool:
        """Whether a stage is shown; its counters begin at 0 with its first device, since rates need a first value."""
        if stage not in self._stages and len(self._stages) < _MOST_STAGES:
            self._stages.add(stage)
            for result in SHOT_RESULTS:
                self._shots.labels(stage, result)
        return stage in self._stages

    def collect(self) -> Iterator[Metric]:
        """The series of the devices that are not silent."""
        heard_s = self._clock.monotonic_s() - SILENT_AFTER_S
        families = _families()
        with self._lock:
            for device, latest in sorted(self._devices.items()):
                if latest.seen_s >= heard_s:
                    latest.show(device_labels(device), families)
                if device.kind is RecordKind.ENERGY_METER:
                    # A counter goes on while its device is silent, or its rate would jump.
                    name = "petawatch_energy_guard_rejections"
                    families[name].add_metric([*device_labels(device)], latest.rejections)
        yield from families.values()


@dataclass(slots=True)
class _Latest:
    """What is known of one device.

    Attributes
    ----------
    values
        float64, one for each of the kind's ``_FIGURES``: the latest that is known, NaN before.
    largest
        float64, shape (SCORE_WINDOW_S,): the largest score of each second, by the second's remainder.
    seconds
        int64, shape (SCORE_WINDOW_S,): which second (since 1970) each of them is.
    second
        That of the latest score.
    """

    device: Device
    values: NDArray[np.float64]
    largest: NDArray[np.float64]
    seconds: NDArray[np.int64]
    score: float = float("nan")
    second: int = 0
    rejections: int = 0
    seen_s: float = 0.0

    @classmethod
    def of(cls, device: Device) -> "_Latest":
        return cls(
            device,
            np.full(len(_FIGURES[device.kind]), np.nan),
            np.full(SCORE_WINDOW_S, np.nan),
            np.full(SCORE_WINDOW_S, _NEVER, np.int64),
        )

    def take(self, block: ScoredBlock, rows: NDArray[np.intp], guard_sigmas: float) -> None:
        """The shots of a block, in the order of event time."""
        values = block.features[rows[-1], _COLUMNS[block.device.kind]]
        self.values = np.where(np.isfinite(values), values, self.values)
        if block.device.kind is RecordKind.ENERGY_METER:
            self.rejections += int(np.count_nonzero(np.abs(block.features[rows, _ENERGY_Z]) > guard_sigmas))
        scored = rows[(block.scoring[rows] == Scoring.SCORED) & np.isfinite(block.score[rows])]
        if len(scored):
            self.score = float(block.score[scored[-1]])
            self._note_largest(block.event_time_ns[scored] // SECOND_NS, block.score[scored])

    def _note_largest(self, seconds: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        self.second = int(seconds[-1])
        recent = seconds > self.second - SCORE_WINDOW_S
        seconds, scores = seconds[recent], scores[recent]
        places = seconds % SCORE_WINDOW_S
        begun = places[self.seconds[places] != seconds]
        self.largest[begun] = 0.0
        self.seconds[places] = seconds
        np.maximum.at(self.largest, places, scores)

    def show(self, labels: tuple[str, str], families: Mapping[str, GaugeMetricFamily | CounterMetricFamily]) -> None:
        kind = self.device.kind
        for figure, value in zip(_FIGURES[kind], self.values.tolist(), strict=True):
            if np.isfinite(value):
                axis = [figure.axis] if figure.axis else []
                families[figure.name].add_metric([*labels, *axis], value)
        if np.isfinite(self.score):
            if kind in _WITH_LATEST_SCORE:
                families["petawatch_device_score"].add_metric([*labels, kind.value], self.score)
            if kind in _WITH_LARGEST_SCORE:
                now = (self.seconds > self.second - SCORE_WINDOW_S) & (self.seconds <= self.second)
                families["petawatch_device_score_max"].add_metric([*labels, kind.value], float(self.largest[now].max()))


def device_labels(device: Device) -> tuple[str, str]:
    """The labels ``device`` (at most 200 characters that can be encoded) and ``stage`` (empty without one)."""
    name = device.name[:200].encode("utf-8", "backslashreplace").decode()
    return name, device.stage.name


def _families() -> dict[str, GaugeMetricFamily | CounterMetricFamily]:
    families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
    for figures in _FIGURES.values():
        for figure in figures:
            labels = ["device", "stage", *(["axis"] if figure.axis else [])]
            families.setdefault(figure.name, GaugeMetricFamily(figure.name, figure.text, labels=labels))
    for name, text in (
        ("petawatch_device_score", "Score of the latest shot: -log10 of its tail probability."),
        ("petawatch_device_score_max", f"Largest score of the latest {SCORE_WINDOW_S} s of event time."),
    ):
        families[name] = GaugeMetricFamily(name, text, labels=["device", "stage", "kind"])
    rejected = "petawatch_energy_guard_rejections"
    families[rejected] = CounterMetricFamily(rejected, "Readings beyond the guard.", labels=["device", "stage"])
    return families
