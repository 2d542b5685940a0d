"""A worker put together: the one place that makes its connectors and hands them to the agents."""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from connectors.clock import Clock, SystemClock
from connectors.kafka.admin import open_admin
from connectors.kafka.groups import GroupMember, open_group_admin
from connectors.kafka.reader import TopicReader
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.model_files import default_model, load_model
from connectors.process_memory import return_large_arrays
from models.errors import PetawatchError
from models.model_bundle import ModelBundle
from streams.agents.device_task import DeviceTask
from streams.agents.join_task import JoinTask
from streams.agents.task import PartitionTask
from streams.alert_pages.pages import AlertPages
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.facility.facility_metrics import WorkerMetrics
from streams.facility.lag import LagMonitor
from streams.facility.lag_follower import LagFollower, LagWatchingRecorder
from streams.facility.live_topic import LiveFollower, LiveTopic
from streams.facility.model_ids import other_models
from streams.facility.promoted_models import PromotedModels
from streams.facility.topic_plan import require_topics
from streams.http_health import HealthServer, ReadyPart
from streams.live_show import LiveShow, ShowWork
from streams.metrics import WatchMetrics
from streams.settings import Settings
from streams.stage_factory import stage_factory
from streams.topology import DEVICE_AGENTS, TOPICS, AgentName, TopicName
from streams.warm_up import warm_up_if_possible
from streams.worker.facility_worker import FacilityWorker, WorkerIdentity
from streams.worker.membership import (
    client_id,
    group_name,
    group_prefix,
    held_name,
    refuse_shared_agents,
    wait_for_own_name,
)
from streams.worker.partition_work import StatefulRecorder
from streams.worker.recording import Recording

_FAILURE = 1
_LEAVE_WITHIN_S = 1.5
_LIMIT = "max.message.bytes"


