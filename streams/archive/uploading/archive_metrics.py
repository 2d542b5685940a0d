"""What Prometheus is told of the archive; a bounded set of series, as of the latest look at the outbox."""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.archive.outbox_lines import Sink, SinkLag
from connectors.clock import Clock
from models.event_time import SECOND_NS

#: What becomes of a version of a file in the archive.
ARCHIVE_RESULTS = ("stored", "archived_elsewhere", "file_gone", "file_changed", "archive_key")


class ArchiveMetrics:
    """The archive's part of the metrics of a watch or connector; written by one thread, read by another."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._lags: Mapping[Sink, SinkLag] = {}
        self._counts: Mapping[str, int] = {}
        registry.register(self)

    def show(self, lags: Mapping[Sink, SinkLag], counts: Mapping[str, int]) -> None:
        """What waits, and what was counted."""
        self._lags, self._counts = lags, counts

    def collect(self) -> Iterator[Metric]:
        """The series, with ages as of now."""
        lags, counts, now_ns = self._lags, self._counts, self._clock.now_ns()
        files = GaugeMetricFamily("petawatch_archive_waiting_files", "Files that wait.", labels=["sink"])
        size = GaugeMetricFamily("petawatch_archive_waiting_bytes", "Bytes of files that wait.", labels=["sink"])
        age = GaugeMetricFamily("petawatch_archive_oldest_age_seconds", "How long the oldest waits.", labels=["sink"])
        for sink in Sink:
            lag = lags.get(sink, SinkLag())
            files.add_metric([sink], lag.files)
            size.add_metric([sink], lag.size_bytes)
            age.add_metric([sink], 0.0 if lag.oldest_ns is None else max(0, now_ns - lag.oldest_ns) / SECOND_NS)
        results = CounterMetricFamily(
            "petawatch_archive_files", "Versions of files by what became of them.", labels=["result"]
        )
        for result in ARCHIVE_RESULTS:
            results.add_metric([result], counts.get(result, 0))
        stored = CounterMetricFamily("petawatch_archive_stored_bytes", "Bytes of the stored files.")
        stored.add_metric([], counts.get("stored_bytes", 0))
        yield from (files, size, age, results, stored)
