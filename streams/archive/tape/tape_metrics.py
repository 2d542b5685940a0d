"""What Prometheus is told of the keeper of the tapes; a bounded set of series, as of its latest round."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric

from connectors.clock import Clock
from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from streams.archive.tape.tape_alerts import Need
from streams.telling.delivery_metrics import DeliveryMetrics

#: A round that has not ended for so long hangs: one that writes bundles to a cartridge, or reads them back, takes long.
HANGS_AFTER_S = 7200.0

_WANTED = {TapeReason.NO_ROOM, TapeReason.REMOUNT}


class TapeMetrics:
    """The metrics of a keeper of the tapes, in a registry of its own; written by one thread, read by another."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self.delivery = DeliveryMetrics(self.registry, clock)
        self._clock = clock
        self._ended_s = clock.monotonic_s()
        self._needs: Counter[tuple[AlertKind, TapeReason]] = Counter()
        self._bundles = 0
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def round_ended(self, needs: Iterable[Need], bundles: int) -> None:
        """A round has ended: what a person is wanted for, and how many bundles on the disk lack proven copies."""
        self._needs, self._bundles = Counter((need.kind, need.reason) for need in needs), bundles
        self._ended_s = self._clock.monotonic_s()

    @property
    def stalled(self) -> str:
        """What the keeper waits for is among its needs."""
        return ""

    @property
    def loop_age_s(self) -> float:
        """Seconds since the latest round ended, or the start."""
        return self._clock.monotonic_s() - self._ended_s

    def collect(self) -> Iterator[Metric]:
        """The series, with the age as of now."""
        counts = self._needs
        needs = GaugeMetricFamily("petawatch_tape_needs", "What a person is wanted for.", labels=["kind", "reason"])
        for reason in TapeReason:
            kind = AlertKind.TAPE_WANTED if reason in _WANTED else AlertKind.TAPE_TROUBLE
            needs.add_metric([kind.value, reason.value], counts[kind, reason])
        yield needs
        yield GaugeMetricFamily("petawatch_tape_bundles", "Bundles that lack proven copies.", self._bundles)
        yield GaugeMetricFamily("petawatch_tape_round_age_seconds", "Since the latest round.", self.loop_age_s)
