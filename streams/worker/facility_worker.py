"""A worker from its start to its end: connects, takes its part of the partitions, works, lets go."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError

from connectors.checkpoints.store import CheckpointStore, FencedError
from connectors.clock import Clock
from connectors.kafka.failures import failure_of
from connectors.wire.message import Incoming, Outgoing
from models.errors import FatalError
from streams.agents.partition_run import PartitionRun
from streams.agents.task import PartitionTask
from streams.facility.facility_metrics import WorkerMetrics
from streams.settings import Settings
from streams.topology import AgentName, TopicName, inputs_of
from streams.worker.agent_driver import AgentDriver
from streams.worker.checkpoint_saver import DriverHooks
from streams.worker.faust_app import make_app
from streams.worker.faust_consumer import PartitionConsumer, WorkerApp
from streams.worker.output_sender import OutputSender
from streams.worker.owned_partition import OwnedPartition
from streams.worker.ownership import Ownership
from streams.worker.partition_work import Captured, CheckpointedWork, PartitionWork, RecorderWork, StatefulRecorder
from streams.worker.progress_writer import ProgressWriter
from streams.worker.watchdog import Watchdog

_HOLD_WITHIN_S = 15.0
_STOP_PART_WITHIN_S = 2.0
_COMMIT_WITHIN_S = 1.0
# The rest of the time that a stop may take goes to clients that do not stop at once.
_SAVING_PART = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerIdentity:
    """Under which names a worker takes part.

    Attributes
    ----------
    group
        The consumer group.
    instance
        Its own name in the group, kept over restarts.
    client_id
        What the cluster shows of its connections.
    """

    group: str
    instance: str
    client_id: str


class FacilityWorker:
    """Runs agents on the partitions that the group gives to this worker; one event loop, one thread per agent.

    Parameters
    ----------
    tasks
        Makes the work of one partition, for each agent but the recorder.
    open_recorder
        Opens the recorder; only where it is among the agents.
    limits
        By topic, the largest message that it takes.
    tell
        Called with sentences that an operator should read.
    end_at_once
        Ends the process when another worker has taken a partition over: nothing more may be written.
    """

    def __init__(
        self,
        settings: Settings,
        identity: WorkerIdentity,
        *,
        tasks: Mapping[AgentName, Callable[[], PartitionTask]],
        open_recorder: Callable[[], StatefulRecorder] | None,
        open_store: Callable[[], CheckpointStore],
        limits: Mapping[TopicName, int],
        metrics: WorkerMetrics,
        clock: Clock,
        tell: Callable[[str], None],
        end_at_once: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._tasks = tasks
        self._open_recorder = open_recorder
        self._open_store = open_store
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._tell = tell
        self._end_at_once = end_at_once
        self._failed: asyncio.Future[None]
        self._sender: OutputSender
        self._store: CheckpointStore
        self._app: WorkerApp
        self._progress: ProgressWriter
        self._uncommitted: dict[tuple[str, int], int] = {}

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Work until ``stop`` is set or something can't go on.

        Raises
        ------
        PetawatchError
            Why it can't go on.
        """
        self._failed = asyncio.get_running_loop().create_future()
        self._sender = OutputSender(
            self._settings.kafka, self._settings.topics, limits=self._limits, tell=self._tell, fail=self._fail
        )
        self._progress = ProgressWriter(self._sender, self._clock, self._identity.instance)
        try:
            await self._sender.start()
        except (KafkaError, OSError) as error:
            raise (failure_of(error, self._settings.kafka) or error) from error
        self._store = self._open_store()
        drivers = {agent: self._driver(agent) for agent in self._agents}
        worker = self._settings.worker
        ownership = Ownership(
            drivers,
            self._settings.topics,
            buffer_bytes=worker.buffer_bytes,
            hold_within_s=_HOLD_WITHIN_S,
            fail=self._fail,
        )
        self._app = make_app(
            kafka=self._settings.kafka,
            topics=self._settings.topics,
            settings=worker,
            agents=self._agents,
            group=self._identity.group,
            instance=self._identity.instance,
            client_id=self._identity.client_id,
            ownership=ownership,
        )
        self._app.on_failure = self._fail
        watchdog = Watchdog(
            ownership,
            self._consumer_if_any,
            clock=self._clock,
            stuck_after_s=worker.stuck_after_s,
            metrics=self._metrics,
            outputs_wait_for=lambda: self._sender.waits_for,
        )
        await self._run_parts(stop, ready, drivers, ownership, watchdog)

    async def _run_parts(
        self,
        stop: asyncio.Event,
        ready: Callable[[], None],
        drivers: Mapping[AgentName, AgentDriver],
        ownership: Ownership,
        watchdog: Watchdog,
    ) -> None:
        for driver in drivers.values():
            driver.start()
        background = [
            asyncio.create_task(self._guarded(work))
            for work in (self._app.start(), self._commit_regularly(), watchdog.run(self._end_at_once))
        ]
        stopping: asyncio.Future[Any] = asyncio.create_task(stop.wait())
        ready()
        try:
            await asyncio.wait({stopping, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            if not self._failed.done():
                await self._let_go(ownership)
        finally:
            watchdog.stop()
            for task in (stopping, *background):
                task.cancel()
            await asyncio.wait({stopping, *background}, timeout=0.5)
            await self._stop_parts(drivers)
        if self._failed.done():
            self._failed.result()

    async def _let_go(self, ownership: Ownership) -> None:
        """Finish what is in flight, write the last checkpoints, and let the group see them."""
        try:
            async with asyncio.timeout(_SAVING_PART * self._settings.worker.shutdown_s):
                complete = await ownership.release()
        except TimeoutError:
            complete = False
        if not complete:
            self._tell("not all work was saved before the end; it is done again by whoever goes on")
        await self._commit()

    async def _stop_parts(self, drivers: Mapping[AgentName, AgentDriver]) -> None:
        """Everything that counts is saved: what does not stop soon is left to the end of the process."""
        await _within(_STOP_PART_WITHIN_S, self._app.stop(), self._sender.stop(), self._store.close())
        for driver in drivers.values():
            await driver.stop()

    @property
    def _agents(self) -> list[AgentName]:
        return [agent for agent in AgentName if agent in self._tasks or self._is_recorder(agent)]

    def _is_recorder(self, agent: AgentName) -> bool:
        return agent is AgentName.RECORDER and self._open_recorder is not None

    def _driver(self, agent: AgentName) -> AgentDriver:
        return AgentDriver(
            agent,
            topics=inputs_of(agent),
            make_work=self._make_work,
            sender=self._sender,
            seek=self._seek,
            hooks=DriverHooks(worked=self._worked, saved=self._saved, tell=self._tell, fail=self._fail),
            clock=self._clock,
            checkpoint_every_s=self._settings.checkpoints.every_s,
            batch_messages=self._settings.worker.batch_messages,
            opening_within_s=self._settings.worker.stuck_after_s,
        )

    def _make_work(self, driver: AgentDriver, partition: int) -> PartitionWork:
        if driver.agent is AgentName.RECORDER and self._open_recorder is not None:
            return RecorderWork(self._open_recorder, driver.in_thread)
        run = PartitionRun(self._tasks[driver.agent], driver.agent, self._clock)
        return CheckpointedWork(driver.agent, partition, run=run, store=self._store, in_thread=driver.in_thread)

    async def _seek(self, partition: OwnedPartition) -> None:
        places = self._app.ownership.topic_partitions(partition)
        offsets = partition.work.next_offsets
        await self._consumer.seek_to({place: offsets.get(name) for name, place in places.items()}, partition.epoch)

    def _worked(
        self, partition: OwnedPartition, batch: list[Incoming], outputs: list[Outgoing], seconds: float
    ) -> None:
        for topic in {message.topic for message in batch}:
            count = sum(message.topic == topic for message in batch)
            self._metrics.worked(partition.agent, topic, count, seconds=seconds * count / len(batch))
        for output in outputs:
            self._metrics.sent(partition.agent, output.topic)
            if output.topic == TopicName.DEAD_LETTERS:
                self._metrics.dead_letter(partition.agent, dict(output.headers)["reason"].decode())

    def _saved(self, partition: OwnedPartition, captured: Captured, seconds: float) -> None:
        self._metrics.checkpoint(partition.agent, partition.number, size_bytes=partition.saved_bytes, seconds=seconds)
        places = self._app.ownership.topic_partitions(partition)
        if captured.model:
            self._metrics.set_model(captured.model)
        self._uncommitted |= {places[topic]: offset for topic, offset in captured.next_offsets.items()}
        self._progress.write(partition, captured)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_WITHIN_S)
            await self._commit()

    async def _commit(self) -> None:
        positions, self._uncommitted = self._uncommitted, {}
        consumer = self._consumer_if_any()
        if positions and consumer is not None:
            await consumer.commit_positions(positions, _COMMIT_WITHIN_S)

    @property
    def _consumer(self) -> PartitionConsumer:
        consumer = self._app.consumer
        if not isinstance(consumer, PartitionConsumer):
            raise FatalError("Faust made another consumer than the worker's", reason="internal")
        return consumer

    def _consumer_if_any(self) -> PartitionConsumer | None:
        """The consumer, once Faust has started it."""
        consumer = self._app._consumer  # noqa: SLF001
        return consumer if isinstance(consumer, PartitionConsumer) and consumer.started else None

    async def _guarded(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed on: the worker ends with it
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """The worker ends with the first error."""
        if isinstance(error, FencedError):
            self._end_at_once(f"{error}")
        if isinstance(error, asyncio.CancelledError) or self._failed.done():
            return
        self._failed.set_exception(failure_of(error, self._settings.kafka) or error)


async def _within(seconds: float, *works: Coroutine[Any, Any, object]) -> None:
    """Do these side by side, and leave alone what is not done in time or fails."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()
