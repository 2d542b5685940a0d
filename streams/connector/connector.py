"""The connector put together: the one place that makes what a recorder computer needs to send its snapshots."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from connectors.clock import Clock
from connectors.folder_lock import FolderLocks
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.links import LinkSettings
from connectors.spool_listing import SpoolFile
from connectors.state.directory import StateDirectory
from connectors.webhooks.sender import WebhookSender
from models.errors import RetryableError
from models.snapshot_sequence import SnapshotSequence
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.archive.places import require_apart
from streams.connector.chores import ConnectorChores
from streams.connector.flow_limit import FlowLimit
from streams.connector.journal import SendingJournal, connector_name
from streams.connector.message_sender import MessageSender
from streams.connector.progress_follower import ProgressFollower
from streams.connector.sending_runner import SendingRunner
from streams.data_stopped_alerts import open_data_stopped_alerts
from streams.facility.facility_metrics import ConnectorMetrics
from streams.facility.topic_plan import require_topics
from streams.found_alerts import with_found_alerts
from streams.http_health import HealthServer
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.spool_loop import SpoolLoop
from streams.surroundings import Surroundings, open_surroundings
from streams.telling.receivers import open_sender
from streams.topology import CONNECTOR, TOPICS

# The loop gets its turn although nothing is acknowledged.
_PATIENCE_S = 2.0

#: A running connector: files come in by the spool and go out to Kafka.
Connector = SpoolLoop[SendingRunner]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What sends files to Kafka, with what it remembers and how far ahead of the agents it may be."""

    journal: SendingJournal
    messages: MessageSender
    limit: FlowLimit
    follower: ProgressFollower
    runner: SendingRunner
    sequence: SnapshotSequence[SpoolFile]
    signs: ConnectorMetrics


def open_sending(
    stack: ExitStack,
    state: StateDirectory,
    settings: Settings,
    *,
    clock: Clock,
    metrics: WatchMetrics,
    stop: Event,
    tell: Callable[[str], None],
) -> Sending:
    """Open all that sends files, for any loop around it; closed with ``stack``.

    Parameters
    ----------
    state
        Of the journal.

    Raises
    ------
    FatalError
        The topics are missing or other than configured, or Kafka refuses the login.
    """
    signs = ConnectorMetrics(metrics.registry, clock)
    sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
    journal = SendingJournal(
        state, settings, sequence, clock, tell=tell, stalled=metrics.set_stalled, stopping=stop.is_set
    )
    name = connector_name(settings)
    producer = stack.enter_context(BlockProducer(settings.kafka, settings.topics.installation, patience_s=_PATIENCE_S))
    messages = MessageSender(producer, name, signs)
    limit = FlowLimit(settings.connect, clock)
    follower = ProgressFollower(lambda: TopicReader(settings.kafka, settings.topics.installation), limit)
    runner = SendingRunner(
        journal=journal,
        sender=messages,
        limit=limit,
        settings=settings,
        name=name,
        clock=clock,
        signs=signs,
        tell=tell,
        stalled=metrics.set_stalled,
        stopping=stop.is_set,
        gate=_topics_gate(settings),
    )
    stack.callback(runner.close)
    stack.callback(follower.stop)
    follower.start()
    return Sending(
        journal=journal,
        messages=messages,
        limit=limit,
        follower=follower,
        runner=runner,
        sequence=sequence,
        signs=signs,
    )


@contextmanager
def open_connector(
    paths: Sequence[Path],
    state_path: Path,
    settings: Settings,
    *,
    http: str = "off",
    clock: Clock | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Connector]:
    """Open everything that a connector needs, and close it again.

    Parameters
    ----------
    state_path
        Directory of the journal.
    http
        ``HOST:PORT`` for metrics and health, or ``off``.
    tell
        Called with a sentence about something that an operator should mend.

    Raises
    ------
    FatalError
        If another connector has a folder or the journal, if the topics are missing or other than configured, if Kafka
        refuses the login, the port is taken, or the archive's store and the watched folders overlap.
    """
    require_apart(settings.archive.store, paths)
    with open_surroundings(state_path, settings, clock=clock, tell=tell) as around:
        stack, clock, metrics = around.stack, around.clock, around.metrics
        locks = stack.enter_context(FolderLocks(list(paths)))
        health = None if http == "off" else stack.enter_context(HealthServer(http, metrics, clock))
        state = stack.enter_context(StateDirectory.open(state_path))
        webhooks, keeper = _open_telling(around)
        sending = open_sending(stack, state, settings, clock=clock, metrics=metrics, stop=around.stop, tell=around.tell)
        webhooks.start()
        keeper.start()
        chores = _own_chores(around, sending, locks, webhooks, keeper)
        data_stopped = open_data_stopped_alerts(
            stack, state_path, settings, clock, where=f"recorders/{connector_name(settings)}"
        )
        yield SpoolLoop(
            paths,
            settings=settings,
            clock=clock,
            runner=sending.runner,
            sequence=sending.sequence,
            chores=with_found_alerts(around, chores, data_stopped, sending.runner.report_first),
            signs=metrics,
            watching=_ignore if health is None else health.ready,
            stop=around.stop,
            tell=around.tell,
            looked=None if data_stopped is None else data_stopped.looked,
        )
        chores.tell_end()


def _open_telling(around: Surroundings) -> tuple[WebhookSender, AlarmKeeper]:
    """What tells of alerts, not started: before what sends is opened, so that it outlives that."""
    webhooks = open_sender(around.stack, around.state_path, around.settings, around.clock, around.tell)
    keeper = own_alarms(around.state_path, around.settings, around.clock, webhooks.notify)
    around.stack.callback(keeper.stop)
    return webhooks, keeper


def _own_chores(
    around: Surroundings, sending: Sending, locks: FolderLocks, webhooks: WebhookSender, keeper: AlarmKeeper
) -> ConnectorChores:
    """The connector's chores, which go on while the runner waits for Kafka."""
    chores = ConnectorChores(
        runner=sending.runner,
        journal=sending.journal,
        messages=sending.messages,
        limit=sending.limit,
        follower=sending.follower,
        locks=locks,
        webhooks=webhooks,
        keeper=keeper,
        metrics=around.metrics,
        signs=sending.signs,
        clock=around.clock,
        name=connector_name(around.settings),
    )

    def beside() -> None:
        chores.tick()
        around.metrics.loop_moved()

    sending.runner.do_beside(beside)
    return chores


def own_alarms(state: Path, settings: Settings, clock: Clock, notify: Callable[[], None]) -> AlarmKeeper:
    """The keeper of what a connector tells by itself, while Kafka is away; its messages carry no link.

    The console knows of it only when Kafka is back: until then a link would lead nowhere.
    """
    return AlarmKeeper(state, settings.model_copy(update={"links": LinkSettings()}), clock, notify)


def _topics_gate(settings: Settings) -> Callable[[], None] | None:
    """What is left to be found out about the topics: nothing, when Kafka is there now."""
    names = [row.name for row in TOPICS if CONNECTOR in row.writers]

    def require() -> None:
        require_topics(settings.kafka, settings.topics, names)

    try:
        require()
    except RetryableError:
        return require  # told of by the runner, which tries again
    return None


def _ignore(*_: object) -> None:
    """Nobody listens."""
