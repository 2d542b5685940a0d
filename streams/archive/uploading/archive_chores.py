"""The archive's part of what a loop does now and then: its alerts are told by the loop's own thread."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry

from connectors.clock import Clock
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.archive.uploading.archive_service import ArchiveService
from streams.reporting_chores import Report, ReportingChores
from streams.settings import Settings
from streams.spool_loop import Chores

_DRAIN_S = 10.0


class ArchiveChores(ReportingChores):
    """The chores of a loop, and those of the archive beside it."""

    def __init__(self, chores: Chores, archive: ArchiveService, report: Report) -> None:
        super().__init__(chores, archive, report)
        self._archive = archive

    def drain_outbox(self) -> None:
        """Give receivers and archive a last moment; what they don't take stays in their outboxes for the next run."""
        super().drain_outbox()
        self._archive.drain(_DRAIN_S)


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
