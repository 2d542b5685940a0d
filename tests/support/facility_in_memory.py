"""The agents without Kafka: partitions are lists, owners crash at any moment, and everything happens in any order."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kafka.partitioner import murmur2

from connectors.checkpoints.store import Checkpoint
from connectors.clock import SystemClock
from connectors.spool_listing import scan
from connectors.wire.codec import Message, decode, encode, origin_of
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import AlertEvent, EvidenceFrame
from models.device_stage import StageFactory
from models.messages import (
    AlertMessage,
    DecidedMessage,
    DeviceNotice,
    EvidenceMessage,
    FileMoment,
    NoticeKind,
    Origin,
    RecordMessage,
    ReplacementPart,
)
from models.records import SourceReference
from models.triplets.decided import DecidedBlock, TripletTable
from models.triplets.join_settings import JoinSettings
from streams.agents.device_task import DeviceTask
from streams.agents.join_task import JoinTask
from streams.agents.origins import Origins
from streams.agents.partition_run import PartitionRun, PoisonedError
from streams.agents.task import PartitionTask
from streams.connector.message_blocks import record_messages
from streams.connector.series_notices import plain_notices, snapshot_notices
from streams.device_stages import DEVICE_KEYS
from streams.series_progress import SeriesProgress
from streams.settings import Settings
from streams.topology import DEVICE_AGENTS, RECORD_TOPICS, AgentName, TopicName, inputs_of
from streams.watch_pipeline import PipelineOutput, WatchPipeline
from streams.work_units import FileHistory, WorkUnit, read_units
from tests.support.manual_clock import ManualClock

_SHARED = {
    TopicName.IMAGES,
    TopicName.ENERGIES,
    TopicName.SPECTRA,
    TopicName.OTHERS,
    TopicName.SCORED,
}
_AGENTS = (*DEVICE_AGENTS, AgentName.JOIN)


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A message that is written to every partition of its topic."""

    message: Outgoing


