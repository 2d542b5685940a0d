"""The recorder with all that belongs to it: the state directory, webhooks, evidence, chores."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event

from connectors.clock import Clock
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertEvent
from streams.agents.recorder import Recorder
from streams.agents.task import Standing
from streams.facility.agent_connection import agents_of
from streams.facility.live_topic import LiveFollower
from streams.facility.untold_baselines import BaselineTeller
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.state_writing import open_state_writing
from streams.telling.receiver_alerts import with_receivers


class Recording:
    """An open state directory and its recorder; for one thread.

    Parameters
    ----------
    live
        Shows beside it what workers send for the wall; started and ended with it.

    Raises
    ------
    FatalError
        ``state_in_use`` while another process has the directory, or it is damaged or too new.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        *,
        clock: Clock,
        metrics: WatchMetrics,
        tell: Callable[[str], None],
        live: LiveFollower,
    ) -> None:
        self._stack = ExitStack()
        self._live = live
        self._stopping = Event()
        try:
            self._open(path, settings, clock, metrics, tell)
        except BaseException:
            self._stack.close()
            raise

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        return self._recorder.next_offsets

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        return self._recorder.standing

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record messages; what comes back are dead letters, to be sent before the next call."""
        return self._recorder.work(messages)

    def report(self, alerts: Sequence[AlertEvent], states: Mapping[str, bytes]) -> None:
        """Record alerts that come from no topic, and the state of whoever found them."""
        self._recorder.report(alerts, states)

    def _report_first(self, alerts: list[AlertEvent], then: Callable[[], None]) -> None:
        self._recorder.report(alerts)
        then()

    def state_of(self, key: str) -> bytes | None:
        """A state that was recorded with ``report``."""
        return self._state.load_states().get(key)

    def tick(self) -> None:
        """Do the chores that are due, and write rows out."""
        self._live.check()
        if self._state.flush_due:
            self._builder.flush_rows()
        self._chores.tick()

    def close(self) -> None:
        """Let the state directory go; everything recorded is durable."""
        self._stopping.set()
        self._stack.close()

    def _open(
        self, path: Path, settings: Settings, clock: Clock, metrics: WatchMetrics, tell: Callable[[str], None]
    ) -> None:
        writing = open_state_writing(
            self._stack,
            path,
            settings,
            clock=clock,
            metrics=metrics,
            tell=tell,
            stopping=self._stopping.is_set,
            waits=False,
        )
        self._state, self._builder = writing.state, writing.builder
        self._recorder = Recorder(
            state=writing.state, builder=writing.builder, settings=settings.join, clock=clock, metrics=metrics
        )
        self._chores = with_receivers(
            self._stack, writing.housekeeping, self._report_first, state=path, settings=settings, clock=clock
        )
        baselines = BaselineTeller(path, partial(agents_of, settings), tell)
        self._stack.callback(baselines.stop)
        baselines.start()
        writing.sender.start()
        self._stack.callback(self._live.stop)
        self._live.start()
