"""What an agent does with one partition of its input, apart from Kafka: messages in, messages and states out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.wire.message import Incoming, Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a partition's work has come in event time, and by which model.

    Attributes
    ----------
    start_ns
        Begin of the snapshot of the latest message; None before the first.
    model
        Name of the model in use; empty where none scores.
    """

    start_ns: int | None = None
    model: str = ""


class PartitionTask(Protocol):
    """The work of one agent on one partition; called from one thread at a time.

    The outputs for a message and the states after it depend on nothing but the messages before it and itself, so
    whoever works on a partition again from an earlier checkpoint sends the same outputs, which receivers know by their
    origin and pass over.
    """

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from the states of a checkpoint, by their keys; called once, before any message."""
        ...

    def process(self, message: Incoming) -> list[Outgoing]:
        """Work on one message; what follows from it, in the order in which it is to be sent.

        Raises
        ------
        RecordError
            The message is refused and has changed nothing: it becomes a dead letter.
        FatalError
            The work can't go on.
        Exception
            The message is poisonous; the task may be in any state and is thrown away.
        """
        ...

    def take_changed(self) -> dict[str, bytes]:
        """The encoded states that changed since the last call, by their keys in the checkpoint."""
        ...

    @property
    def standing(self) -> Standing:
        """How far the work has come."""
        ...
