"""The archive's part of what a loop does now and then: its alerts are told by the loop's own thread."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry

from connectors.clock import Clock
from models.alerts.alert import AlertEvent
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.archive.uploading.archive_service import ArchiveService
from streams.settings import Settings
from streams.spool_loop import Chores

_DRAIN_S = 10.0

#: Makes alerts known, and calls back when they are durable.
Report = Callable[[list[AlertEvent], Callable[[], None]], None]


class ArchiveChores:
    """The chores of a loop, and those of the archive beside it.

    Parameters
    ----------
    chores
        All others.
    report
        Called from the loop's thread.
    """

    def __init__(self, chores: Chores, archive: ArchiveService, report: Report) -> None:
        self._chores = chores
        self._archive = archive
        self._report = report
        self._reporting = False

    def tick(self) -> None:
        """Do what is due."""
        self._chores.tick()
        events = [] if self._reporting else self._archive.events()
        if events:
            self._reporting = True
            self._report(events, lambda: self._told(events))

    def drain_outbox(self) -> None:
        """Give receivers and archive a last moment; what they don't take stays in their outboxes for the next run."""
        self._chores.drain_outbox()
        self._archive.drain(_DRAIN_S)

    def _told(self, events: list[AlertEvent]) -> None:
        self._reporting = False
        self._archive.told(events)


def with_archive(
    stack: ExitStack,
    chores: Chores,
    report: Report,
    *,
    state: Path,
    settings: Settings,
    clock: Clock,
    registry: CollectorRegistry,
    tell: Callable[[str], None],
) -> Chores:
    """The chores with those of the archive, where there is one; it works until ``stack`` is closed."""
    if not settings.archive.store:
        return chores
    archive = ArchiveService(state, settings, clock, ArchiveMetrics(registry, clock), tell)
    stack.callback(archive.stop)
    archive.start()
    return ArchiveChores(chores, archive, report)
