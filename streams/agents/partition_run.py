"""One agent's work on one partition, from a checkpoint on: what was worked on is told from what comes anew."""

from collections.abc import Callable, Mapping, Sequence

from connectors.checkpoints.store import Checkpoint
from connectors.clock import Clock
from connectors.wire.message import Incoming, Outgoing
from models.errors import FatalError, RecordError
from streams.agents.dead_letters import dead_letter
from streams.agents.task import PartitionTask, Standing
from streams.topology import AgentName

#: The reason of a message that was given up since working on it failed.
POISONOUS = "poisonous"
# So many messages are known again by more than their offset.
_REMEMBERED = 4096


class PoisonedError(Exception):
    """Working on a message failed in a way that nobody foresaw: the task's states can't be trusted any more.

    The partition is to be started again from its checkpoint, with this message among the ``poisonous`` ones.

    Attributes
    ----------
    topic, offset
        The message.
    cause
        What went wrong, in one line.
    """

    def __init__(self, topic: str, offset: int, error: BaseException) -> None:
        self.topic = topic
        self.offset = offset
        self.cause = f"{type(error).__name__}: {error}".splitlines()[0][:500]
        super().__init__(f"the message {topic}@{offset} can't be worked on: {self.cause}")


class PartitionRun:
    """A partition in the hands of its present owner; used from one thread at a time.

    What is returned is to be sent, all of it and in this order, before the states and offsets after it are saved. When
    a call raised, nothing of it counts: either the worker ends, or the partition is started again.

    Parameters
    ----------
    make_task
        Makes the agent's work in its first state; called at every start.
    agent
        Whose work it is, for its dead letters.
    """

    def __init__(self, make_task: Callable[[], PartitionTask], agent: AgentName, clock: Clock) -> None:
        self._make_task = make_task
        self._agent = agent
        self._clock = clock
        self._task = make_task()
        self._next: dict[str, int] = {}
        self._poisonous: Mapping[tuple[str, int], str] = {}
        self._worked_on: dict[str, _RecentMessages] = {}

    def start(self, checkpoint: Checkpoint, poisonous: Mapping[tuple[str, int], str] | None = None) -> None:
        """Go on from a checkpoint, as often as it takes.

        Parameters
        ----------
        poisonous
            Messages that become dead letters without being worked on, by topic and offset, and what went wrong.

        Raises
        ------
        FatalError
            The checkpoint's states can't be read.
        """
        self._task = self._make_task()
        self._task.restore(checkpoint.states)
        self._next = dict(checkpoint.next_offsets)
        self._poisonous = dict(poisonous or {})
        self._worked_on = {}

    @property
    def next_offsets(self) -> dict[str, int]:
        """By topic, the offset of the next message to work on; nothing of a topic before its first message."""
        return dict(self._next)

    @property
    def standing(self) -> Standing:
        """How far the work has come in event time."""
        return self._task.standing

    def take_changed(self) -> dict[str, bytes]:
        """The encoded states that changed since the last call: with ``next_offsets`` they make the next checkpoint."""
        return self._task.take_changed()

    def work(self, messages: Sequence[Incoming]) -> list[Outgoing]:
        """Work on messages of this partition in their order; those that were worked on before are passed over.

        After ``start`` they are to come from ``next_offsets`` on.

        Raises
        ------
        FatalError
            ``offset_gap``: messages are missing, or the topic is not the one that it was.
        PoisonedError
            A message can't be worked on.
        """
        outgoing: list[Outgoing] = []
        for message in messages:
            if self._is_next(message):
                outgoing += self._outputs(message)
                self._next[message.topic] = message.offset + 1
                self._worked_on[message.topic].add(message)
        return outgoing

    def _is_next(self, message: Incoming) -> bool:
        """Whether the message is the one at the position; False when it was worked on before."""
        position = self._next.setdefault(message.topic, message.offset)
        recent = self._worked_on.setdefault(message.topic, _RecentMessages())
        if message.offset < position and recent.may_hold(message):
            return False
        if message.offset != position:
            raise FatalError(
                f"partition {message.partition} of {message.topic} came to offset {message.offset} where {position} "
                f"was next: messages were removed before the {self._agent} agent had worked on them, or the topic was "
                "made anew; lengthen the topic's retention, and start again with new checkpoints",
                reason="offset_gap",
            )
        return True

    def _outputs(self, message: Incoming) -> list[Outgoing]:
        cause = self._poisonous.get((message.topic, message.offset))
        if cause is not None:
            return [self._dead_letter(message, POISONOUS, cause)]
        try:
            return self._task.process(message)
        except RecordError as error:
            return [self._dead_letter(message, error.reason, str(error))]
        except (FatalError, MemoryError):
            # No room says nothing about the message.
            raise
        except Exception as error:
            raise PoisonedError(message.topic, message.offset, error) from error

    def _dead_letter(self, message: Incoming, reason: str, error: str) -> Outgoing:
        return dead_letter(message, self._agent, reason=reason, error=error, now_ns=self._clock.now_ns())


class _RecentMessages:
    """What the last messages of a topic looked like: a consumer may give them again, another topic has others."""

    def __init__(self) -> None:
        self._looks: dict[int, tuple[int, int]] = {}  # when written and how long, by offset, in their order
        self._newest_ms = 0

    def add(self, message: Incoming) -> None:
        self._looks[message.offset] = _look(message)
        self._newest_ms = max(self._newest_ms, message.timestamp_ms)
        if len(self._looks) > _REMEMBERED:
            del self._looks[next(iter(self._looks))]

    def may_hold(self, message: Incoming) -> bool:
        look = self._looks.get(message.offset)
        if look is not None:
            return look == _look(message)
        # Reading begins at the checkpoint: what comes first from before it is of another topic. Older than what is
        # remembered: if it is the old one, it was written before.
        return bool(self._looks) and message.timestamp_ms <= self._newest_ms


def _look(message: Incoming) -> tuple[int, int]:
    return message.timestamp_ms, len(message.value or b"")
