"""The watch put together: the one place that makes connectors and hands them to the stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from connectors.clock import Clock, SystemClock
from connectors.evidence_store import EvidenceStore
from connectors.model_files import installed_model
from connectors.process_memory import return_large_arrays
from connectors.spool_listing import NoticeReason, SpoolFile, SpoolNotice, scan
from connectors.spool_watcher import SpoolWatcher
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.webhooks import WebhookSender
from models.alerts.alert import AlertEvent, AlertKind, AlertStatus
from models.alerts.file_alerts import snapshot_alert
from models.device_stage import DeviceStage
from models.devices import Device, RecordKind
from models.energies.meter_stage import MeterStage
from models.errors import FatalError
from models.images.camera_stage import CameraStage
from models.model_bundle import ModelBundle
from models.records import SourceReference
from models.snapshot_sequence import MissingSnapshot, SnapshotSequence
from models.spectra.spectrometer_stage import SpectrometerStage
from models.unscored_stage import UnscoredStage
from streams.commit_builder import CommitBuilder
from streams.embedded_runner import EmbeddedRunner
from streams.housekeeping import Housekeeping
from streams.http_health import HealthServer, ReadyPart
from streams.metrics import WatchMetrics
from streams.per_thread import PerThreadBuffers, PerThreadNetwork
from streams.series_progress import series_of
from streams.settings import Settings
from streams.watch_pipeline import StageFactory, WatchPipeline
from streams.work_units import WorkUnit

_LOOK_EVERY_S = 0.5
_PROGRESS_FILES = 64
# Files that the storage does not give now (a network file system that is away) are tried again.
_READ_AGAIN_EVERY_S = 30.0
_READ_TRIES = 3
_READ_PAUSE_S = 1.0
# What lies in every folder of recorders; whatever else is left alone, an operator should mend.
_ORDINARY = frozenset({NoticeReason.NOT_HDF5_NAME, NoticeReason.HIDDEN})


def stage_factory(settings: Settings, bundle: ModelBundle) -> StageFactory:
    """Makes the processing of a device from its kind."""
    network, buffers = PerThreadNetwork(bundle), PerThreadBuffers()

    def make(device: Device) -> DeviceStage:
        if device.kind is RecordKind.CAMERA:
            return CameraStage(device, settings.camera, network, bundle.seeds, buffers)
        if device.kind is RecordKind.ENERGY_METER:
            return MeterStage(device, settings.meter)
        if device.kind is RecordKind.SPECTROMETER:
            return SpectrometerStage(device, settings.spectrometer)
        return UnscoredStage(settings.camera.admission, settings.camera.validity)

    return make


class Watch:
    """A running watch: files come in by the spool, everything else follows.

    Use ``open_watch``.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        settings: Settings,
        clock: Clock,
        state: StateDirectory,
        runner: EmbeddedRunner,
        sequence: SnapshotSequence[SpoolFile],
        housekeeping: Housekeeping,
        metrics: WatchMetrics,
        watching: Callable[[], None],
        stop: Event,
        tell: Callable[[str], None],
    ) -> None:
        self._tell = tell
        self._paths = paths
        self._settings = settings
        self._clock = clock
        self._state = state
        self._runner = runner
        self._metrics = metrics
        self._sequence = sequence
        self._housekeeping = housekeeping
        self._watching = watching
        # Also of recorders that were heard of before the last stop: they may never deliver again.
        self._last_file_s = dict.fromkeys(runner.series, clock.monotonic_s())
        self._read_again_s = clock.monotonic_s()
        self._stop = stop
        self._spool: SpoolWatcher | None = None

    def run_once(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Process what lies in the folders now, decide everything, and return."""
        files, notices = scan(self._paths, self._clock)
        for notice in notices:
            if notice.reason is NoticeReason.ROOT_MISSING:
                raise FatalError(notice.sentence, reason="spool")
        self._note(notices)
        for file in files:
            if not self._is_taken(file.relative, file.size, file.mtime_ns):
                self._sequence.offer(file, file.relative, self._clock.now_ns())
        due = [snapshot.item for snapshot in self._sequence.flush()]
        self._report_series()
        for done in range(0, len(due), _PROGRESS_FILES):
            (progress or _ignore)(done, len(due))
            self._runner.process(due[done : done + _PROGRESS_FILES])
        for _ in range(_READ_TRIES):
            if not self._runner.read_again():
                break
            self._clock.sleep(_READ_PAUSE_S)
        self._runner.finish()
        self._housekeeping.drain_outbox()
        (progress or _ignore)(len(due), len(due))

    def process_units(self, units: Iterator[WorkUnit]) -> None:
        """Process units that are made in memory, as those of files (for benchmarks)."""
        self._runner.process_units(units)

    def run(self) -> None:
        """Watch the folders until ``stop`` is called."""
        self._spool = SpoolWatcher(self._paths, self._clock, self._settings.spool, self._is_taken)
        self._watching()
        try:
            while not self._stop.is_set():
                self._step(self._spool)
        finally:
            self._spool.stop()

    def stop(self) -> None:
        """End ``run`` after what it is doing now; may be called from a signal handler or another thread."""
        self._stop.set()
        if self._spool is not None:
            self._spool.wake()

    def _step(self, spool: SpoolWatcher) -> None:
        found = spool.take(_LOOK_EVERY_S)
        self._note([item for item in found if isinstance(item, SpoolNotice)])
        now_ns = self._clock.now_ns()
        for file in found:
            if isinstance(file, SpoolFile):
                self._sequence.offer(file, file.relative, now_ns)
        ready = [snapshot.item for snapshot in self._sequence.ready(now_ns)]
        self._metrics.set_queue_depth(spool.queue_depth + self._sequence.held + len(ready))
        for file in ready:
            self._last_file_s[series_of(file.relative)] = self._clock.monotonic_s()
        # Told before the files are processed: with the first of them the order is saved as if all had their turn.
        self._report_series()
        if ready:
            self._runner.process(ready)
        self._runner.complete_replacements()
        if self._clock.monotonic_s() >= self._read_again_s:
            self._read_again_s = self._clock.monotonic_s() + _READ_AGAIN_EVERY_S
            self._runner.read_again()
        self._silence_series()
        if self._state.flush_due and not ready:
            self._runner.flush_rows()
        self._housekeeping.tick()
        self._metrics.loop_moved()

    def _report_series(self) -> None:
        """Alerts about snapshots that did not come, and about those that come again."""
        changes = self._sequence.take_changes()
        if not changes:
            return
        alerts = []
        for change in changes:
            missing = isinstance(change, MissingSnapshot)
            alerts.append(
                snapshot_alert(
                    AlertKind.SNAPSHOT_MISSING,
                    SourceReference(file=change.series, sha256=""),
                    front_end=change.front_end,
                    start_ns=change.expected_start_ns,
                    reason="not_delivered",
                    status=AlertStatus.OPEN if missing else AlertStatus.CLOSED,
                )
            )
        self._runner.report(alerts, Commit())

    def _silence_series(self) -> None:
        """Recorders that deliver nothing for long hold up nobody."""
        limit_s = self._clock.monotonic_s() - self._settings.silence_after_s
        silent = [series for series, last_s in self._last_file_s.items() if last_s < limit_s]
        for series in silent:
            del self._last_file_s[series]
        if silent:
            self._runner.silence(silent)

    def _is_taken(self, relative: str, size: int, mtime_ns: int) -> bool:
        return self._runner.is_done(relative, size, mtime_ns)

    def _note(self, notices: Sequence[SpoolNotice]) -> None:
        """Remember once what is left alone, and say what is wrong."""
        records = [
            FileRecord(
                path=notice.relative,
                root=str(notice.root),
                sha256="",
                size_bytes=0,
                mtime_ns=0,
                status=FileStatus.IGNORED,
                reason=notice.reason.value,
            )
            for notice in notices
            if notice.ignored and self._state.known_file(notice.relative) is None
        ]
        if records:
            self._runner.report([], Commit(files=records))
        new = {record.path for record in records}
        for notice in notices:
            if not notice.ignored or (notice.relative in new and notice.reason not in _ORDINARY):
                self._tell(notice.sentence)


@contextmanager
def open_watch(
    paths: Sequence[Path],
    state_path: Path,
    settings: Settings,
    *,
    http: str = "off",
    clock: Clock | None = None,
    on_alerts: Callable[[list[AlertEvent]], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Watch]:
    """Open everything that a watch needs, and close it again.

    Parameters
    ----------
    http
        ``HOST:PORT`` for metrics and health, or ``off``.
    on_alerts
        Called with the alerts of every commit, after it.
    tell
        Called with a sentence about something that an operator should mend (a folder that is gone, a full disk).

    Raises
    ------
    FatalError
        If the state directory is in use or damaged, the model does not fit, or the port is taken.
    """
    clock = clock or SystemClock()
    stop = Event()
    return_large_arrays()
    with ExitStack() as stack:
        metrics = WatchMetrics(clock)
        health = None if http == "off" else stack.enter_context(HealthServer(http, metrics, clock))
        state = stack.enter_context(StateDirectory.open(state_path))
        bundle = installed_model(state_path)
        metrics.set_model(bundle.name)
        outbox = state.outbox()
        sender = WebhookSender(outbox, clock, settings.webhooks)
        stack.callback(sender.stop)
        evidence = EvidenceStore(state_path, settings.evidence)

        def committed(alerts: list[AlertEvent]) -> None:
            if alerts:
                sender.notify()
                (on_alerts or _ignore)(alerts)

        builder = CommitBuilder(
            state=state,
            evidence=evidence,
            webhook_urls=settings.webhook_urls,
            clock=clock,
            metrics=metrics,
            on_commit=committed,
            tell=tell or _ignore,
            stopping=stop.is_set,
        )
        pipeline = WatchPipeline(stage_factory(settings, bundle), settings.join)
        sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
        runner = EmbeddedRunner(
            state=state,
            pipeline=pipeline,
            builder=builder,
            sequence=sequence,
            settings=settings,
            metrics=metrics,
            stopping=stop.is_set,
        )
        stack.callback(runner.close)
        sender.start()
        if health is not None:
            health.ready(ReadyPart.MODEL, ReadyPart.STATE)
        yield Watch(
            paths,
            settings=settings,
            clock=clock,
            state=state,
            runner=runner,
            sequence=sequence,
            housekeeping=Housekeeping(
                state=state, evidence=evidence, outbox=outbox, sender=sender, metrics=metrics, clock=clock
            ),
            watching=_ignore if health is None else health.ready,
            metrics=metrics,
            stop=stop,
            tell=tell or _ignore,
        )


def _ignore(*_: object) -> None:
    """Nobody listens."""
