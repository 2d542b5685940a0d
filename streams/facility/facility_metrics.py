"""What Prometheus is told of a worker and of a connector, beside what a watch tells of itself.

Both go into the registry of ``WatchMetrics``, so one server of metrics and health shows everything.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.clock import Clock
from models.event_time import SECOND_NS
from streams.metrics import LabelLimit, WatchMetrics, counter_from_zero
from streams.topology import RECORD_TOPICS, TOPICS, AgentName, TopicName, checkpoint_topic, inputs_of

#: Upper ends of the classes of the time that a checkpoint takes, seconds.
CHECKPOINT_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: What becomes of a file on a recorder computer.
SENT_RESULTS = ("sent", "skipped", "rejected", "ignored")


class Partition(NamedTuple):
    """One partition of an agent's work."""

    agent: str
    number: int

    def __str__(self) -> str:
        """As the progress topic writes it, for example ``image/3``."""
        return f"{self.agent}/{self.number}"


class WorkerMetrics:
    """What a worker shows; its methods may be called from any thread.

    Parameters
    ----------
    watch
        What a watch shows of itself; its registry holds everything.
    agents
        Those that this worker runs.
    """

    def __init__(self, watch: WatchMetrics, clock: Clock, agents: Iterable[AgentName] = AgentName) -> None:
        self._watch = watch
        registry, agents = watch.registry, tuple(agents)
        self._owned = _OwnedPartitions(clock, agents)
        self._reasons = LabelLimit()
        registry.register(self._owned)
        self._make_counters(registry, agents)

    def set_stalled(self, reason: str) -> None:
        """The work waits for a bounded reason (Kafka is away, a full disk), or goes on (an empty one)."""
        self._watch.set_stalled(reason)

    def worked(self, agent: str, topic: str, messages: int, *, seconds: float = 0.0) -> None:
        """An agent has worked on messages of one of its input topics, for so long."""
        self._messages.labels(agent, topic).inc(messages)
        self._busy.labels(agent).inc(seconds)

    def sent(self, agent: str, topic: str, messages: int = 1) -> None:
        """Outputs of an agent were handed over to be sent."""
        self._outputs.labels(agent, topic).inc(messages)

    def dead_letter(self, agent: str, reason: str) -> None:
        """A message was refused."""
        self._dead_letters.labels(agent, self._reasons.bounded(reason)).inc()

    def checkpoint(self, agent: str, partition: int, *, size_bytes: int, seconds: float) -> None:
        """A checkpoint is durable: so many bytes of changed states, written in so long."""
        self._checkpoint_bytes.labels(agent).inc(size_bytes)
        self._checkpoint_seconds.labels(agent).observe(seconds)
        self._owned.checkpoint(Partition(agent, partition))

    def assigned(self, agent: str, partitions: Iterable[int]) -> None:
        """The worker owns exactly these partitions of the agent now.

        The age of the checkpoints of those that are new begins at 0; those that it had keep theirs.
        """
        self._owned.assign(agent, partitions)

    def set_rebalances(self, count: int) -> None:
        """How often the partitions were dealt out since the start."""
        self._owned.rebalances = count

    def set_waiting(self, agent: str, topic: str, partition: int, messages: int) -> None:
        """So many messages of a partition of this worker were not worked on yet."""
        self._owned.set_waiting(Partition(agent, partition), topic, messages)

    def set_lags(self, lags: Mapping[Partition, float]) -> None:
        """How far the work of all partitions of the installation is behind, in seconds of event time.

        Told by the worker that has the recorder; nothing when it has it no longer.
        """
        self._owned.set_lags(lags)

    def set_model(self, model: str) -> None:
        """The model by which this worker scores now."""
        self._watch.set_model(model)

    def set_models(self, models: Iterable[str]) -> None:
        """The models of all workers that score, where this is followed: more than one says that workers differ."""
        self._watch.set_other_models(models)

    def set_buffered_bytes(self, size_bytes: int) -> None:
        """How much waits in this worker's memory."""
        self._buffered.set(size_bytes)

    def _make_counters(self, registry: CollectorRegistry, agents: tuple[AgentName, ...]) -> None:
        inputs = [(agent.value, topic.value) for agent in agents for topic in inputs_of(agent)]
        beside = {TopicName.PROGRESS, *(checkpoint_topic(agent) for agent in agents)}
        outputs = [
            (agent.value, row.name.value)
            for agent in agents
            for row in TOPICS
            if agent in row.writers and row.name not in beside
        ]
        names = [agent.value for agent in agents]
        self._messages = Counter(
            "petawatch_agent_messages", "Messages worked on.", ["agent", "topic"], registry=registry
        )
        self._outputs = Counter("petawatch_agent_outputs", "Messages sent.", ["agent", "topic"], registry=registry)
        for counter, labels in ((self._messages, inputs), (self._outputs, outputs)):
            for values in labels:
                counter.labels(*values)
        self._busy = counter_from_zero("petawatch_agent_busy_seconds", "Time spent at work.", registry, agent=names)
        self._dead_letters = Counter(
            "petawatch_agent_dead_letters", "Messages refused.", ["agent", "reason"], registry=registry
        )
        self._checkpoint_bytes = counter_from_zero(
            "petawatch_checkpoint_bytes", "States written into checkpoints.", registry, agent=names
        )
        self._checkpoint_seconds = Histogram(
            "petawatch_checkpoint_seconds", "Time that a checkpoint takes.", ["agent"],
            registry=registry, buckets=CHECKPOINT_BOUNDS_S,
        )  # fmt: skip
        for name in names:
            self._checkpoint_seconds.labels(name)
        self._buffered = Gauge("petawatch_buffered_bytes", "Messages in this worker's memory.", registry=registry)


