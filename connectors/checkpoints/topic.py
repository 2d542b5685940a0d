"""Checkpoints in a compacted topic whose partitions are those of the agent's input.

A checkpoint is one transaction of a producer that only the partition's owner has: its transactional id is that of the
partition, and starting it shuts out whoever had it before.

A broker that goes away during a transaction leaves open whether it was committed. The next write finds out: it looks
whether somebody else has become the owner meanwhile, starts the producer anew, which ends the transaction one way or
the other, and reads what is there.
"""

import asyncio
import uuid
from collections.abc import Mapping
from typing import TypeVar

from connectors.checkpoints.document import POSITION_NAMES, Generations, Writing
from connectors.checkpoints.loading import Loaded, load
from connectors.checkpoints.store import Checkpoint, FencedError
from connectors.checkpoints.transactions import PartitionAddress, Transactions, read_partition
from connectors.kafka.failures import MessageTooLargeError
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError

#: How long a broker may take for any answer before a write is given up for now.
PATIENCE_S = 15.0

_OWNER = "owner"

_Self = TypeVar("_Self", bound="TopicCheckpoints")


class TopicCheckpointStore:
    """The store in compacted topics.

    Parameters
    ----------
    topics
        Full name of the topic of each agent.
    installation
        Prefix of the transactional ids.
    """

    def __init__(
        self, settings: KafkaSettings, topics: Mapping[str, str], installation: str, patience_s: float = PATIENCE_S
    ) -> None:
        self._settings = settings
        self.topics = topics
        self._installation = installation
        self._patience_s = patience_s
        self._open: list[TopicCheckpoints] = []

    async def open(self, agent: str, partition: int) -> tuple["TopicCheckpoints", Checkpoint]:
        """Take a partition over and load its checkpoint, see `CheckpointStore`."""
        address = self._address(agent, partition)
        checkpoints, checkpoint = await TopicCheckpoints.take_over(_where(agent, partition), address)
        self._open = [*(one for one in self._open if not one.closed), checkpoints]
        return checkpoints, checkpoint

    async def read(self, agent: str, partition: int) -> Checkpoint:
        """What is committed of a partition now, see `CheckpointStore`."""
        address = self._address(agent, partition)
        values, _ = await read_partition(address, None)
        loaded = await asyncio.to_thread(_loaded, _where(agent, partition), address, values)
        return Checkpoint() if loaded is None else loaded.checkpoint

    async def close(self) -> None:
        """Let all partitions go."""
        await asyncio.gather(*(checkpoints.close() for checkpoints in self._open))
        self._open = []

    def _address(self, agent: str, partition: int) -> PartitionAddress:
        return PartitionAddress(
            settings=self._settings,
            topic=self.topics[agent],
            partition=partition,
            transactional_id=f"{self._installation}.{agent}-{partition}",
            patience_s=self._patience_s,
        )


class TopicCheckpoints:
    """The checkpoints of one partition, in the hands of its present owner."""

    def __init__(self, where: str, address: PartitionAddress, transactions: Transactions) -> None:
        self._where = where
        self._address = address
        self._transactions: Transactions | None = transactions
        self._generations = Generations(where)
        self._owner = uuid.uuid4().hex.encode()
        self._read_to = 0
        self._unresolved: Writing | None = None
        self._fenced = False
        self._lock = asyncio.Lock()
        self.closed = False

    @classmethod
    async def take_over(cls: type[_Self], where: str, address: PartitionAddress) -> tuple[_Self, Checkpoint]:
        """Shut out the former owner, then load what it has committed."""
        own = cls(where, address, await Transactions.start(address))
        try:
            checkpoint = await own._load()
        except BaseException:
            await own.close()
            raise
        return own, checkpoint

    async def write(self, next_offsets: Mapping[str, int], changed: Mapping[str, bytes]) -> int:
        """Make states and offsets durable, see `PartitionCheckpoints`."""
        async with self._lock:
            self._require_ownership()
            if self._transactions is None:
                await self._resolve()
            writing = await asyncio.to_thread(self._generations.next_writing, next_offsets, changed)
            await self._commit(writing)
            return writing.size_bytes

    async def close(self) -> None:
        """Let the partition go, within seconds even when the broker is away."""
        self.closed = True
        await self._stop()

    async def _load(self) -> Checkpoint:
        values, self._read_to = await read_partition(self._address, None)
        loaded = await asyncio.to_thread(_loaded, self._where, self._address, values)
        if loaded is not None:
            self._generations = loaded.generations
            await self._commit(None)
            return loaded.checkpoint
        # So that the first checkpoint, too, has one before it: the empty one.
        await self._commit(self._generations.next_writing({}, {}))
        return Checkpoint()

    async def _commit(self, writing: Writing | None) -> None:
        """One transaction; None when only the new owner is to be made known."""
        transactions = self._transactions
        if transactions is None:
            raise RuntimeError("written before the last failure was resolved")
        entries: list[tuple[str, bytes | None]] = [(_OWNER, self._owner)]
        if writing is not None:
            entries += writing.slots.items()
            entries.append((writing.position.name, writing.document))
            entries += ((name, None) for name in writing.needless)
        try:
            self._read_to = max(self._read_to, await transactions.commit(entries))
        except BaseException as error:
            self._unresolved = writing
            self._fenced = isinstance(error, FencedError)
            await self._stop()
            if isinstance(error, MessageTooLargeError):
                raise self._too_large(entries) from error
            raise
        if writing is not None:
            self._generations.written(writing)

    async def _resolve(self) -> None:
        """Find out, after a failure, whether this is still the owner and whether the transaction was committed."""
        # First without becoming the owner again: a worker that was away for long must not disturb its successor.
        self._require_sole_owner((await read_partition(self._address, self._read_to))[0])
        self._transactions = await Transactions.start(self._address)
        try:
            # Now everything that this or another producer began has ended one way or the other.
            values, _ = await read_partition(self._address, self._read_to)
            self._require_sole_owner(values)
        except BaseException:
            await self._stop()
            raise
        writing, self._unresolved = self._unresolved, None
        if writing is not None and values.get(writing.position.name) == writing.document:
            self._generations.written(writing)

    def _require_sole_owner(self, values: Mapping[str, bytes | None]) -> None:
        """The owner's mark goes with every transaction: another one since ours means another owner."""
        self._fenced = values.get(_OWNER, self._owner) != self._owner
        self._require_ownership()

    def _require_ownership(self) -> None:
        if self._fenced:
            raise FencedError(f"another worker has taken over the checkpoints of {self._where}; this one ends")

    async def _stop(self) -> None:
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            await transactions.stop()

    def _too_large(self, entries: list[tuple[str, bytes | None]]) -> FatalError:
        name, size = max(((name, len(value or b"")) for name, value in entries), key=lambda entry: entry[1])
        what = "its list of states" if name in POSITION_NAMES else f"the state {name[:-2]}"
        return FatalError(
            f"the checkpoint of {self._where} does not fit into the topic {self._address.topic}: {what} has {size} "
            "bytes; raise the topic's max.message.bytes above that (petawatch topics apply --config FILE sets it)",
            reason="checkpoint_too_large",
        )


def _where(agent: str, partition: int) -> str:
    return f"agent {agent}, partition {partition}"


def _loaded(where: str, address: PartitionAddress, values: Mapping[str, bytes | None]) -> Loaded | None:
    kept = {name: value for name, value in values.items() if value is not None and name != _OWNER}
    place = f"partition {address.partition} of the topic {address.topic}"
    return load(where, place, kept, kept.get)