def run_worker(
    settings: Settings,
    agents: Collection[AgentName],
    *,
    state: Path | None,
    http: str,
    tell: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Run agents until SIGTERM or SIGINT.

    Parameters
    ----------
    state
        State directory of the recorder; needed where it is among the agents.
    http
        ``HOST:PORT`` for metrics and health, or ``off``.
    tell
        Called with sentences that an operator should read.

    Raises
    ------
    FatalError
        Why the worker can't go on.
    """
    clock = clock or SystemClock()
    return_large_arrays()
    with ExitStack() as stack:
        metrics = WatchMetrics(clock, guard_sigmas=settings.meter.smoothing.guard_sigmas)
        signs = WorkerMetrics(metrics, clock, agents)
        health = None
        if http != "off":
            # Where the recorder's state directory is, its standby can show what is in it, too.
            pages = None if state is None else AlertPages(state, settings)
            health = stack.enter_context(HealthServer(http, metrics, clock, pages=pages))
        bundle = _model(settings) if set(DEVICE_AGENTS).intersection(agents) else None
        limits = _limits(settings, agents)
        promoted = _promoted(settings, agents, bundle, clock, metrics, tell)
        model = (promoted.latest() or promoted.first) if promoted is not None else ""
        if model:
            metrics.set_model(model)
        if settings.worker.warm_up:
            # Before the group gives it work: nobody waits for it yet.
            warm_up_if_possible(tell)
        live = _live(stack, settings, clock, tell)  # before the membership: others need not wait for its end
        identity = stack.enter_context(_membership(settings, agents, clock))
        if model:
            _tell_other_models(settings, identity, model, tell)
        worker = FacilityWorker(
            settings,
            identity,
            tasks=_tasks(settings, agents, bundle, promoted, metrics, tell, live),
            open_recorder=_recorder(settings, agents, state, clock, metrics, signs, tell),
            open_store=lambda: open_checkpoint_store(settings.checkpoints, settings.kafka, settings.topics),
            limits=limits,
            metrics=signs,
            clock=clock,
            tell=tell,
            end_at_once=_end_at_once,
        )
        if health is not None:
            health.ready(ReadyPart.MODEL, ReadyPart.STATE)
        within_s = settings.worker.shutdown_s + _LEAVE_WITHIN_S
        asyncio.run(_until_signal(worker, (lambda: None) if health is None else health.ready, within_s))


async def _until_signal(worker: FacilityWorker, ready: Callable[[], None], within_s: float) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        if not stop.is_set():
            stop.set()
            # Nothing is lost by it: what no checkpoint has is done again by whoever goes on.
            _end_later(0, within_s)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        await worker.run(stop, ready)
    except BaseException:
        _end_later(_FAILURE, within_s)
        raise


def _end_later(code: int, within_s: float) -> None:
    """End the process even if a thread of a client library never does."""
    last = threading.Timer(within_s, os._exit, [code])
    last.daemon = True
    last.start()


@contextmanager
def _membership(settings: Settings, agents: Collection[AgentName], clock: Clock) -> Iterator[WorkerIdentity]:
    """Make sure of this worker's place in the group; give it back at the end, unless that failed."""
    installation, host = settings.topics.installation, socket.gethostname()
    instance = settings.worker.instance or host
    group = group_name(installation, agents)
    with held_name(group, instance):
        with open_group_admin(settings.kafka) as admin:

            def look() -> Mapping[str, list[GroupMember]]:
                return admin.members(group_prefix(installation))

            refuse_shared_agents(look(), installation, agents)
            wait_for_own_name(
                look, group, instance, host=host, clock=clock, session_timeout_s=settings.worker.session_timeout_s
            )
        yield WorkerIdentity(group=group, instance=instance, client_id=client_id(host))
        _leave(settings, group, instance)


def _tell_other_models(settings: Settings, identity: WorkerIdentity, model: str, tell: Callable[[str], None]) -> None:
    with TopicReader(settings.kafka, settings.topics.installation) as reader:
        sentence = other_models(reader.read((TopicName.PROGRESS,)), identity.instance, model)
    if sentence:
        tell(sentence)


def _leave(settings: Settings, group: str, instance: str) -> None:
    """Let the others have the partitions at once: Kafka would keep a static member's place for the session timeout."""
    try:
        with open_group_admin(settings.kafka, answer_within_s=_LEAVE_WITHIN_S) as admin:
            admin.remove(group, instance)
    except PetawatchError:
        # Kafka is away: it drops the member by itself when the session has timed out.
        return


def _limits(settings: Settings, agents: Collection[AgentName]) -> dict[TopicName, int]:
    """Make sure of the topics; the largest message of each that is written to, as far as the cluster tells it."""
    used = [row.name for row in TOPICS if set(agents).intersection((*row.writers, *row.readers))]
    require_topics(settings.kafka, settings.topics, used)
    full_names = {
        settings.topics.full_name(row.name): row.name for row in TOPICS if set(agents).intersection(row.writers)
    }
    with open_admin(settings.kafka) as admin:
        found = admin.topics(full_names)
    return {full_names[name]: int(topic.options[_LIMIT]) for name, topic in found.items() if _LIMIT in topic.options}


def _model(settings: Settings) -> ModelBundle:
    folder = settings.worker.model
    return default_model() if folder is None else load_model(folder)


def _promoted(
    settings: Settings,
    agents: Collection[AgentName],
    bundle: ModelBundle | None,
    clock: Clock,
    metrics: WatchMetrics,
    tell: Callable[[str], None],
) -> PromotedModels | None:
    """What cameras may be scored by beside the worker's own model; None where no camera is scored."""
    if bundle is None or AgentName.IMAGE not in agents:
        return None

    def open_reader() -> TopicReader:
        return TopicReader(settings.kafka, settings.topics.installation)

    return PromotedModels(settings, bundle, open_reader=open_reader, clock=clock, metrics=metrics, tell=tell)


def _live(stack: ExitStack, settings: Settings, clock: Clock, tell: Callable[[str], None]) -> ShowWork:
    """Sends what was worked on last to whoever shows it; ended with ``stack``."""
    show = LiveShow(lambda: LiveTopic(settings.kafka, settings.topics.installation), clock, tell)
    stack.callback(show.stop)
    show.start()
    return show.offer


def _tasks(
    settings: Settings,
    agents: Collection[AgentName],
    bundle: ModelBundle | None,
    promoted: PromotedModels | None,
    metrics: WatchMetrics,
    tell: Callable[[str], None],
    show: ShowWork,
) -> dict[AgentName, Callable[[], PartitionTask]]:
    tasks: dict[AgentName, Callable[[], PartitionTask]] = {}
    if AgentName.JOIN in agents:
        tasks[AgentName.JOIN] = partial(JoinTask, settings.join)
    for agent in set(DEVICE_AGENTS).intersection(agents):
        if bundle is not None:
            # Each agent has a thread of its own, and so its own network and buffers.
            scores = agent is AgentName.IMAGE
            tasks[agent] = partial(
                DeviceTask,
                stage_factory(settings, bundle),
                model=bundle.name if scores else "",
                promoted=promoted if scores else None,
                scored=metrics.scored,
                compared=metrics.shadow_compared,
                shadow_is=metrics.set_shadow,
                tell=tell,
                show=show,
            )
    return tasks


def _recorder(
    settings: Settings,
    agents: Collection[AgentName],
    state: Path | None,
    clock: Clock,
    metrics: WatchMetrics,
    signs: WorkerMetrics,
    tell: Callable[[str], None],
) -> Callable[[], StatefulRecorder] | None:
    if AgentName.RECORDER not in agents or state is None:
        return None

    def open_reader() -> TopicReader:
        return TopicReader(settings.kafka, settings.topics.installation)

    def make_follower(saved: bytes | None) -> LagFollower:
        monitor = LagMonitor(settings.topics, settings.worker.lag_alert_s)
        return LagFollower(open_reader, monitor, clock, signs, saved, tell)

    def open_recorder() -> StatefulRecorder:
        live = LiveFollower(open_reader, lambda: LiveBoardWriter(state / BOARD_NAME, clock))
        recording = Recording(state, settings, clock=clock, metrics=metrics, tell=tell, live=live)
        return LagWatchingRecorder(recording, make_follower)

    return open_recorder


def _end_at_once(sentence: str) -> None:
    """End the process where it stands: what it holds belongs to somebody else, or does not answer."""
    sys.stderr.write(f"petawatch: {' '.join(sentence.split())}\n")
    sys.stderr.flush()
    os._exit(_FAILURE)
