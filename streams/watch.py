"""The watch put together: the one place that makes connectors and hands them to the stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

from connectors.clock import Clock, SystemClock
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.process_memory import return_large_arrays
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from connectors.state.reader import StateReader
from models.alerts.alert import AlertEvent
from models.snapshot_sequence import SnapshotSequence
from streams.accepted_baselines import AcceptedBaselines
from streams.alert_pages import AlertPages
from streams.archive.places import archive_folder, require_apart
from streams.archive.states.state_archivist import StateArchivist
from streams.archive.uploading.archive_chores import with_archive
from streams.embedded_runner import EmbeddedRunner
from streams.http_health import HealthServer, ReadyPart
from streams.live_show import LiveShow
from streams.metrics import WatchMetrics
from streams.promoted_models import PromotedModels
from streams.reporting_chores import Report
from streams.settings import Settings
from streams.shadow_model import ShadowModel
from streams.spool_loop import SpoolLoop
from streams.state_writing import open_state_writing
from streams.telling.receiver_alerts import with_receivers
from streams.watch_news import WatchNews
from streams.watch_pipeline import WatchPipeline, models_of_states
from streams.work_units import WorkUnit


class Watch(SpoolLoop[EmbeddedRunner]):
    """A running watch: files come in by the spool, everything else follows.

    Use ``open_watch``.
    """

    def process_units(self, units: Iterator[WorkUnit]) -> None:
        """Process units that are made in memory, as those of files (for benchmarks)."""
        self._runner.process_units(units)


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
        If the state directory is in use or damaged, the model does not fit, the port is taken, or the archive's store
        and the watched folders overlap.
    """
    require_apart(settings.archive.store, paths)
    clock = clock or SystemClock()
    stop = Event()
    return_large_arrays()
    with ExitStack() as stack:
        metrics = WatchMetrics(clock, guard_sigmas=settings.meter.smoothing.guard_sigmas)
        health = None
        if http != "off":
            pages = AlertPages(state_path, settings)
            health = stack.enter_context(HealthServer(http, metrics, clock, pages=pages))
        writing = open_state_writing(
            stack,
            state_path,
            settings,
            clock=clock,
            metrics=metrics,
            tell=tell or _ignore,
            stopping=stop.is_set,
            on_alerts=on_alerts,
        )
        models = PromotedModels(state_path, settings, clock=clock, metrics=metrics, tell=tell or _ignore)
        stack.callback(models.close)
        make_stage = models.first(lambda: models_of_states(writing.state.load_states()))
        shadow = ShadowModel(state_path, settings, clock=clock, metrics=metrics, tell=tell or _ignore)
        stack.callback(shadow.close)
        pipeline = WatchPipeline(make_stage, settings.join, models.earlier, shadow.first())
        baselines = AcceptedBaselines(state_path, tell or _ignore)
        sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
        runner = EmbeddedRunner(
            state=writing.state,
            pipeline=pipeline,
            builder=writing.builder,
            sequence=sequence,
            settings=settings,
            metrics=metrics,
            news=WatchNews(
                baselines=baselines.take_new,
                baseline_taken=baselines.taken,
                model=models.take_new,
                shadow=shadow.take_new,
            ),
            stopping=stop.is_set,
            before_file=_state_archivist(stack, state_path, settings, writing.state, tell or _ignore),
            show=_live(stack, state_path, clock, tell or _ignore).offer,
        )
        stack.callback(runner.close)
        writing.sender.start()
        if health is not None:
            health.ready(ReadyPart.MODEL, ReadyPart.STATE)
        yield Watch(
            paths,
            settings=settings,
            clock=clock,
            runner=runner,
            sequence=sequence,
            chores=with_archive(
                stack,
                with_receivers(
                    stack,
                    writing.housekeeping,
                    _reported_by(runner),
                    state=state_path,
                    settings=settings,
                    clock=clock,
                ),
                _reported_by(runner),
                state=state_path,
                settings=settings,
                clock=clock,
                registry=metrics.registry,
                tell=tell or _ignore,
            ),
            watching=_ignore if health is None else health.ready,
            signs=metrics,
            stop=stop,
            tell=tell or _ignore,
        )


def _state_archivist(
    stack: ExitStack, state_path: Path, settings: Settings, state: StateReader, tell: Callable[[str], None]
) -> Callable[[int], None] | None:
    """Where there is an archive, the states go into it now and then; closed with ``stack``."""
    if not settings.archive.store:
        return None
    archivist = StateArchivist(state, archive_folder(settings.archive, state_path), settings, tell)
    stack.callback(archivist.close)
    return archivist.before


def _live(stack: ExitStack, state_path: Path, clock: Clock, tell: Callable[[str], None]) -> LiveShow:
    """Shows on the board of the state directory what was worked on last; ended with ``stack``."""
    show = LiveShow(lambda: LiveBoardWriter(state_path / BOARD_NAME, clock), clock, tell)
    stack.callback(show.stop)
    show.start()
    return show


def _reported_by(runner: EmbeddedRunner) -> Report:
    """Alerts that are found beside the work go the way of all others."""

    def report(events: list[AlertEvent], then: Callable[[], None]) -> None:
        runner.report(events, Commit())
        then()

    return report


def _ignore(*_: object) -> None:
    """Nobody listens."""