class Log:
    """Topics as lists of messages; those of records and rows have several partitions."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.messages: dict[tuple[str, int], list[Incoming]] = {}

    def append(self, outgoing: Outgoing | Everywhere) -> None:
        """Write a message where its key belongs."""
        if isinstance(outgoing, Everywhere):
            for partition in range(self._partitions):
                self._append(outgoing.message, partition)
            return
        count = self._partitions if outgoing.topic in _SHARED else 1
        self._append(outgoing, (murmur2(outgoing.key) & 0x7FFFFFFF) % count)

    def _append(self, outgoing: Outgoing, partition: int) -> None:
        place = (outgoing.topic, partition)
        messages = self.messages.setdefault(place, [])
        messages.append(
            Incoming(
                topic=outgoing.topic,
                partition=place[1],
                offset=len(messages),
                key=outgoing.key,
                value=outgoing.value,
                headers=outgoing.headers,
                timestamp_ms=1_000 + len(messages),
            )
        )

    def of(self, topic: str, partition: int = 0) -> list[Incoming]:
        """All messages of a partition."""
        return self.messages.get((topic, partition), [])


@dataclass(slots=True)
class Recorded:
    """What a recorder gets: everything once."""

    decided: list[DecidedBlock] = field(default_factory=list)
    triplets: list[TripletTable] = field(default_factory=list)
    alerts: list[AlertEvent] = field(default_factory=list)
    evidence: list[EvidenceFrame] = field(default_factory=list)
    pending: dict[str, dict[SourceReference, int]] = field(default_factory=dict)
    ended: list[tuple[SourceReference, str]] = field(default_factory=list)
    parts: list[ReplacementPart] = field(default_factory=list)
    retried: int = 0
    dead_letters: list[Message] = field(default_factory=list)

    def take(self, message: Message) -> None:
        if isinstance(message, AlertMessage):
            self.alerts.append(message.event)
        elif isinstance(message, EvidenceMessage):
            self.evidence.append(message.frame)
        elif isinstance(message, DecidedMessage):
            self.decided += message.decided
            self.triplets += [message.triplets] if message.triplets is not None else []
            self.pending[str(message.stage)] = dict(message.pending)
            self.ended += message.ended
            self.parts += [message.replacement] if message.replacement is not None else []
            self.retried += sum(message.retried.values())
        else:
            self.dead_letters.append(message)


class _Owner:
    """Works on one partition of one agent, until it crashes."""

    def __init__(self, agent: AgentName, partition: int, make_task: Callable[[], PartitionTask]) -> None:
        self._inputs = inputs_of(agent)
        self._partition = partition
        self._run = PartitionRun(make_task, agent, ManualClock())
        self._saved = Checkpoint()
        self._poisonous: dict[tuple[str, int], str] = {}
        self.crash()

    def crash(self) -> None:
        self._run.start(self._saved, self._poisonous)

    def save(self) -> None:
        states = {**self._saved.states, **self._run.take_changed()}
        self._saved = Checkpoint(next_offsets=self._run.next_offsets, states=states)

    def states(self) -> Mapping[str, bytes]:
        self.save()
        return self._saved.states

    def waiting(self, log: Log) -> int:
        next_offsets = self._run.next_offsets
        return sum(len(log.of(topic, self._partition)) - next_offsets.get(topic, 0) for topic in self._inputs)

    def work(self, log: Log, count: int) -> list[Outgoing]:
        for topic in self._inputs:
            start = self._run.next_offsets.get(topic, 0)
            messages = log.of(topic, self._partition)[start : start + count]
            try:
                return self._run.work(messages)
            except PoisonedError as error:
                self._poisonous[error.topic, error.offset] = error.cause
                self.crash()
        return []


class InMemoryFacility:
    """All agents, one owner for each partition; ``draw`` decides who does what next.

    Parameters
    ----------
    crashes
        How often an owner dies instead of working: it goes on from its last checkpoint.
    device_task
        Makes the work of the agents of devices; one with these stages and no other model if there is none.
    """

    def __init__(
        self,
        make_stage: StageFactory,
        join_settings: JoinSettings,
        *,
        partitions: int,
        draw: random.Random,
        crashes: float = 0.0,
        device_task: Callable[[], PartitionTask] | None = None,
    ) -> None:
        self.log = Log(partitions)
        self.recorded = Recorded()
        self._draw = draw
        self._crashes = crashes
        self._owners = [
            _Owner(
                agent,
                partition,
                (lambda: JoinTask(join_settings))
                if agent is AgentName.JOIN
                else device_task or (lambda: DeviceTask(make_stage)),
            )
            for agent in _AGENTS
            for partition in range(partitions)
        ]
        # Some are far behind the others.
        self._paces = [draw.choice([1.0, 1.0, 0.02]) for _ in self._owners]
        self._origins: dict[str, Origins] = {}
        self._read: dict[str, int] = {}

    def run(self, sent: Iterable[Outgoing | Everywhere]) -> Recorded:
        """Give what a connector sends to the agents, and work until nothing is left to do."""
        coming = iter(sent)
        open_ = True
        while open_ or any(owner.waiting(self.log) for owner in self._owners):
            if open_ and self._draw.random() < 0.3:
                open_ = self._receive(coming)
            else:
                self._step()
        self._record()
        return self.recorded

    def states(self) -> dict[str, bytes]:
        """What the checkpoints of all devices would hold now, by their keys; none is in two partitions."""
        states: dict[str, bytes] = {}
        for owner in self._owners:
            states |= {key: state for key, state in owner.states().items() if key.startswith(DEVICE_KEYS)}
        return states

    def _receive(self, coming: Iterator[Outgoing | Everywhere]) -> bool:
        for _ in range(self._draw.choice([1, 5, 50])):
            message = next(coming, None)
            if message is None:
                return False
            self.log.append(message)
        return True

    def _step(self) -> None:
        busy = [place for place, owner in enumerate(self._owners) if owner.waiting(self.log)]
        if not busy:
            return
        place = self._draw.choices(busy, [self._paces[place] for place in busy])[0]
        owner, chance = self._owners[place], self._draw.random()
        if chance < self._crashes:
            owner.crash()
        elif chance < self._crashes + 0.15:
            owner.save()
        else:
            for outgoing in owner.work(self.log, self._draw.choice([1, 2, 8, 32])):
                self.log.append(outgoing)

    def _record(self) -> None:
        for topic in (TopicName.DECIDED, TopicName.ALERTS, TopicName.EVIDENCE, TopicName.DEAD_LETTERS):
            origins = self._origins.setdefault(topic, Origins())
            for message in self.log.of(topic)[self._read.get(topic, 0) :]:
                origin = origin_of(message)
                if origin is None or origins.is_new(origin):
                    self.recorded.take(decode(message))
            self._read[topic] = len(self.log.of(topic))
        self._assert_repeats_are_equal()

    def _assert_repeats_are_equal(self) -> None:
        """Whoever works on a message sends the same, bit for bit."""
        first: dict[tuple[str, int, Origin], Incoming] = {}
        for (topic, partition), messages in self.log.messages.items():
            for message in messages:
                origin = origin_of(message)
                if origin is not None:
                    before = first.setdefault((topic, partition, origin), message)
                    assert (before.key, before.value, before.headers) == (message.key, message.value, message.headers)


def watch_unit(pipeline: WatchPipeline, progress: SeriesProgress, unit: WorkUnit, output: PipelineOutput) -> None:
    """Do with one unit what ``EmbeddedRunner`` does, without a state directory."""
    assert unit.manifest is not None
    pipeline.prepare(unit.blocks)
    for device, blocks in sorted(unit.blocks.items()):
        run = pipeline.run_device(device, blocks)
        output.extend(pipeline.join(each.scored for each in run.outputs))
        for each in run.outputs:
            output.alerts += each.alerts
            output.evidence += each.evidence
    pipeline.advance(*progress.snapshot_read(unit.file, unit.manifest))
    output.extend(pipeline.decide())


@dataclass(frozen=True, slots=True)
class Connector:
    """Sends the snapshots of a folder, sometimes a part of one twice, each time cut in another way.

    Attributes
    ----------
    again
        How often a file is sent again from its beginning, wholly or after a part of it.
    """

    day: Path
    settings: Settings
    draw: random.Random
    again: float = 0.0

    def units(self) -> Iterator[WorkUnit]:
        """The units of all files, in their order."""
        settings = self.settings
        for file in scan([self.day], SystemClock())[0]:
            yield from read_units(file, FileHistory(), settings.reading, settings.zone, settings.units)

    def messages(self, *, final: bool = True) -> Iterator[Outgoing]:
        """All that is sent."""
        progress = SeriesProgress(self.settings.zone)
        for unit in self.units():
            whole = list(self.unit(unit, progress))
            if self.draw.random() < self.again:
                yield from whole[: self.draw.randrange(len(whole) + 1)]
                whole = list(self.unit(unit, progress))
            yield from whole
        if final:
            moment = FileMoment(start_ns=0, closed_ns=0)
            yield from map(outgoing, plain_notices(NoticeKind.INPUT_END, progress.series, progress, moment))

    def unit(self, unit: WorkUnit, progress: SeriesProgress) -> Iterator[Outgoing]:
        """What is sent of one."""
        assert unit.manifest is not None
        moment = FileMoment(start_ns=progress.start_ns(unit.file.relative, 0), closed_ns=unit.file.closed_ns)
        block_bytes = self.draw.choice([130_000, 400_000, 1 << 20])
        messages, _ = record_messages(unit, {}, block_bytes, moment)
        yield from map(outgoing, messages)
        yield from map(outgoing, snapshot_notices(unit.file, unit.manifest, progress, moment, replaces=False))


def outgoing(message: RecordMessage | DeviceNotice) -> Outgoing:
    """A message as the connector sends it."""
    device = message.block.device if isinstance(message, RecordMessage) else message.device
    encoded = encode(message)
    topic = RECORD_TOPICS[device.kind]
    return Outgoing(topic=topic, key=device.name.encode(), value=encoded.value, headers=encoded.headers)
