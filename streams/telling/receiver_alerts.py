"""The alerts about receivers that are not told: how old the oldest message is that waits for each."""

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.notes import read_note, write_note
from connectors.control_room.outbox import Waiting, waiting_by_receiver
from connectors.control_room.receivers import FailingReceiver, failing_receivers
from models.alerts.alert import AlertEvent, AlertStatus
from models.alerts.facility_alerts import ReceiverReason, receiver_alert
from models.alerts.overdue_alert import OverdueAlert
from models.errors import RetryableError
from models.event_time import SECOND_NS
from models.state import State
from streams.reporting_chores import Report, ReportingChores
from streams.settings import Settings
from streams.spool_loop import Chores
from streams.telling.receivers import all_told

_LOOK_S = 2.0
# At the start what was left by the run before is delivered first.
_GRACE_S = 60.0
_NOTE = "receiver_alerts"
# Messages for those that want none any more, or that nobody knows, will not go out by waiting.
_NOT_WAITED_FOR = {ReceiverReason.GONE, ReceiverReason.NOT_CONFIGURED}


class ReceiverAlerts:
    """Looks at the outbox of a state directory (``streams.reporting_chores.AlertSource``); for one thread.

    What opened an alert is remembered before it is told, so that after a kill it is told under the same id. It never
    waits for others who write: what can't be remembered now is remembered later.
    """

    def __init__(self, state: Path, settings: Settings, clock: Clock) -> None:
        self._database = ControlRoomDatabase.open(state)
        self._clock = clock
        self._limit_s = limit_s = settings.webhooks.report_after_s
        self._alerts = {one.name: _alert(one.name, limit_s) for one in all_told(settings)}
        self._database.wait_at_most(0.0)  # whoever calls has shots to look at
        self._saved = self._read()
        for name, known in json.loads(self._saved).items():
            self._alerts.setdefault(name, _alert(name, limit_s)).restore(known)
        self._configured = {one.name for one in all_told(settings)}
        self._look_at_s = clock.monotonic_s() + min(_GRACE_S, limit_s)
        # By name: since when the oldest message waits by its own word, and since when that is known here (monotonic).
        self._seen: dict[str, tuple[int, float]] = {}

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def events(self) -> list[AlertEvent]:
        """What is to be told; offered until ``told`` is called."""
        now_s = self._clock.monotonic_s()
        if now_s < self._look_at_s:
            return []
        self._look_at_s = now_s + _LOOK_S
        events: list[AlertEvent] = []
        with suppress(RetryableError):  # the disk is full or broken: commits say so
            events = self._look()
        self._remember()
        return events

    def told(self, events: Sequence[AlertEvent]) -> None:
        """These events are durable."""
        for name, alert in self._alerts.items():
            of_it = [event for event in events if event.alert.source.file == f"receiver/{name}"]
            if of_it:
                alert.told(of_it)
        self._remember()

    def _look(self) -> list[AlertEvent]:
        with self._database.look() as connection:
            waiting, failing = waiting_by_receiver(connection), failing_receivers(connection)
        now_ns = self._clock.now_ns()
        events = []
        for name in sorted(self._alerts.keys() | waiting.keys()):
            alert = self._alerts.setdefault(name, _alert(name, self._limit_s))
            one, configured = waiting.get(name), name in self._configured
            if one is None or self._is_of_another_run(alert, configured=configured):
                events += alert.observe(0.0, {})
                continue
            reason = _reason(one, failing.get(name)) if configured else ReceiverReason.NOT_CONFIGURED
            age_s = math.inf if reason in _NOT_WAITED_FOR else self._age_s(name, one.oldest_ns, now_ns)
            first_ns = min(one.oldest_ns, now_ns) if configured else now_ns
            events += alert.observe(age_s, {"first_ns": first_ns, "last_ns": now_ns, "reason": reason.value})
        return events

    def _is_of_another_run(self, alert: OverdueAlert, *, configured: bool) -> bool:
        """Whether it is open for a receiver that was taken out of the settings since, or has come into them."""
        reason = alert.state().get("reason")
        return reason is not None and (reason != ReceiverReason.NOT_CONFIGURED.value) != configured

    def _age_s(self, name: str, oldest_ns: int, now_ns: int) -> float:
        """For how long the oldest message waits, also when the clock was ahead as it was written."""
        now_s = self._clock.monotonic_s()
        known_ns, known_s = self._seen.get(name, (oldest_ns, now_s))
        self._seen[name] = (oldest_ns, known_s if known_ns == oldest_ns else now_s)
        return max((now_ns - oldest_ns) / SECOND_NS, now_s - self._seen[name][1])

    def _remember(self) -> None:
        text = json.dumps({name: alert.state() for name, alert in self._alerts.items() if alert.state()})
        if text == self._saved:
            return
        with suppress(RetryableError):  # another one writes, or the disk is full: the next look does it
            with self._database.step() as connection:
                write_note(connection, _NOTE, text)
            self._saved = text

    def _read(self) -> str:
        with self._database.look() as connection:
            return read_note(connection, _NOTE) or "{}"


def with_receivers(
    stack: ExitStack, chores: Chores, report: Report, *, state: Path, settings: Settings, clock: Clock
) -> Chores:
    """The chores, and the alerts about receivers; until ``stack`` is closed."""
    alerts = ReceiverAlerts(state, settings, clock)
    stack.callback(alerts.close)
    return ReportingChores(chores, alerts, report)


def _alert(name: str, limit_s: float) -> OverdueAlert:
    def event(about: State, status: AlertStatus) -> AlertEvent:
        return receiver_alert(
            name,
            first_ns=about["first_ns"],
            last_ns=about["last_ns"],
            reason=ReceiverReason(about["reason"]),
            status=status,
        )

    return OverdueAlert(limit_s, event)


def _reason(waiting: Waiting, failing: FailingReceiver | None) -> ReceiverReason:
    if failing is not None:
        gone = failing.suspension is not None and failing.suspension.gone
        return ReceiverReason.GONE if gone else ReceiverReason.AWAY
    return ReceiverReason.REFUSED if waiting.error else ReceiverReason.SLOW
