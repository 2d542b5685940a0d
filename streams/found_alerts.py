"""The chores of a loop with all that finds alerts beside its work."""

from streams.archive.uploading.archive_chores import with_archive
from streams.data_stopped_alerts import DataStoppedAlerts
from streams.reporting_chores import Report, ReportingChores
from streams.spool_loop import Chores
from streams.surroundings import Surroundings
from streams.telling.receiver_alerts import with_receivers


def with_found_alerts(
    around: Surroundings, chores: Chores, data_stopped: DataStoppedAlerts | None, report: Report
) -> Chores:
    """The chores, and what they find: data that have stopped, receivers that fail, an archive that is late."""
    stack, settings, clock = around.stack, around.settings, around.clock
    if data_stopped is not None:
        chores = ReportingChores(chores, data_stopped, report)
    return with_archive(
        stack,
        with_receivers(stack, chores, report, state=around.state_path, settings=settings, clock=clock),
        report,
        state=around.state_path,
        settings=settings,
        clock=clock,
        registry=around.metrics.registry,
        tell=around.tell,
    )
