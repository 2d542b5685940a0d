"""Connectors that are not heard of any more: when that is an alert, and when it is over; no Kafka here and no clock."""

from collections.abc import Mapping

from connectors.wire.progress import Progress
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import BehindReason, connector_alert
from models.event_time import SECOND_NS
from models.state import State
from streams.topology import CONNECTOR

#: A connector gives a sign of life every few seconds; it is missed when none has come for so long.
SILENT_S = 60.0
# Whoever looks may have been away himself, and a clock may jump: such a time says nothing of a connector.
_MOST_STEP_S = 10.0


class ConnectorSilence:
    """Which connectors are missed; what is open is part of the recorder's state."""

    def __init__(self) -> None:
        self._heard_ns: dict[str, int] = {}
        self._silent_s: dict[str, float] = {}
        self._open: dict[str, list[int]] = {}
        self._looked_ns: int | None = None

    def observe(self, progress: Mapping[str, Progress], now_ns: int) -> list[AlertEvent]:
        """Look at the latest word of all connectors; which alerts open and close.

        Parameters
        ----------
        progress
            By the keys of the progress topic.
        now_ns
            By the clock of whoever looks; that of the connectors does not matter.
        """
        looked_ns, self._looked_ns = self._looked_ns, now_ns
        step_s = 0.0 if looked_ns is None else min(max(0, now_ns - looked_ns) / SECOND_NS, _MOST_STEP_S)
        told = {key: word for key, word in progress.items() if key.partition("/")[0] == CONNECTOR}
        events = [event for key, word in told.items() for event in self._look(key, word, step_s)]
        gone = [key for key in self._open if key not in told]
        return events + [self._closed(key) for key in gone]

    def state(self) -> State:
        """What later alerts depend on; how long a silence has lasted is counted anew."""
        return dict(self._open)

    def restore(self, state: State) -> None:
        """Go on from a saved state; what was open stays open until the connector is heard of."""
        self._open = {key: [int(at_ns) for at_ns in word] for key, word in state.items()}

    def _look(self, key: str, word: Progress, step_s: float) -> list[AlertEvent]:
        opened = self._open.get(key)
        if word.ended or (opened is not None and opened[1] != word.at_ns):
            self._heard_ns.pop(key, None)
            return [] if opened is None else [self._closed(key)]
        if opened is not None:
            return []
        if self._heard_ns.get(key) != word.at_ns:
            self._heard_ns[key], self._silent_s[key] = word.at_ns, 0.0
            return []
        self._silent_s[key] += step_s
        if self._silent_s[key] <= SILENT_S:
            return []
        sent_ns = word.at_ns if word.snapshot_start_ns is None else word.snapshot_start_ns
        self._open[key] = [sent_ns, word.at_ns]
        return [_event(key, self._open[key], AlertStatus.OPEN)]

    def _closed(self, key: str) -> AlertEvent:
        return _event(key, self._open.pop(key), AlertStatus.CLOSED)


def _event(key: str, opened: list[int], status: AlertStatus) -> AlertEvent:
    """The alert: from the newest snapshot that was sent to the last sign of life."""
    first_ns, last_ns = opened
    return connector_alert(
        key.partition("/")[2], first_ns=first_ns, last_ns=last_ns, reason=BehindReason.SILENT, status=status
    )
