"""Drives one agent: the messages of its partitions in batches through one thread, outputs out, checkpoints."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from connectors.clock import Clock
from connectors.wire.codec import ORIGIN_HEADER
from connectors.wire.dead_letter import without_value
from connectors.wire.message import Incoming, Outgoing
from models.errors import FatalError, RetryableError
from streams.agents.partition_run import PoisonedError
from streams.topology import AgentName, TopicName
from streams.worker.checkpoint_saver import CheckpointSaver, DriverHooks
from streams.worker.output_sender import OutputSender, OversizedError
from streams.worker.owned_partition import OwnedPartition, Phase
from streams.worker.partition_work import PartitionWork

_Result = TypeVar("_Result")
_LOOK_EVERY_S = 0.1
_RETRY_EVERY_S = 1.0
# What an agent writes of checkpoints, at most, in the long run: those of 94 cameras that all record are 68 MB.
_CHECKPOINT_BYTES_PER_S = 4 << 20
# What is done again after a crash, and what is shown of the progress, must not grow old.
_LONGEST_INTERVAL_S = 30.0
# topic/partition/offset/part
_ORIGIN_PARTS = 4


class SeekInput(Protocol):
    """Lets reading of a partition go on at its position."""

    def __call__(self, partition: OwnedPartition) -> Awaitable[None]:
        """Where a topic has no position, at its earliest message."""
        ...


class AgentDriver:
    """Everything that happens to the partitions of one agent in this worker.

    Parameters
    ----------
    make_work
        Makes the work of a partition; it runs on the thread that it is given.
    checkpoint_every_s
        So much work at most is done again after a crash.
    batch_messages
        Most messages that are worked on before their outputs are sent.
    opening_within_s
        A partition that another process does not let go for so long ends the worker.
    """

    def __init__(
        self,
        agent: AgentName,
        *,
        topics: tuple[TopicName, ...],
        make_work: Callable[["AgentDriver", int], PartitionWork],
        sender: OutputSender,
        seek: SeekInput,
        hooks: DriverHooks,
        clock: Clock,
        checkpoint_every_s: float,
        batch_messages: int,
        opening_within_s: float,
    ) -> None:
        self.agent = agent
        self.topics = tuple(name.value for name in topics)
        self.partitions: dict[int, OwnedPartition] = {}
        self._make_work = make_work
        self._sender = sender
        self._seek = seek
        self._hooks = hooks
        self._clock = clock
        self._every_s = checkpoint_every_s
        self._batch_messages = batch_messages
        self._opening_within_s = opening_within_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"agent-{agent}")
        self._saver = CheckpointSaver(hooks, clock, self.in_thread)
        # Kept from one owner's time to the next: what was begun for a partition ends before it is opened again.
        self._busy: dict[int, asyncio.Lock] = {}
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to work on whatever is opened."""
        self._spawn(self._work_on())
        self._spawn(self._save_due())

    async def stop(self) -> None:
        """End the tasks; partitions are to be released before."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, function: Callable[[], _Result]) -> _Result:
        """Run something on this agent's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def offer(self, message: Incoming, epoch: int) -> None:
        """Take a message that was read in an epoch of its partition; those that count no more are dropped."""
        partition = self.partitions.get(message.partition)
        if partition is not None and partition.offer(message, epoch):
            self._arrived.set()

    def open(self, number: int) -> None:
        """Take a partition over, in the background."""
        partition = OwnedPartition(
            agent=self.agent,
            number=number,
            topics=self.topics,
            work=self._make_work(self, number),
            busy=self._busy.setdefault(number, asyncio.Lock()),
            moved_s=self._clock.monotonic_s(),
        )
        self.partitions[number] = partition
        self._spawn(self._open(partition))

    def resume(self, partition: OwnedPartition) -> None:
        """Go on with a partition that was held and stays with this worker."""
        self._spawn(self._resume(partition))

    async def hold(self, partition: OwnedPartition, timeout_s: float) -> bool:
        """Take nothing more and save what was done; whether all of it is saved."""
        if partition.phase is Phase.OPENING:
            return False
        partition.phase = Phase.HELD
        partition.forget_waiting()
        try:
            async with asyncio.timeout(timeout_s), partition.busy:
                return not partition.spoilt and await self._saver.finish(partition)
        except TimeoutError:
            return False

    async def close(self, partition: OwnedPartition) -> None:
        """Let a partition go, without saving."""
        partition.phase = Phase.CLOSED
        partition.forget_waiting()
        if self.partitions.get(partition.number) is partition:
            del self.partitions[partition.number]
        await self._saver.give_up(partition)
        await partition.work.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - handed on: the worker ends with it
                self._hooks.fail(error)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, partition: OwnedPartition) -> None:
        async with partition.busy:
            await self._open_again(partition)

    async def _open_again(self, partition: OwnedPartition) -> None:
        """Load the checkpoint and read on from there; ``busy`` is held."""
        partition.phase = Phase.OPENING
        partition.forget_waiting()
        await self._saver.wait(partition)
        partition.unacknowledged.clear()
        damage = await self._load(partition)
        if partition.phase is Phase.CLOSED:
            await partition.work.close()
            return
        if damage:
            self._hooks.tell(damage)
        partition.saved = dict(partition.work.next_offsets)
        await self._read_on(partition)

    async def _load(self, partition: OwnedPartition) -> str:
        give_up_s = self._clock.monotonic_s() + self._opening_within_s
        while partition.phase is not Phase.CLOSED:
            try:
                damage = await partition.work.open(partition.poisonous)
            except RetryableError as error:
                self._wait_for(partition, error)
            except FatalError as error:
                # A former owner may not have noticed yet that the partition is somebody else's.
                if error.reason != "state_in_use" or self._clock.monotonic_s() >= give_up_s:
                    raise
                self._wait_for(partition, error)
            else:
                partition.waits_for = ""
                return damage
            await asyncio.sleep(_RETRY_EVERY_S)
        return ""

    def _wait_for(self, partition: OwnedPartition, error: FatalError | RetryableError) -> None:
        if partition.waits_for != error.reason:
            self._hooks.tell(f"partition {partition} waits: {error}")
        partition.waits_for = error.reason

    async def _read_on(self, partition: OwnedPartition) -> None:
        """Read from where the work stands; only what is read after the seek is of the new epoch."""
        partition.moved_s = partition.saved_s = self._clock.monotonic_s()
        epoch = partition.begin_epoch()
        partition.phase = Phase.RUNNING
        while partition.running and partition.epoch == epoch:
            try:
                await self._seek(partition)
            except RetryableError as error:
                self._wait_for(partition, error)
                await asyncio.sleep(_RETRY_EVERY_S)
            else:
                partition.waits_for = ""
                return

    async def _resume(self, partition: OwnedPartition) -> None:
        async with partition.busy:
            if partition.phase is Phase.HELD:
                await self._read_on(partition)

    async def _work_on(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while waiting := [partition for partition in self.partitions.values() if partition.inbox]:
                for partition in waiting:
                    async with partition.busy:
                        await self._step(partition)

    async def _step(self, partition: OwnedPartition) -> None:
        """Work on the next batch of a partition and hand its outputs over; ``busy`` is held."""
        batch = partition.take(self._batch_messages)
        if not batch or not partition.running:
            return
        begun_s = self._clock.monotonic_s()
        try:
            outputs = await self._work_until_done(partition, batch)
            if outputs is None or partition.phase is Phase.CLOSED:
                return
            sent = await self._send(outputs)
            if partition.work.outputs_first:
                await sent
            partition.unacknowledged.append(sent)
        except PoisonedError as error:
            await self._pass_over(partition, error.topic, error.offset, error.cause)
        except OversizedError as error:
            await self._pass_over(partition, *_input_of(error), error.sentence)
        else:
            self._hooks.worked(partition, batch, outputs, self._clock.monotonic_s() - begun_s)
            if partition.poisonous and _is_beyond(partition.work.next_offsets, partition.poisonous):
                # What came before it has been worked on twice: not a third time.
                await self._saver.begin(partition)
                partition.poisonous.clear()

    async def _send(self, outputs: Sequence[Outgoing]) -> "asyncio.Future[None]":
        """Hand outputs over; of a dead letter that its topic does not take all goes but the value.

        Otherwise one message that nobody wants would end the worker, at every start.

        Raises
        ------
        OversizedError
            Another output is too large, or a dead letter without a value still is.
        """
        while True:
            try:
                return await self._sender.send(outputs)
            except OversizedError as error:
                letter = error.output
                if letter.topic != TopicName.DEAD_LETTERS or not letter.value:
                    raise
                self._hooks.tell(f"a dead letter of {self.agent} goes without its value: {error.sentence}")
                outputs = [without_value(each) if each is letter else each for each in outputs]

    async def _work_until_done(self, partition: OwnedPartition, batch: list[Incoming]) -> list[Outgoing] | None:
        """What follows from a batch; None when the partition was taken away while something outside was missing."""
        while partition.running:
            try:
                outputs = await self.in_thread(lambda: partition.work.work(batch))
            except RetryableError as error:
                self._wait_for(partition, error)
                await asyncio.sleep(_RETRY_EVERY_S)
            else:
                partition.waits_for = ""
                return outputs
        return None

    async def _pass_over(self, partition: OwnedPartition, topic: str, offset: int, cause: str) -> None:
        """Begin again before a message that can't be worked on, and make it a dead letter this time."""
        if not partition.running:
            # Whoever has the partition next comes to the message, too.
            partition.spoilt = True
            return
        self._hooks.tell(
            f"the message {offset} of {topic}, partition {partition.number}, becomes a dead letter: {cause}"
        )
        partition.poisonous[topic, offset] = cause
        await self._open_again(partition)

    async def _save_due(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            due_s = self._clock.monotonic_s() - self._checkpoint_interval_s()
            for partition in list(self.partitions.values()):
                if partition.running and partition.saved_s <= due_s:
                    async with partition.busy:
                        await self._tick(partition)
                        await self._saver.begin(partition)

    def _checkpoint_interval_s(self) -> float:
        """Longer than was asked for where the states of all partitions are so large that they would be a load."""
        size_bytes = sum(partition.saved_bytes for partition in self.partitions.values())
        return max(self._every_s, min(size_bytes / _CHECKPOINT_BYTES_PER_S, _LONGEST_INTERVAL_S))

    async def _tick(self, partition: OwnedPartition) -> None:
        if not partition.work.ticks or not partition.running:
            return
        try:
            await self.in_thread(partition.work.tick)
        except RetryableError as error:
            self._wait_for(partition, error)
        else:
            partition.waits_for = ""


def _input_of(error: OversizedError) -> tuple[str, int]:
    """The message behind an output that is too large."""
    origin = next((value.decode() for name, value in error.output.headers if name == ORIGIN_HEADER), "")
    parts = origin.split("/")
    if len(parts) != _ORIGIN_PARTS:
        raise FatalError(error.sentence, reason="kafka_message_too_large") from error
    return parts[0], int(parts[2])


def _is_beyond(next_offsets: Mapping[str, int], messages: Iterable[tuple[str, int]]) -> bool:
    return all(next_offsets.get(topic, 0) > offset for topic, offset in messages)
