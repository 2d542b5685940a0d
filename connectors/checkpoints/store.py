"""The protocol of a store of checkpoints: one suite of tests runs against every implementation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class FencedError(Exception):
    """Another worker has taken the partition over: this one must end at once, without writing anything more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a partition's work as of one offset.

    Attributes
    ----------
    next_offsets
        By short name of the input topic: the offset of the next message to work on; all earlier ones are in the states.
        Empty before the first checkpoint.
    states
        Encoded states by key.
    fell_back
        A sentence when the latest checkpoint was damaged and this is the one before it; empty otherwise.
    """

    next_offsets: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, bytes] = field(default_factory=dict)
    fell_back: str = ""


class PartitionCheckpoints(Protocol):
    """The checkpoints of one partition of one agent, held by its present owner."""

    async def write(self, next_offsets: Mapping[str, int], changed: Mapping[str, bytes]) -> int:
        """Make the changed states and the offsets durable, wholly or not at all; how many bytes the states took.

        Raises
        ------
        FencedError
            Another worker owns the partition now; nothing was written.
        RetryableError
            The store is away, and it is not known whether this was written, wholly or not at all: call again, with
            all these changes and any newer ones.
        FatalError
            ``checkpoint_too_large``, and as `CheckpointStore.open`.
        """
        ...

    async def close(self) -> None:
        """Let the partition go; nothing is written."""
        ...


class CheckpointStore(Protocol):
    """Where the checkpoints of all partitions of all agents are kept."""

    async def open(self, agent: str, partition: int) -> tuple[PartitionCheckpoints, Checkpoint]:
        """Take a partition over from whoever had it, and load its checkpoint.

        From now on nothing that a former owner writes succeeds.

        Raises
        ------
        FatalError
            ``checkpoint_too_new`` when a newer Petawatch wrote it; ``checkpoint_damaged`` when neither it nor the one
            before it can be read; ``kafka_...`` when the topic is missing or this user may not use it.
        RetryableError
            The store is away.
        """
        ...

    async def read(self, agent: str, partition: int) -> Checkpoint:
        """What is committed of a partition now, and leave it to its owner; empty before the first checkpoint.

        Raises
        ------
        FatalError, RetryableError
            As ``open``.
        """
        ...

    async def close(self) -> None:
        """Let everything go."""
        ...
