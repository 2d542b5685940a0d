"""The alert about files that wait for the archive: when it opens, when it closes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.archive.outbox_lines import Sink, SinkLag
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import ArchiveReason, archive_alert
from models.event_time import SECOND_NS
from models.state import State
from streams.archive.uploading.store_sink import OF_THE_FILE

# It closes when the oldest has come down to this part of the limit, so that it does not flicker around it.
_CLOSE_AT = 0.5


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits the longest.

    Attributes
    ----------
    since_ns
        None when nothing waits.
    """

    sink: Sink = Sink.STORE
    since_ns: int | None = None
    reason: ArchiveReason = ArchiveReason.BEHIND


class LateAlert:
    """One alert at a time. What is to be told is offered until it was told, also after a restart.

    Parameters
    ----------
    limit_s
        The oldest may wait for so long.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._known: State = {}

    def observe(self, waiting: Waiting, now_ns: int) -> list[AlertEvent]:
        """What is to be told now; the same again until ``told`` was called.

        Parameters
        ----------
        now_ns
            By the clock, ns since 1970.
        """
        age_s = 0.0 if waiting.since_ns is None else max(0, now_ns - waiting.since_ns) / SECOND_NS
        if not self._known and waiting.since_ns is not None and age_s > self._limit_s:
            self._known = {
                "sink": waiting.sink.value,
                "first_ns": waiting.since_ns,
                "last_ns": now_ns,
                "reason": waiting.reason.value,
                "told": False,
            }
        if not self._known:
            return []
        opening = [] if self._known["told"] else [_event(self._known, AlertStatus.OPEN)]
        return opening + ([_event(self._known, AlertStatus.CLOSED)] if age_s <= _CLOSE_AT * self._limit_s else [])

    def told(self, events: Iterable[AlertEvent]) -> None:
        """These events are known to whoever needs to know them."""
        closed = any(event.alert.status is AlertStatus.CLOSED for event in events)
        self._known = {} if closed or not self._known else {**self._known, "told": True}

    def state(self) -> State:
        """All that later events depend on."""
        return dict(self._known)

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._known = dict(state)


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
    if sink is Sink.CATALOG:
        return ArchiveReason.CATALOG_AWAY
    if failure == "folder_away":
        return ArchiveReason.FOLDER_AWAY
    return ArchiveReason.FILES_FAIL if failure in OF_THE_FILE else ArchiveReason.STORE_AWAY


def _event(known: State, status: AlertStatus) -> AlertEvent:
    return archive_alert(
        known["sink"],
        first_ns=known["first_ns"],
        last_ns=known["last_ns"],
        reason=ArchiveReason(known["reason"]),
        status=status,
    )
