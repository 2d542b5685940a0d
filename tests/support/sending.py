"""A connector's runner with a producer that keeps what it is given, and a clock that the test moves."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.spool_listing import SpoolFile
from connectors.state.directory import StateDirectory
from models.snapshot_sequence import SnapshotSequence
from streams.connector.flow_limit import FlowLimit
from streams.connector.journal import SendingJournal
from streams.connector.message_sender import MessageSender
from streams.connector.sending_runner import SendingRunner
from streams.settings import load_settings
from streams.topology import TopicName
from tests.support.manual_clock import ManualClock
from tests.support.recording_producer import RecordingProducer


class Signs:
    def __init__(self) -> None:
        self.files: list[str] = []
        self.records = 0
        self.away = self.held = False

    def file(self, result: str, count: int = 1) -> None:
        self.files += [result] * count

    def sent(self, topic: TopicName | str, *, blocks: int, records: int, size_bytes: int) -> None:
        self.records += records

    def set_held_back(self, held: bool) -> None:
        self.held = held

    def set_kafka_away(self, away: bool) -> None:
        self.away = away


@dataclass
class Connector:
    """A runner with its parts."""

    runner: SendingRunner
    journal: SendingJournal
    sender: MessageSender
    producer: RecordingProducer
    state: StateDirectory
    limit: FlowLimit
    clock: ManualClock
    signs: Signs
    told: list[str] = field(default_factory=list)
    stalled: list[str] = field(default_factory=list)
    stop: list[bool] = field(default_factory=list)

    def send(self, files: Iterable[SpoolFile]) -> None:
        """Until all is sent."""
        self.runner.process(files)
        for _ in range(1000):
            if not self.runner.unsent:
                return
            self.clock.advance(0.5)
            self.runner.go_on()
        raise AssertionError("not everything was sent")


@contextmanager
def opened(path: Path, producer: RecordingProducer | None = None, **options: Any) -> Iterator[Connector]:
    """A connector with its journal in a folder."""
    settings = load_settings(None, **options)
    clock, producer, signs = ManualClock("2022-07-01T12:00:00Z"), producer or RecordingProducer(), Signs()
    told: list[str] = []
    stalled: list[str] = []
    stop: list[bool] = []
    with StateDirectory.open(path) as state:
        sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
        journal = SendingJournal(
            state,
            settings,
            sequence,
            clock,
            tell=told.append,
            stalled=stalled.append,
            stopping=lambda: bool(stop),
        )
        limit = FlowLimit(settings.connect, clock)
        sender = MessageSender(producer, "recorder-1", signs)
        runner = SendingRunner(
            journal=journal,
            sender=sender,
            limit=limit,
            settings=settings,
            name="recorder-1",
            clock=clock,
            signs=signs,
            tell=told.append,
            stalled=stalled.append,
            stopping=lambda: bool(stop),
        )
        yield Connector(runner, journal, sender, producer, state, limit, clock, signs, told, stalled, stop)
        runner.close()
