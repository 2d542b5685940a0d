"""What Prometheus is told: a bounded set of series, updated per block and not per record."""

import threading
from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from connectors.clock import Clock
from connectors.snapshots.manifest import DeadReason
from models.alerts.alert import AlertChange, AlertEvent, AlertKind, Severity
from models.devices import Device, RecordKind
from models.energies.smoothing import SmoothingSettings
from models.event_time import HOUR_NS, SECOND_NS
from models.images.shadow_comparison import ShadowCounts
from models.results import Outcome, ScoredBlock, Scoring
from models.triplets.decided import OUTCOMES, DecidedBlock, TripletTable
from streams.alarms.incident_metrics import IncidentMetrics
from streams.measurement_metrics import MeasurementMetrics, device_labels
from streams.telling.delivery_metrics import DeliveryMetrics

#: What becomes of a file (the ledger's ``files``).
FILE_RESULTS = ("accepted", "rejected", "replaced", "skipped", "ignored")
#: Upper ends of the classes of scores (-log10 of a tail probability).
SCORE_BOUNDS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0)
#: Upper ends of the classes of latencies, seconds.
LATENCY_BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)

_MAX_DEVICES = 1_000
_MODEL_ROLES = ("production", "shadow")
_MAX_REASONS = 50
# A wild time must not hide that its device has fallen silent.
_AHEAD_NS = HOUR_NS

# A second series for every counter and histogram, that no rule and no dashboard needs: process_start_time_seconds says
# since when they count.
disable_created_metrics()  # type: ignore[no-untyped-call]