class ConnectorMetrics:
    """What a connector shows; its methods may be called from any thread."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._waits = _ConnectorWaits(clock)
        registry.register(self._waits)
        topics = [topic.value for topic in RECORD_TOPICS.values()]
        self._files = counter_from_zero(
            "petawatch_connect_files", "Snapshots by what became of them.", registry, result=SENT_RESULTS
        )
        self._blocks = counter_from_zero("petawatch_connect_blocks", "Blocks sent.", registry, topic=topics)
        self._records = counter_from_zero("petawatch_connect_records", "Records sent.", registry, topic=topics)
        self._bytes = counter_from_zero("petawatch_connect_bytes", "Bytes of blocks sent.", registry, topic=topics)

    def file(self, result: str, count: int = 1) -> None:
        """Files were dealt with; ``result`` is one of ``SENT_RESULTS``."""
        self._files.labels(result).inc(count)

    def sent(self, topic: TopicName | str, *, blocks: int, records: int, size_bytes: int) -> None:
        """Blocks of records were acknowledged by the cluster."""
        name = str(topic)
        self._blocks.labels(name).inc(blocks)
        self._records.labels(name).inc(records)
        self._bytes.labels(name).inc(size_bytes)

    def set_unsent(self, files: int, oldest_ns: int | None = None) -> None:
        """How many snapshots on disk were not sent yet, and since when (ns since 1970) the oldest is complete."""
        self._waits.set_unsent(files, oldest_ns)

    def set_held_back(self, held: bool) -> None:
        """Files wait on disk because the agents are far behind (or not any more); counts the seconds."""
        self._waits.set_held_back(held)

    def set_kafka_away(self, away: bool) -> None:
        """The cluster can't be reached (or can again); counts the seconds since it was lost."""
        self._waits.set_away(away)

    def set_ahead(self, seconds: float) -> None:
        """How much later the newest sent snapshot begins than the slowest work of the agents, in event time."""
        self._waits.set_ahead(seconds)


