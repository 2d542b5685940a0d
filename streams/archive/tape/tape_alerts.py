"""What tape needs a person for: alerts in a state directory of their own, told to the receivers of webhooks."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

from connectors.alert_documents import alert_body, alert_event_id
from connectors.clock import Clock
from connectors.state.commit import Commit, OutboxMessage
from connectors.state.directory import StateDirectory
from connectors.webhooks import WebhookSender
from models.alerts.alert import AlertEvent, AlertKind, AlertStatus
from models.alerts.facility_alerts import TapeReason, tape_alert
from models.errors import FatalError
from models.state import decode_state, encode_state
from streams.settings import Settings

#: Below the archive's folder: ``petawatch alerts --state`` reads it, and one keeper alone writes it.
ALERTS_FOLDER = "tape"

_KEY = "tape"


class Need(NamedTuple):
    """Something that is wanted of a person; ``where`` is a cartridge, or ``tape`` for all of it."""

    kind: AlertKind
    where: str
    reason: TapeReason


class TapeAlerts:
    """Opens an alert for what is needed, and closes it when it is needed no longer; also after a restart.

    Parameters
    ----------
    tell
        Called with a sentence for each need that is new.
    """

    def __init__(
        self,
        state: StateDirectory,
        sender: WebhookSender,
        settings: Settings,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._state = state
        self._sender = sender
        self._urls = settings.webhook_urls
        self._clock = clock
        self._tell = tell
        states = state.load_states()
        saved = decode_state(states[_KEY]) if _KEY in states else {"open": []}
        self._open = {
            Need(AlertKind(kind), where, TapeReason(reason)): int(first_ns)
            for kind, where, reason, first_ns in saved["open"]
        }

    @classmethod
    def open(
        cls, stack: ExitStack, folder: Path, settings: Settings, clock: Clock, tell: Callable[[str], None]
    ) -> Self:
        """Open those of an archive's folder, for one keeper alone; closed with ``stack``.

        Raises
        ------
        FatalError
            ``tape_keeper_running``: another keeper has the folder.
        """
        try:
            state = stack.enter_context(StateDirectory.open(folder / ALERTS_FOLDER))
        except FatalError as error:
            if error.reason != "state_in_use":
                raise
            raise FatalError(
                f"another keeper looks after the tapes of {folder}; stop it, or leave the tapes to it",
                reason="tape_keeper_running",
            ) from error
        sender = WebhookSender(state.outbox(), clock, settings.webhooks)
        stack.callback(sender.stop)
        sender.start()
        return cls(state, sender, settings, clock, tell)

    @property
    def needs(self) -> list[Need]:
        """What is known to be needed."""
        return list(self._open)

    def show(self, needs: Mapping[Need, str]) -> list[AlertEvent]:
        """Make known what is needed now, each with its sentence; the alerts that open and close by it.

        Raises
        ------
        RetryableError
            ``disk_full``, ``disk_error``, ``state_busy``: nothing has changed.
        """
        now_ns = self._clock.now_ns()
        still = {need: first_ns for need, first_ns in self._open.items() if need in needs}
        fresh = {need: now_ns for need in needs if need not in self._open}
        events = [
            _event(need, first_ns, now_ns, AlertStatus.CLOSED)
            for need, first_ns in self._open.items()
            if need not in needs
        ]
        events += [_event(need, first_ns, now_ns, AlertStatus.OPEN) for need, first_ns in fresh.items()]
        if events:
            self._commit(events, still | fresh, now_ns)
        for need in fresh:
            self._tell(needs[need])
        return events

    def _commit(self, events: list[AlertEvent], opened: dict[Need, int], now_ns: int) -> None:
        rows = [[need.kind.value, need.where, need.reason.value, first_ns] for need, first_ns in sorted(opened.items())]
        messages = [
            OutboxMessage(
                url=url,
                alert_id=event.alert.id,
                event_id=alert_event_id(event),
                body=alert_body(event, now_ns=now_ns),
                created_ns=now_ns,
            )
            for event in events
            for url in self._urls
        ]
        self._state.commit(Commit(alerts=events, outbox=messages, stage_states={_KEY: encode_state({"open": rows})}))
        self._open = opened
        self._sender.notify()


def _event(need: Need, first_ns: int, now_ns: int, status: AlertStatus) -> AlertEvent:
    return tape_alert(
        need.kind,
        f"{need.where}/{need.reason.value}",
        first_ns=first_ns,
        last_ns=now_ns,
        reason=need.reason,
        status=status,
    )
