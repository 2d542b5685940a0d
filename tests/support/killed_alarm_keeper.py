"""Watches that commit alerts beside a keeper of alarms, and kill themselves at a chosen step of either."""

from pathlib import Path

from pydantic import SecretStr

from connectors.clock import SystemClock
from connectors.state.alarm_feed import AlarmFeed, FeedEntry
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.webhooks.settings import ReceiverSettings, Wanted
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertStatus
from streams.alarms import alarm_book, alarm_steps, incident_book
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.alarms.settings import AlarmSettings
from streams.settings import Settings, load_settings
from tests.support.alarms import alert, over
from tests.support.killed_processes import KilledProcesses, Steps, count_transactions, serve

#: So many alerts a watch has opened and closed when it is done.
ALERTS = 40


def settings() -> Settings:
    """One receiver, and incidents that close with their last episode."""
    receiver = ReceiverSettings(name="all", url=SecretStr("http://127.0.0.1:9/"), events=Wanted.ALL)
    return load_settings(None, alarms=AlarmSettings(incident_quiet_s=0), receivers=(receiver,))


class KilledAlarmKeepers(KilledProcesses):
    """Runs watches, each in a process of its own."""

    def __init__(self) -> None:
        super().__init__("tests.support.killed_alarm_keeper")


def watch_until(path: Path, step: int) -> None:
    """Commit what is missing, with a keeper beside it; this process is killed if it comes to so many steps."""
    steps = Steps(step)
    for module, name in (
        (alarm_book, "store_activation"),
        (alarm_book, "store_alarm"),
        (incident_book, "store_incident"),
        (alarm_steps, "store_messages"),
        (AlarmFeed, "next"),
        (AlarmFeed, "taken"),
        (StateDirectory, "commit"),
    ):
        setattr(module, name, steps.counted(getattr(module, name)))
    count_transactions(steps)
    with StateDirectory.open(path) as state:
        keeper = AlarmKeeper(path, settings(), SystemClock(), lambda: None)
        keeper.start()
        known = {each.id: each.status for each, _ in state.alerts()}
        for number in range(ALERTS):
            one = alert(at_s=number * 10)
            if one.id not in known:
                _commit(state, one, AlertChange.OPENED)
                keeper.notify()
            if known.get(one.id) is not AlertStatus.CLOSED:
                _commit(state, over(one), AlertChange.CLOSED)
                keeper.notify()
        keeper.drain()
        keeper.check()
        keeper.stop()


def _commit(state: StateDirectory, one: Alert, change: AlertChange) -> None:
    entry = FeedEntry(alert=one, committed_ns=SystemClock().now_ns())
    state.commit(Commit(alerts=[AlertEvent(change=change, alert=one)], feed=[entry]))


if __name__ == "__main__":
    serve(watch_until)
