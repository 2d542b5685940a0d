"""The work on one partition as the driver sees it: opened, worked, saved, closed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.checkpoints.store import CheckpointStore, PartitionCheckpoints
from connectors.wire.message import Incoming, Outgoing
from streams.agents.partition_run import PartitionRun
from streams.agents.task import Standing
from streams.topology import AgentName

_Result = TypeVar("_Result")


class InThread(Protocol):
    """Runs a function on the one thread of the partition's agent."""

    def __call__(self, function: Callable[[], _Result]) -> Awaitable[_Result]:
        """What the function gives, or raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What a checkpoint is to hold: the changed states, and the offsets right after them.

    Attributes
    ----------
    start_ns, model
        How far that is in event time, and the model in use.
    """

    next_offsets: Mapping[str, int]
    changed: Mapping[str, bytes]
    start_ns: int | None = None
    model: str = ""


class PartitionWork(Protocol):
    """Work that can be taken up where somebody left it.

    Attributes
    ----------
    outputs_first
        Its outputs must be in Kafka before it works on.
    ticks
        Whether ``tick`` does anything.
    """

    outputs_first: bool
    ticks: bool

    async def open(self, poisonous: Mapping[tuple[str, int], str]) -> str:
        """Take the partition over and go on from its checkpoint; returns a sentence about damage, mostly empty.

        May be called again after ``close``.
        """
        ...

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        ...

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        ...

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Work on messages, in their order; called on the agent's thread."""
        ...

    def capture(self) -> Captured:
        """What changed since the last call; called on the agent's thread."""
        ...

    async def save(self, captured: Captured) -> int:
        """Make it durable; how many bytes the states took."""
        ...

    def tick(self) -> None:
        """Do what is due beside the messages; called on the agent's thread now and then.

        Raises
        ------
        RetryableError
            Something outside is missing; it is tried again.
        """
        ...

    async def close(self) -> None:
        """Let the partition go without saving."""
        ...


class CheckpointedWork:
    """An agent's work whose states are saved in a store of checkpoints."""

    outputs_first = False
    ticks = False

    def __init__(
        self, agent: AgentName, partition: int, *, run: PartitionRun, store: CheckpointStore, in_thread: InThread
    ) -> None:
        self._agent = agent
        self._partition = partition
        self._run = run
        self._store = store
        self._in_thread = in_thread
        self._checkpoints: PartitionCheckpoints | None = None

    async def open(self, poisonous: Mapping[tuple[str, int], str]) -> str:
        """Fence whoever had the partition, and go on from the latest checkpoint."""
        await self.close()
        self._checkpoints, checkpoint = await self._store.open(str(self._agent), self._partition)
        await self._in_thread(lambda: self._run.start(checkpoint, poisonous))
        return checkpoint.fell_back

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        return self._run.next_offsets

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        return self._run.standing

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Work on messages, in their order."""
        return self._run.work(messages)

    def capture(self) -> Captured:
        """What changed since the last call."""
        return Captured(
            next_offsets=self._run.next_offsets,
            changed=self._run.take_changed(),
            start_ns=self._run.standing.start_ns,
            model=self._run.standing.model,
        )

    def tick(self) -> None:
        """There is nothing to do beside the messages."""

    async def save(self, captured: Captured) -> int:
        """Write a checkpoint."""
        if self._checkpoints is None:
            return 0
        return await self._checkpoints.write(captured.next_offsets, captured.changed)

    async def close(self) -> None:
        """Let the partition go."""
        checkpoints, self._checkpoints = self._checkpoints, None
        if checkpoints is not None:
            await checkpoints.close()


class StatefulRecorder(Protocol):
    """The recorder as it is driven: it commits by itself, offsets included."""

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message; from its state directory."""
        ...

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        ...

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record the messages durably; what comes back are dead letters."""
        ...

    def tick(self) -> None:
        """Do the chores that are due."""
        ...

    def close(self) -> None:
        """Let the state directory go."""
        ...


class RecorderWork:
    """The recorder's work; opened, worked and closed on one thread, to which its database belongs."""

    # It forgets its dead letters with the next commit.
    outputs_first = True
    ticks = True

    def __init__(self, open_recorder: Callable[[], StatefulRecorder], in_thread: InThread) -> None:
        self._open_recorder = open_recorder
        self._in_thread = in_thread
        self._recorder: StatefulRecorder | None = None

    async def open(self, poisonous: Mapping[tuple[str, int], str]) -> str:  # noqa: ARG002 - it deals with them itself
        """Open the state directory."""
        await self.close()
        self._recorder = await self._in_thread(self._open_recorder)
        return ""

    @property
    def next_offsets(self) -> Mapping[str, int]:
        """By short name of the topic, the offset of the next message."""
        return {} if self._recorder is None else dict(self._recorder.next_offsets)

    @property
    def standing(self) -> Standing:
        """How far it is in event time."""
        return Standing() if self._recorder is None else self._recorder.standing

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Record messages."""
        return [] if self._recorder is None else self._recorder.work(messages)

    def capture(self) -> Captured:
        """Nothing beside the offsets: the states are durable already."""
        return Captured(next_offsets=self.next_offsets, changed={}, start_ns=self.standing.start_ns)

    def tick(self) -> None:
        """The chores of the state directory."""
        if self._recorder is not None:
            self._recorder.tick()

    async def save(self, captured: Captured) -> int:  # noqa: ARG002 - all is durable
        """Nothing is left to do."""
        return 0

    async def close(self) -> None:
        """Let the state directory go."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await self._in_thread(recorder.close)
