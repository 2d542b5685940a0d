"""A state directory open for writing, with all that belongs to it: evidence, the keeper of alarms, the sender, chores.

The embedded watch and the recorder of a facility write the same directory, by the same parts.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from connectors.clock import Clock
from connectors.evidence_store import EvidenceStore
from connectors.state.directory import StateDirectory
from connectors.webhooks.sender import WebhookSender
from models.alerts.alert import AlertEvent
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.commit_builder import CommitBuilder
from streams.housekeeping import Housekeeping
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.settings_audit import note_settings
from streams.telling.alertmanager_sender import open_alertmanager_sender
from streams.telling.receivers import open_sender


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWriting:
    """What writes an open state directory.

    Attributes
    ----------
    sender
        Not started: the caller does it when all else is ready.
    """

    state: StateDirectory
    builder: CommitBuilder
    housekeeping: Housekeeping
    sender: WebhookSender


def open_state_writing(
    stack: ExitStack,
    path: Path,
    settings: Settings,
    *,
    clock: Clock,
    metrics: WatchMetrics,
    tell: Callable[[str], None],
    stopping: Callable[[], bool],
    on_alerts: Callable[[list[AlertEvent]], None] | None = None,
    waits: bool = True,
) -> StateWriting:
    """Open a state directory; it is closed with ``stack``.

    Parameters
    ----------
    on_alerts
        Called with the alerts of every commit that has some, after it.
    tell, stopping, waits
        As ``CommitBuilder`` takes them.

    Raises
    ------
    FatalError
        The directory is in use, damaged or too new.
    """
    state = stack.enter_context(StateDirectory.open(path))
    stack.callback(metrics.delivery.forget)
    sender = open_sender(stack, path, settings, clock, tell)
    evidence = EvidenceStore(path, settings.evidence)
    keeper = AlarmKeeper(
        *(path, settings, clock, sender.notify),
        at_start=lambda: note_settings(path, settings, clock),  # the watch starts while another process writes, too
        tell=tell,
    )
    stack.callback(keeper.stop)
    keeper.start()
    open_alertmanager_sender(stack, path, settings, clock, metrics.delivery, tell)

    def committed(alerts: list[AlertEvent]) -> None:
        if alerts:
            keeper.notify()
            if on_alerts is not None:
                on_alerts(alerts)

    builder = CommitBuilder(
        state=state,
        evidence=evidence,
        clock=clock,
        metrics=metrics,
        on_commit=committed,
        tell=tell,
        stopping=stopping,
        waits=waits,
    )
    housekeeping = Housekeeping(
        state=state, evidence=evidence, keeper=keeper, sender=sender, metrics=metrics, clock=clock
    )
    return StateWriting(state=state, builder=builder, housekeeping=housekeeping, sender=sender)
