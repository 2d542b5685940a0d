"""A partition in this worker's hands: what waits in it, and how far it is."""

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from connectors.wire.message import Incoming
from streams.topology import AgentName
from streams.worker.partition_work import PartitionWork

#: What a message costs beside its bytes.
_OVERHEAD_BYTES = 1_000
# No two epochs are the same, of whichever partition.
_EPOCHS = itertools.count(1)


class Phase(Enum):
    """Where a partition stands in its life with this worker."""

    #: Its checkpoint is being loaded.
    OPENING = auto()
    #: Its messages are taken and worked on.
    RUNNING = auto()
    #: The group deals its partitions out anew; what was worked on is saved.
    HELD = auto()
    #: It is somebody else's.
    CLOSED = auto()


@dataclass(slots=True, eq=False)
class OwnedPartition:
    """One partition of an agent's inputs, and its work.

    Attributes
    ----------
    topics
        Short names of the topics that it takes messages from.
    epoch
        Changes whenever reading begins at another place: what was read before counts no more.
    busy
        Held by whoever works on the partition, saves it, or opens it.
    unacknowledged
        Done when all outputs up to here are in Kafka.
    saving
        The checkpoint that is being written.
    saved
        The offsets of the latest checkpoint.
    saved_bytes
        What its last checkpoint took.
    moved_s
        When it was last seen to move on, or to have nothing to do.
    waits_for
        Why its work waits; empty when it does not.
    saving_waits_for
        Why its checkpoint waits; empty when it does not.
    spoilt
        Its states can't be trusted any more: they must not be saved.
    poisonous
        Messages that become dead letters without being worked on, and why.
    """

    agent: AgentName
    number: int
    topics: tuple[str, ...]
    work: PartitionWork
    phase: Phase = Phase.OPENING
    epoch: int = field(default_factory=lambda: next(_EPOCHS))
    inbox: deque[Incoming] = field(default_factory=deque)
    inbox_bytes: int = 0
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    unacknowledged: list["asyncio.Future[None]"] = field(default_factory=list)
    saving: "asyncio.Task[None] | None" = None
    saved: dict[str, int] = field(default_factory=dict)
    saved_s: float = 0.0
    saved_bytes: int = 0
    moved_s: float = 0.0
    waits_for: str = ""
    saving_waits_for: str = ""
    spoilt: bool = False
    poisonous: dict[tuple[str, int], str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.agent}/{self.number}"

    @property
    def running(self) -> bool:
        """Whether messages are taken and worked on."""
        return self.phase is Phase.RUNNING

    @property
    def stalled(self) -> str:
        """What outside is missing for it to move on; empty when nothing is."""
        return self.waits_for or self.saving_waits_for

    @property
    def unsaved(self) -> bool:
        """Whether there is something that no checkpoint has."""
        return self.work.next_offsets != self.saved

    def offer(self, message: Incoming, epoch: int) -> bool:
        """Take a message that was read in an epoch; False when it counts no more."""
        if not self.running or epoch != self.epoch:
            return False
        self.inbox.append(message)
        self.inbox_bytes += size_bytes(message)
        return True

    def take(self, most: int) -> list[Incoming]:
        """The messages that come next."""
        batch = [self.inbox.popleft() for _ in range(min(most, len(self.inbox)))]
        self.inbox_bytes -= sum(map(size_bytes, batch))
        return batch

    def forget_waiting(self) -> None:
        """Drop what waits: it is read again from where the work stands, or by another worker."""
        self.inbox.clear()
        self.inbox_bytes = 0
        self.begin_epoch()

    def begin_epoch(self) -> int:
        """From now on only what is read after another seek counts."""
        self.epoch = next(_EPOCHS)
        return self.epoch


def size_bytes(message: Incoming) -> int:
    """What a message takes in memory, about."""
    return len(message.value or b"") + len(message.key or b"") + _OVERHEAD_BYTES
