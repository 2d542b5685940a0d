"""What tape needs a person for: alerts in a state directory of their own, told to the receivers of webhooks."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from connectors.clock import Clock
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertEvent, AlertKind, AlertStatus
from models.alerts.facility_alerts import TapeReason, tape_alert
from models.errors import FatalError
from models.state import decode_state, encode_state
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.archive.places import TAPE_ALERTS_FOLDER
from streams.settings import Settings
from streams.telling.alertmanager_sender import open_alertmanager_sender
from streams.telling.delivery_figures import show_deliveries
from streams.telling.delivery_metrics import DeliveryMetrics
from streams.telling.receivers import open_sender

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
    show_deliveries
        Tells Prometheus what is on its way to people.
    """

    def __init__(
        self,
        state: StateDirectory,
        keeper: AlarmKeeper,
        clock: Clock,
        tell: Callable[[str], None],
        show_deliveries: Callable[[], None],
    ) -> None:
        self.show_deliveries = show_deliveries
        self._state = state
        self._keeper = keeper
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
        cls,
        stack: ExitStack,
        folder: Path,
        settings: Settings,
        clock: Clock,
        metrics: DeliveryMetrics,
        tell: Callable[[str], None],
    ) -> Self:
        """Open those of an archive's folder, for one keeper alone; closed with ``stack``.

        Raises
        ------
        FatalError
            ``tape_keeper_running``: another keeper has the folder.
        """
        try:
            state = stack.enter_context(StateDirectory.open(folder / TAPE_ALERTS_FOLDER))
        except FatalError as error:
            if error.reason != "state_in_use":
                raise
            raise FatalError(
                f"another keeper looks after the tapes of {folder}; stop it, or leave the tapes to it",
                reason="tape_keeper_running",
            ) from error
        sender = open_sender(stack, state.path, settings, clock, tell)
        keeper = AlarmKeeper(state.path, settings, clock, sender.notify)
        stack.callback(keeper.stop)
        sender.start()
        keeper.start()
        open_alertmanager_sender(stack, state.path, settings, clock, metrics, tell)
        return cls(state, keeper, clock, tell, partial(show_deliveries, metrics, state.path, sender))

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
        feed = [FeedEntry(alert=event.alert, committed_ns=now_ns) for event in events]
        self._state.commit(Commit(alerts=events, feed=feed, stage_states={_KEY: encode_state({"open": rows})}))
        self._open = opened
        self._keeper.notify()


def _event(need: Need, first_ns: int, now_ns: int, status: AlertStatus) -> AlertEvent:
    return tape_alert(
        need.kind,
        f"{need.where}/{need.reason.value}",
        first_ns=first_ns,
        last_ns=now_ns,
        reason=need.reason,
        status=status,
    )
