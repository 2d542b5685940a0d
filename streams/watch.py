"""The watch put together: the one place that makes connectors and hands them to the stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from connectors.clock import Clock
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.process_memory import return_large_arrays
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from connectors.state.reader import StateReader
from models.alerts.alert import AlertEvent
from models.snapshot_sequence import SnapshotSequence
from streams.accepted_baselines import AcceptedBaselines
from streams.alert_pages.pages import AlertPages
from streams.archive.places import archive_folder, require_apart
from streams.archive.states.state_archivist import StateArchivist
from streams.data_stopped_alerts import open_data_stopped_alerts
from streams.embedded_runner import EmbeddedRunner
from streams.found_alerts import with_found_alerts
from streams.http_health import HealthServer, ReadyPart
from streams.live_show import LiveShow
from streams.promoted_models import PromotedModels
from streams.reporting_chores import Report
from streams.settings import Settings
from streams.shadow_model import ShadowModel
from streams.spool_loop import SpoolLoop
from streams.state_writing import StateWriting, open_state_writing
from streams.surroundings import Surroundings, open_surroundings
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
    return_large_arrays()
    with open_surroundings(state_path, settings, clock=clock, tell=tell) as around:
        stack, clock, metrics = around.stack, around.clock, around.metrics
        health = _open_health(around, http)
        writing = open_state_writing(
            stack,
            state_path,
            settings,
            clock=clock,
            metrics=metrics,
            tell=around.tell,
            stopping=around.stop.is_set,
            on_alerts=on_alerts,
        )
        sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
        runner = _open_runner(around, writing, sequence)
        writing.sender.start()
        if health is not None:
            health.ready(ReadyPart.MODEL, ReadyPart.STATE)
        data_stopped = open_data_stopped_alerts(stack, state_path, settings, clock)
        yield Watch(
            paths,
            settings=settings,
            clock=clock,
            runner=runner,
            sequence=sequence,
            chores=with_found_alerts(around, writing.housekeeping, data_stopped, _reported_by(runner)),
            watching=_ignore if health is None else health.ready,
            signs=metrics,
            stop=around.stop,
            tell=around.tell,
            looked=None if data_stopped is None else data_stopped.looked,
        )


def _open_health(around: Surroundings, http: str) -> HealthServer | None:
    """Metrics, health and the alerts' pages at ``HOST:PORT``; None where they are off."""
    if http == "off":
        return None
    pages = AlertPages(around.state_path, around.settings)
    return around.stack.enter_context(HealthServer(http, around.metrics, around.clock, pages=pages))


def _open_runner(around: Surroundings, writing: StateWriting, sequence: SnapshotSequence[SpoolFile]) -> EmbeddedRunner:
    """The runner with its models, and with what reaches it beside the files."""
    stack, state_path, settings, tell = around.stack, around.state_path, around.settings, around.tell
    models = PromotedModels(state_path, settings, clock=around.clock, metrics=around.metrics, tell=tell)
    stack.callback(models.close)
    make_stage = models.first(lambda: models_of_states(writing.state.load_states()))
    shadow = ShadowModel(state_path, settings, clock=around.clock, metrics=around.metrics, tell=tell)
    stack.callback(shadow.close)
    baselines = AcceptedBaselines(state_path, tell)
    runner = EmbeddedRunner(
        state=writing.state,
        pipeline=WatchPipeline(make_stage, settings.join, models.earlier, shadow.first()),
        builder=writing.builder,
        sequence=sequence,
        settings=settings,
        metrics=around.metrics,
        news=WatchNews(
            baselines=baselines.take_new,
            baseline_taken=baselines.taken,
            model=models.take_new,
            shadow=shadow.take_new,
        ),
        stopping=around.stop.is_set,
        before_file=_state_archivist(around, writing.state),
        show=_live(around).offer,
    )
    stack.callback(runner.close)
    return runner


def _state_archivist(around: Surroundings, state: StateReader) -> Callable[[int], None] | None:
    """Where there is an archive, the states go into it now and then."""
    settings = around.settings
    if not settings.archive.store:
        return None
    archivist = StateArchivist(state, archive_folder(settings.archive, around.state_path), settings, around.tell)
    around.stack.callback(archivist.close)
    return archivist.before


def _live(around: Surroundings) -> LiveShow:
    """Shows on the board of the state directory what was worked on last."""
    clock = around.clock
    show = LiveShow(lambda: LiveBoardWriter(around.state_path / BOARD_NAME, clock), clock, around.tell)
    around.stack.callback(show.stop)
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
