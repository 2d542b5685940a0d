"""A facility without Kafka up to the recorder: a real connector, the agents in memory, and a real state directory."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.clock import SystemClock
from connectors.evidence_store import EvidenceStore
from connectors.spool_listing import SpoolFile, scan
from connectors.state.directory import StateDirectory
from connectors.wire.codec import Message, encode
from connectors.wire.message import Incoming, Outgoing
from models.messages import Origin
from models.snapshot_sequence import SnapshotSequence
from streams.agents.recorder import Recorder
from streams.commit_builder import CommitBuilder
from streams.connector.flow_limit import FlowLimit
from streams.connector.journal import SendingJournal
from streams.connector.message_sender import MessageSender
from streams.connector.sending_runner import SendingRunner
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.topology import AgentName, TopicName, inputs_of
from tests.support.facility_in_memory import Log
from tests.support.manual_clock import ManualClock

TOPICS = inputs_of(AgentName.RECORDER)


class _Collected:
    """A producer that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        self.messages.append(message)

    def flush(self) -> None:
        pass


class _NoSigns:
    def file(self, result: str, count: int = 1) -> None:
        pass

    def sent(self, topic: TopicName | str, *, blocks: int, records: int, size_bytes: int) -> None:
        pass

    def set_held_back(self, held: bool) -> None:
        pass

    def set_kafka_away(self, away: bool) -> None:
        pass


def connect_once(data: Path, journal_path: Path, settings: Settings) -> list[Outgoing]:
    """All that a connector sends of what lies in a folder and was not sent before, and the end of the input."""
    clock, producer, signs = SystemClock(), _Collected(), _NoSigns()
    with StateDirectory.open(journal_path) as state:
        sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
        journal = SendingJournal(
            state, settings, sequence, clock, tell=print, stalled=lambda _: None, stopping=lambda: False
        )
        runner = SendingRunner(
            journal=journal,
            sender=MessageSender(producer, "recorder-1", signs),
            limit=FlowLimit(settings.connect, clock),
            settings=settings,
            name="recorder-1",
            clock=clock,
            signs=signs,
            tell=print,
            stalled=lambda _: None,
            stopping=lambda: False,
        )
        for file in scan([data], clock)[0]:
            if not runner.is_done(file.relative, file.size, file.mtime_ns):
                sequence.offer(file, file.relative, clock.now_ns())
        runner.process([snapshot.item for snapshot in sequence.flush()])
        runner.finish()
        runner.close()
    return producer.messages


@dataclass(slots=True)
class OpenRecorder:
    """A recorder on an open state directory, and what it said."""

    recorder: Recorder
    state: StateDirectory
    evidence: EvidenceStore
    metrics: WatchMetrics
    clock: ManualClock
    told: list[str] = field(default_factory=list)


@contextmanager
def recorder_on(path: Path, settings: Settings, *, flush_rows: int = 200_000) -> Iterator[OpenRecorder]:
    """Open it; at the end it is let go as a dead process does, without another word."""
    clock = ManualClock("2022-07-01T12:00:00Z")
    metrics, told = WatchMetrics(clock), list[str]()
    with StateDirectory.open(path, flush_rows=flush_rows) as state:
        evidence = EvidenceStore(path, settings.evidence)
        builder = CommitBuilder(
            state=state,
            evidence=evidence,
            clock=clock,
            metrics=metrics,
            on_commit=lambda _: None,
            tell=told.append,
            stopping=lambda: False,
            waits=False,
        )
        recorder = Recorder(state=state, builder=builder, settings=settings.join, clock=clock, metrics=metrics)
        yield OpenRecorder(recorder, state, evidence, metrics, clock, told)


@dataclass(slots=True)
class RecorderTopics:
    """The recorder's input topics as lists, written by hand."""

    log: Log = field(default_factory=lambda: Log(1))

    def add(self, topic: TopicName, message: Message, origin: Origin | None = None) -> Incoming:
        """Write a message."""
        encoded = encode(message, origin)
        return self.append(Outgoing(topic=topic, key=b"key", value=encoded.value, headers=encoded.headers))

    def append(self, outgoing: Outgoing) -> Incoming:
        """Write a message as it is."""
        self.log.append(outgoing)
        return self.log.of(outgoing.topic)[-1]

    def after(self, next_offsets: dict[str, int]) -> list[Incoming]:
        """What was not recorded yet, topic by topic."""
        return [message for topic in TOPICS for message in self.log.of(topic)[next_offsets.get(topic, 0) :]]


def interleaved(log: Log, next_offsets: dict[str, int], draw: random.Random) -> list[Incoming]:
    """All that was not recorded yet: each topic in its order, the topics mixed by chance."""
    waiting = {topic: list(log.of(topic)[next_offsets.get(topic, 0) :]) for topic in TOPICS}
    mixed = []
    while topics := [topic for topic, messages in waiting.items() if messages]:
        mixed.append(waiting[draw.choice(topics)].pop(0))
    return mixed


def record_all(
    open_recorder: OpenRecorder, messages: Sequence[Incoming], sizes: Iterator[int], log: Log | None = None
) -> list[Outgoing]:
    """Give messages in batches of these sizes; dead letters go into the log."""
    letters: list[Outgoing] = []
    start = 0
    while start < len(messages):
        size = next(sizes)
        found = open_recorder.recorder.work(messages[start : start + size])
        letters += found
        for letter in found:
            if log is not None:
                log.append(letter)
        start += size
    return letters


def ledger_of(open_recorder: OpenRecorder) -> dict[str, Any]:
    """The ledger, which is to balance at every moment."""
    ledger = open_recorder.state.ledger()
    assert ledger["balanced"], ledger
    return ledger