class WatchMetrics:
    """All that a running watch shows of itself, in a registry of its own.

    The methods are called by the watch, from any of its threads; ages are computed when Prometheus asks.

    Parameters
    ----------
    guard_sigmas
        ``meter.smoothing.guard_sigmas``.
    """

    def __init__(self, clock: Clock, *, guard_sigmas: float = SmoothingSettings().guard_sigmas) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._stalled = ""
        self._own_model, self._other_models = "", frozenset[str]()
        self._camera_models: dict[Device, str] = {}
        self._scores = _ScoreHistogram()
        self._ages = _Ages(clock)
        self.delivery = DeliveryMetrics(self.registry, clock)
        #: What the control room stands at, told by whoever reads it.
        self.incidents = IncidentMetrics(self.registry, clock)
        self._measurements = MeasurementMetrics(self.registry, clock, guard_sigmas=guard_sigmas)
        self.registry.register(self._scores)
        self.registry.register(self._ages)
        ProcessCollector(registry=self.registry)
        self._make_counters(self.registry)
        self._make_gauges(self.registry)

    def scored(self, block: ScoredBlock) -> None:
        """A device stage is done with a block: scores, and how recent the device's data are."""
        self.loop_moved()
        if not len(block):
            return
        kind = block.device.kind.value
        for scoring, count in enumerate(np.bincount(block.scoring, minlength=len(Scoring))[: len(Scoring)]):
            if count:
                self._scorings.labels(kind, Scoring(scoring).label).inc(int(count))
        anomalous = int(np.count_nonzero(block.anomalous))
        if anomalous:
            self._anomalous.labels(kind).inc(anomalous)
        self._scores.observe(block.device.kind, block.score[block.scoring == Scoring.SCORED])
        self._ages.saw(block.device, block.event_time_ns)
        self._measurements.scored(block)
        self._note_model(block)

    def decided(self, blocks: Iterable[DecidedBlock]) -> None:
        """Records have found their outcome."""
        for block in blocks:
            kind = block.scored.device.kind.value
            for code, count in enumerate(np.bincount(block.outcome, minlength=len(OUTCOMES))):
                if count:
                    self._records.labels(kind, OUTCOMES[code].value).inc(int(count))

    def triplets(self, tables: Iterable[TripletTable]) -> None:
        """Shots of stages were decided."""
        self._measurements.triplets(tables)

    def dead_letters(self, counts: Mapping[str, int]) -> None:
        """Parts of a file were refused, by reason."""
        for reason, count in counts.items():
            self._dead_letters.labels(self._reasons.bounded(reason)).inc(count)

    def repeated(self, records: int) -> None:
        """Records came again whose file is accounted for; they were passed over."""
        self._repeated.inc(records)

    def file(self, result: str, count: int = 1) -> None:
        """Files were dealt with; ``result`` is one of ``FILE_RESULTS``."""
        self._files.labels(result).inc(count)

    def alerts(self, events: Iterable[AlertEvent], *, closed_ns: int | None = None) -> None:
        """Alerts were made durable; those that opened count, with the time since their file was closed."""
        now_ns = self._clock.now_ns()
        for event in events:
            if event.change is not AlertChange.OPENED:
                continue
            self._alerts.labels(event.alert.kind.value, event.alert.severity.value).inc()
            if closed_ns is not None:
                self._latency.observe(max(0.0, (now_ns - closed_ns) / SECOND_NS))

    def committed(self) -> None:
        """A commit is durable."""
        self.loop_moved()
        self._commits.inc()
        self._ages.commit_s = self._clock.monotonic_s()

    def loop_moved(self) -> None:
        """The processing loop goes round: the sign of life behind ``/healthz``."""
        self._ages.moved_s = self._clock.monotonic_s()

    def set_stalled(self, reason: str) -> None:
        """The work waits for a bounded reason (a full disk), or goes on (an empty one)."""
        self.loop_moved()
        if reason != self._stalled:
            self._stalled_gauge.clear()
            if reason:
                self._stalled_gauge.labels(self._reasons.bounded(reason)).set(1)
        self._stalled = reason

    @property
    def stalled(self) -> str:
        """Why the work waits; empty when it does not."""
        return self._stalled

    @property
    def loop_age_s(self) -> float:
        """Seconds since the processing loop last moved."""
        return self._clock.monotonic_s() - self._ages.moved_s

    def set_model(self, name: str) -> None:
        """The model that scores."""
        self._own_model = name
        self._show_models()

    def set_other_models(self, names: Iterable[str]) -> None:
        """The models of others whose scores are recorded here."""
        self._other_models = frozenset(names)
        self._show_models()

    def set_shadow(self, name: str) -> None:
        """The model that scores beside it; empty when none does."""
        self._shadow_model.clear()
        if name:
            self._shadow_model.labels(name).set(1)

    def shadow_compared(self, counts: ShadowCounts) -> None:
        """What the model in production and its shadow found in the same frames."""
        if not counts:
            return
        by_finder = {"both": counts.odd_both, "production": counts.odd_production, "shadow": counts.odd_shadow}
        by_finder["neither"] = counts.frames - sum(by_finder.values())
        for finder, frames in by_finder.items():
            self._shadow_frames.labels(finder).inc(frames)
        for role, opened, shared in (
            ("production", counts.alerts_production, counts.alerts_shared),
            ("shadow", counts.alerts_shadow, counts.alerts_of_shadow_shared),
        ):
            self._shadow_alerts.labels(role).inc(opened)
            self._shadow_shared_alerts.labels(role).inc(shared)

    def model_refused(self, reason: str) -> None:
        """A model that was to be used can't be; another one goes on."""
        self._models_refused.labels(self._reasons.bounded(reason)).inc()

    def set_queue_depth(self, depth: int, queue: str = "snapshots") -> None:
        """How much waits in a queue of the watch."""
        self._queue.labels(queue).set(depth)

    def set_ledger(self, *, read: int, ended: int, pending: int) -> None:
        """The account of the records: read from files, ended in an outcome, still on their way."""
        for state, count in (("read", read), ("ended", ended), ("pending", pending)):
            self._ledger.labels(state).set(count)
        self._unbalanced.set(read - ended - pending)

    def set_evidence_bytes(self, size_bytes: int) -> None:
        """How much evidence is stored."""
        self._evidence.set(size_bytes)

    def _make_counters(self, registry: CollectorRegistry) -> None:
        kinds = [kind.value for kind in RecordKind]
        self._reasons = LabelLimit(known=DeadReason)
        self._records = counter_from_zero(
            "petawatch_records", "Records by where they ended.", registry,
            kind=kinds, outcome=[outcome.value for outcome in Outcome],
        )  # fmt: skip
        self._scorings = counter_from_zero(
            "petawatch_scored_records", "Records by how far they were scored.", registry,
            kind=kinds, scoring=[scoring.label for scoring in Scoring],
        )  # fmt: skip
        self._anomalous = counter_from_zero(
            "petawatch_anomalous_records", "Records found anomalous.", registry, kind=kinds
        )
        self._dead_letters = counter_from_zero(
            "petawatch_dead_letters", "Parts of files that are no record.", registry, reason=list(DeadReason)
        )
        self._repeated = Counter(
            "petawatch_repeated_records",
            "Records that came again, of files that are accounted for.",
            registry=registry,
        )
        self._files = counter_from_zero(
            "petawatch_files", "Files by what became of them.", registry, result=FILE_RESULTS
        )
        self._alerts = counter_from_zero(
            "petawatch_alerts_opened", "Alerts opened.", registry,
            kind=[kind.value for kind in AlertKind], severity=[severity.value for severity in Severity],
        )  # fmt: skip
        self._models_refused = Counter(
            "petawatch_models_refused", "Models that were to be used and can't be.", ["reason"], registry=registry
        )
        self._shadow_frames = counter_from_zero(
            "petawatch_shadow_frames", "Frames that both models scored, by who found them odd.", registry,
            odd_for=("both", "production", "shadow", "neither"),
        )  # fmt: skip
        self._shadow_alerts = counter_from_zero(
            "petawatch_shadow_alerts", "Image alerts that each model opened.", registry, model_role=_MODEL_ROLES
        )
        self._shadow_shared_alerts = counter_from_zero(
            "petawatch_shadow_shared_alerts", "Of these, while the other one had one, too.", registry,
            model_role=_MODEL_ROLES,
        )  # fmt: skip
        self._commits = Counter("petawatch_commits", "Commits of state and results.", registry=registry)

    def _note_model(self, block: ScoredBlock) -> None:
        """Which model a camera is scored by: after a promotion they change one by one."""
        before = self._camera_models.get(block.device)
        if not block.model or block.model == before or (before is None and len(self._camera_models) >= _MAX_DEVICES):
            return
        self._camera_models[block.device] = block.model
        if before is not None:
            self._cameras.clear()
        for model, count in Counted(self._camera_models.values()).items():
            self._cameras.labels(model).set(count)

    def _show_models(self) -> None:
        self._models.clear()
        for name in {self._own_model, *self._other_models} - {""}:
            self._models.labels(name).set(1)

    def _make_gauges(self, registry: CollectorRegistry) -> None:
        self._latency = Histogram(
            "petawatch_file_close_to_alert_seconds",
            "From the closing of a snapshot to the alert about a shot in it.",
            registry=registry,
            buckets=LATENCY_BOUNDS_S,
        )
        self._models = Gauge("petawatch_model_info", "The model that scores images.", ["model"], registry=registry)
        self._shadow_model = Gauge(
            "petawatch_shadow_model_info", "The model that scores beside it.", ["model"], registry=registry
        )
        self._cameras = Gauge("petawatch_model_cameras", "Cameras that a model scores.", ["model"], registry=registry)
        self._queue = Gauge("petawatch_queue_depth", "What waits in a queue.", ["queue"], registry=registry)
        self._ledger = Gauge(
            "petawatch_ledger_records", "Records by state of the account.", ["state"], registry=registry
        )
        self._unbalanced = Gauge(
            "petawatch_ledger_unbalanced_records", "Records read that are neither ended nor pending.", registry=registry
        )
        self._evidence = Gauge("petawatch_evidence_bytes", "Evidence stored.", registry=registry)
        self._stalled_gauge = Gauge("petawatch_stalled", "1 while the work waits.", ["reason"], registry=registry)


