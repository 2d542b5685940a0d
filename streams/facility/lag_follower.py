"""The recorder looks after everybody's lag: it follows the progress topic, shows the lag, and records its alerts."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from connectors.clock import Clock
from connectors.wire.message import Incoming, Outgoing
from connectors.wire.progress import Progress
from models.alerts.alert import AlertEvent
from models.state import decode_state, encode_state
from streams.agents.task import Standing
from streams.facility.facility_metrics import WorkerMetrics
from streams.facility.lag import LagMonitor, input_of
from streams.facility.model_ids import differing_models
from streams.facility.progress_thread import ProgressThread, progress_of
from streams.topology import AgentName, TopicName

#: The key of the monitor's state in the state directory.
LAG_KEY = "lag"

_TOPICS = tuple(input_of(agent).value for agent in AgentName)
_PROGRESS = TopicName.PROGRESS.value
_LOOK_EVERY_S = 2.0
_POLL_S = 0.1
_MOST_POLLS = 20
_END_WITHIN_S = 1.0
# After a promotion workers differ until each has written its next checkpoint.
_DIFFER_FOR_S = 60.0


class LagReader(Protocol):
    """Reads the progress topic and the ends of others; see ``connectors.kafka.reader``."""

    def read(self, topics: Iterable[str]) -> Iterator[Incoming]:
        """All messages that are there now."""
        ...

    def follow(
        self, topics: Iterable[str], *, from_beginning: bool = ..., starts: Mapping[tuple[str, int], int] | None = ...
    ) -> None:
        """From now on ``poll`` gives the messages of these topics."""
        ...

    def poll(self, timeout_s: float = ...) -> list[Incoming]:
        """The messages that came."""
        ...

    def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The offset of the next message, by partition."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


class ReportingRecorder(Protocol):
    """What a recorder has to offer; ``Recording`` does."""

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        ...

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        ...

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record messages."""
        ...

    def report(self, alerts: Sequence[AlertEvent], states: Mapping[str, bytes]) -> None:
        """Record alerts that come from no topic, and the state of whoever found them."""
        ...

    def state_of(self, key: str) -> bytes | None:
        """A state that was recorded with ``report``."""
        ...

    def tick(self) -> None:
        """Do the chores that are due."""
        ...

    def close(self) -> None:
        """Let the state directory go."""
        ...


class LagFollower(ProgressThread[LagReader]):
    """Reads progress on a thread of its own and hands over what the monitor finds.

    Parameters
    ----------
    open_reader
        Makes a reader; called again when Kafka was away.
    saved
        The monitor's state, from ``take``, to go on from.
    tell
        Called with a sentence when partitions are scored with different models for longer than a promotion takes.
    """

    def __init__(
        self,
        open_reader: Callable[[], LagReader],
        monitor: LagMonitor,
        clock: Clock,
        metrics: WorkerMetrics,
        saved: bytes | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        if saved:
            monitor.restore(decode_state(saved))
        super().__init__(
            open_reader, name="lag", following="the lag of the agents", ending="worker", pause_s=_LOOK_EVERY_S
        )
        self._monitor = monitor
        self._clock = clock
        self._metrics = metrics
        self._tell = tell
        self._models: frozenset[str] = frozenset()
        self._differ_since_s: float | None = None
        self._told_of_models = False
        self._progress: dict[str, Progress] = {}
        self._lock = threading.Lock()
        self._found: list[AlertEvent] = []
        self._state: bytes = b""

    def take(self) -> tuple[list[AlertEvent], bytes]:
        """The alerts since the last call, and the monitor's state behind them.

        Raises
        ------
        FatalError
            The topics are missing, or may not be read; or whatever else nobody foresaw.
        """
        self._raise_failure()
        with self._lock:
            found, self._found = self._found, []
            return found, self._state

    def stop(self) -> None:
        """End; a thread that waits for Kafka is left to the end of the process."""
        self._end(_END_WITHIN_S)
        self._metrics.set_lags({})
        self._metrics.set_models(())

    def begin(self, reader: LagReader) -> None:
        """Read what is there before anything is judged: half the story would open and close alerts."""
        next_offset = None
        for message in reader.read((_PROGRESS,)):
            self._hear(message)
            next_offset = message.offset + 1
        starts = None if next_offset is None else {(_PROGRESS, 0): next_offset}
        reader.follow((_PROGRESS,), from_beginning=starts is None, starts=starts)

    def look(self, reader: LagReader) -> None:
        """Look once."""
        # The ends first: what is worked on meanwhile does not wait.
        ends = reader.end_offsets(_TOPICS)
        for _ in range(_MOST_POLLS):
            messages = reader.poll(_POLL_S)
            for message in messages:
                self._hear(message)
            if not messages:
                break
        found = self._monitor.observe(self._progress, ends, self._clock.now_ns())
        with self._lock:
            self._found += found
            self._state = encode_state(self._monitor.state())
        if not self._stop.is_set():
            self._metrics.set_lags(self._monitor.summary.seconds)
            self._look_at_models()

    def _look_at_models(self) -> None:
        by_worker = self._monitor.summary.models
        models = frozenset(model for used in by_worker.values() for model in used)
        if models != self._models:
            self._models = models
            self._metrics.set_models(models)
        if len(models) <= 1:
            self._differ_since_s, self._told_of_models = None, False
            return
        # Also while it changes which they are: another promotion does not make them agree.
        now_s = self._clock.monotonic_s()
        since_s = self._differ_since_s = now_s if self._differ_since_s is None else self._differ_since_s
        if now_s - since_s >= _DIFFER_FOR_S and not self._told_of_models and self._tell is not None:
            self._told_of_models = True
            self._tell(differing_models(by_worker))

    def _hear(self, message: Incoming) -> None:
        key = (message.key or b"").decode(errors="replace")
        if message.value is None:
            self._progress.pop(key, None)
            return
        progress = progress_of(message)
        if progress is not None:  # what nobody understands is not judged
            self._progress[key] = progress


class LagWatchingRecorder:
    """A recorder that records the alerts about lag, too; for one thread, as the recorder itself.

    Parameters
    ----------
    make_follower
        Makes a follower that goes on from a monitor's state, if there is one.
    """

    def __init__(self, recorder: ReportingRecorder, make_follower: Callable[[bytes | None], LagFollower]) -> None:
        self._recorder = recorder
        self._unreported: list[AlertEvent] = []
        self._follower = make_follower(recorder.state_of(LAG_KEY))
        self._follower.start()

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        return self._recorder.next_offsets

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        return self._recorder.standing

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record messages."""
        return self._recorder.work(messages)

    def tick(self) -> None:
        """Do the chores that are due, and record what was found."""
        self._recorder.tick()
        found, state = self._follower.take()
        self._unreported += found
        if self._unreported:
            # On a full disk this raises, and the next tick tries again.
            self._recorder.report(self._unreported, {LAG_KEY: state})
            self._unreported = []

    def close(self) -> None:
        """Follow no longer, and let the state directory go."""
        self._follower.stop()
        self._recorder.close()