class _OwnedPartitions:
    """What is known of partitions; ages are computed when they are asked for."""

    def __init__(self, clock: Clock, agents: tuple[AgentName, ...]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._checkpoint_s: dict[Partition, float] = {}
        self._waiting: dict[tuple[Partition, str], int] = {}
        self._lags: dict[Partition, float] = {}
        self._agents = agents
        self.rebalances = 0

    def assign(self, agent: str, partitions: Iterable[int]) -> None:
        now_s, owned = self._clock.monotonic_s(), {Partition(agent, number) for number in partitions}
        with self._lock:
            kept = {
                place: since_s
                for place, since_s in self._checkpoint_s.items()
                if place.agent != agent or place in owned
            }
            self._checkpoint_s = dict.fromkeys(owned, now_s) | kept
            self._waiting = {place: count for place, count in self._waiting.items() if place[0] in self._checkpoint_s}

    def checkpoint(self, place: Partition) -> None:
        with self._lock:
            if place in self._checkpoint_s:
                self._checkpoint_s[place] = self._clock.monotonic_s()

    def set_waiting(self, place: Partition, topic: str, messages: int) -> None:
        with self._lock:
            if place in self._checkpoint_s:
                self._waiting[place, topic] = messages

    def set_lags(self, lags: Mapping[Partition, float]) -> None:
        with self._lock:
            self._lags = dict(lags)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            checkpoints, waiting, lags = dict(self._checkpoint_s), dict(self._waiting), dict(self._lags)
        now_s = self._clock.monotonic_s()
        owned = GaugeMetricFamily("petawatch_owned_partitions", "Partitions of this worker.", labels=["agent"])
        for agent in self._agents:
            owned.add_metric([agent.value], sum(place.agent == agent for place in checkpoints))
        yield owned
        yield CounterMetricFamily("petawatch_rebalances", "Partitions were dealt out anew.", self.rebalances)
        ages = GaugeMetricFamily(
            "petawatch_checkpoint_age_seconds", "Since the last checkpoint.", labels=["agent", "partition"]
        )
        for place, since_s in sorted(checkpoints.items()):
            ages.add_metric([place.agent, str(place.number)], now_s - since_s)
        yield ages
        messages = GaugeMetricFamily(
            "petawatch_waiting_messages", "Messages not worked on yet.", labels=["agent", "topic", "partition"]
        )
        for (place, topic), count in sorted(waiting.items()):
            messages.add_metric([place.agent, topic, str(place.number)], count)
        yield messages
        behind = GaugeMetricFamily(
            "petawatch_lag_seconds", "Event time between what was sent and the work.", labels=["agent", "partition"]
        )
        for place, lag_s in sorted(lags.items()):
            behind.add_metric([place.agent, str(place.number)], lag_s)
        yield behind


class _ConnectorWaits:
    """Ages that go on growing while nothing moves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._unsent = 0
        self._oldest_ns: int | None = None
        self._held_s = 0.0
        self._held_since_s: float | None = None
        self._away_since_s: float | None = None
        self._ahead_s = 0.0

    def set_unsent(self, files: int, oldest_ns: int | None) -> None:
        with self._lock:
            self._unsent = files
            self._oldest_ns = oldest_ns if files else None

    def set_held_back(self, held: bool) -> None:
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._held_since_s is not None:
                self._held_s += now_s - self._held_since_s
            self._held_since_s = now_s if held else None

    def set_away(self, away: bool) -> None:
        with self._lock:
            if not away:
                self._away_since_s = None
            elif self._away_since_s is None:
                self._away_since_s = self._clock.monotonic_s()

    def set_ahead(self, seconds: float) -> None:
        with self._lock:
            self._ahead_s = seconds

    def collect(self) -> Iterator[Metric]:
        now_s, now_ns = self._clock.monotonic_s(), self._clock.now_ns()
        with self._lock:
            held_s = self._held_s + (0.0 if self._held_since_s is None else now_s - self._held_since_s)
            away_s = 0.0 if self._away_since_s is None else now_s - self._away_since_s
            oldest_s = 0.0 if self._oldest_ns is None else max(0, now_ns - self._oldest_ns) / SECOND_NS
            unsent, ahead_s = self._unsent, self._ahead_s
        yield GaugeMetricFamily("petawatch_connect_unsent_files", "Snapshots on disk that were not sent.", unsent)
        yield GaugeMetricFamily("petawatch_connect_oldest_unsent_age_seconds", "Age of the oldest of them.", oldest_s)
        yield CounterMetricFamily("petawatch_connect_held_back_seconds", "Time spent waiting for the agents.", held_s)
        yield GaugeMetricFamily("petawatch_connect_kafka_away_seconds", "Since the cluster was lost.", away_s)
        yield GaugeMetricFamily(
            "petawatch_connect_ahead_seconds", "Event time between what was sent and the slowest work.", ahead_s
        )
