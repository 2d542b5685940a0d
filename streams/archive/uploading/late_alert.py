"""The alert about files that wait for the archive."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.archive.outbox_lines import Sink, SinkLag
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import ArchiveReason, archive_alert
from models.alerts.overdue_alert import OverdueAlert
from models.event_time import SECOND_NS
from models.state import State
from streams.archive.uploading.store_sink import CATALOG_AWAY, OF_THE_FILE


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits the longest.

    Attributes
    ----------
    since_ns
        By the clock, ns since 1970; None when nothing waits.
    """

    sink: Sink = Sink.STORE
    since_ns: int | None = None
    reason: ArchiveReason = ArchiveReason.BEHIND

    def age_s(self, now_ns: int) -> float:
        """How long it waits; 0 also for a clock that was set back."""
        return 0.0 if self.since_ns is None else max(0, now_ns - self.since_ns) / SECOND_NS

    def about(self, now_ns: int) -> State:
        """What the alert is about."""
        return {"sink": self.sink.value, "first_ns": self.since_ns, "last_ns": now_ns, "reason": self.reason.value}


def late_alert(limit_s: float) -> OverdueAlert:
    """The alert; the oldest file may wait for so long."""
    return OverdueAlert(limit_s, _event)


def longest(lags: Mapping[Sink, SinkLag], stopped_ns: int | None) -> Waiting:
    """What waits the longest.

    Parameters
    ----------
    stopped_ns
        Since when the archiver itself can't work; None while it can.
    """
    if stopped_ns is not None:
        oldest = [lag.oldest_ns for lag in lags.values() if lag.oldest_ns is not None]
        return Waiting(Sink.STORE, min([stopped_ns, *oldest]), ArchiveReason.STOPPED)
    waiting = [(lag.oldest_ns, sink) for sink, lag in lags.items() if lag.oldest_ns is not None]
    if not waiting:
        return Waiting()
    since_ns, sink = min(waiting)
    return Waiting(sink, since_ns, reason_of(sink, lags[sink].reason))


def reason_of(sink: Sink, failure: str) -> ArchiveReason:
    """Why files wait, by the reason of the latest failure."""
    if not failure:
        return ArchiveReason.BEHIND
    if sink is Sink.CATALOG or failure == CATALOG_AWAY:
        return ArchiveReason.CATALOG_AWAY
    if failure == "folder_away":
        return ArchiveReason.FOLDER_AWAY
    return ArchiveReason.FILES_FAIL if failure in OF_THE_FILE else ArchiveReason.STORE_AWAY


def _event(about: State, status: AlertStatus) -> AlertEvent:
    return archive_alert(
        about["sink"],
        first_ns=about["first_ns"],
        last_ns=about["last_ns"],
        reason=ArchiveReason(about["reason"]),
        status=status,
    )