class LabelLimit:
    """Keeps the values of a label few: those that come first are shown, all others together as ``other``."""

    def __init__(self, most: int = _MAX_REASONS, *, known: Iterable[str] = ()) -> None:
        self._most = most
        self._known = set(known)

    def bounded(self, value: str) -> str:
        """The value, or ``other``."""
        if len(self._known) < self._most:
            self._known.add(value)
        return value if value in self._known else "other"


def counter_from_zero(name: str, text: str, registry: CollectorRegistry, **labels: Sequence[str]) -> Counter:
    """A counter whose series are all there from the start, at zero: rates need a first value."""
    counter = Counter(name, text, list(labels), registry=registry)
    names: list[tuple[str, ...]] = [()]
    for values in labels.values():
        names = [(*before, value) for before in names for value in values]
    for combination in names:
        counter.labels(*combination)
    return counter


class _ScoreHistogram:
    """A histogram that takes a whole block at once: prometheus_client's takes value by value."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {kind: np.zeros(len(SCORE_BOUNDS) + 1, dtype=np.int64) for kind in RecordKind}
        self._sums = dict.fromkeys(RecordKind, 0.0)

    def observe(self, kind: RecordKind, scores: NDArray[np.float32]) -> None:
        finite = scores[np.isfinite(scores)].astype(np.float64)
        if not len(finite):
            return
        counts = np.bincount(np.searchsorted(SCORE_BOUNDS, finite), minlength=len(SCORE_BOUNDS) + 1)
        with self._lock:
            self._counts[kind] += counts
            self._sums[kind] += float(finite.sum())

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "petawatch_score", "Scores: -log10 of the corrected tail probability.", labels=["kind"]
        )
        bounds = [*(str(bound) for bound in SCORE_BOUNDS), "+Inf"]
        with self._lock:
            for kind, counts in self._counts.items():
                buckets = list(zip(bounds, np.cumsum(counts).tolist(), strict=True))
                family.add_metric([kind.value], buckets, sum_value=self._sums[kind])
        yield family


class _Ages:
    """Ages that go on growing while nothing comes, since they are computed when they are asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[Device, int] = {}
        self.commit_s = self.moved_s = clock.monotonic_s()

    def saw(self, device: Device, event_time_ns: NDArray[np.int64]) -> None:
        credible = event_time_ns[event_time_ns <= self._clock.now_ns() + _AHEAD_NS]
        if not len(credible):
            return
        latest_ns = int(credible.max())
        with self._lock:
            known_ns = self._latest.get(device)
            if known_ns is not None or len(self._latest) < _MAX_DEVICES:
                self._latest[device] = latest_ns if known_ns is None else max(known_ns, latest_ns)

    def collect(self) -> Iterator[Metric]:
        now_ns = self._clock.now_ns()
        data = GaugeMetricFamily(
            "petawatch_data_age_seconds",
            "Age of the latest shot that a device recorded.",
            labels=["device", "kind", "stage"],
        )
        with self._lock:
            latest = dict(self._latest)
        for device, latest_ns in sorted(latest.items()):
            name, stage = device_labels(device)
            data.add_metric([name, device.kind.value, stage], max(0, now_ns - latest_ns) / SECOND_NS)
        yield data
        now_s = self._clock.monotonic_s()
        yield GaugeMetricFamily(
            "petawatch_commit_age_seconds", "Since the last commit, or the start.", now_s - self.commit_s
        )
        yield GaugeMetricFamily(
            "petawatch_loop_age_seconds", "Since the processing loop last went round.", now_s - self.moved_s
        )
