"""Where the recorder stands in each of its input topics: nothing is passed over, nothing is recorded twice."""

from collections.abc import Sequence

from connectors.wire.message import Incoming
from models.errors import FatalError
from models.state import State


class RecorderPositions:
    """The offset of the next message of each topic; each has one partition."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._newest_ms: dict[str, int] = {}

    @property
    def next_offsets(self) -> dict[str, int]:
        """By short name; a topic of which nothing came is not among them."""
        return dict(self._next)

    def fresh(self, messages: Sequence[Incoming]) -> list[Incoming]:
        """Those that were not recorded yet, in their order.

        Raises
        ------
        FatalError
            ``offset_gap``: messages are missing, or a topic is not the one that it was.
        """
        ahead = dict(self._next)
        fresh = []
        for message in messages:
            position = ahead.setdefault(message.topic, message.offset)
            if message.offset < position and not self._was_made_anew(message):
                continue
            if message.offset != position:
                raise _gap(message, position)
            ahead[message.topic] = position + 1
            fresh.append(message)
        return fresh

    def is_fresh(self, message: Incoming) -> bool:
        """Whether a message that ``fresh`` gave has still not been passed."""
        return message.offset >= self._next.get(message.topic, message.offset)

    def pass_by(self, message: Incoming) -> None:
        """The message is dealt with."""
        self._next[message.topic] = message.offset + 1
        self._newest_ms[message.topic] = max(message.timestamp_ms, self._newest_ms.get(message.topic, 0))

    def state(self) -> State:
        """All that is to be saved."""
        return {"next": dict(self._next), "newest_ms": dict(self._newest_ms)}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._next = {topic: int(offset) for topic, offset in state["next"].items()}
        self._newest_ms = {topic: int(time_ms) for topic, time_ms in state["newest_ms"].items()}

    def _was_made_anew(self, message: Incoming) -> bool:
        """What is recorded was written before the newest that is recorded; a new topic's messages come after."""
        return message.topic in self._newest_ms and message.timestamp_ms > self._newest_ms[message.topic]


def _gap(message: Incoming, position: int) -> FatalError:
    return FatalError(
        f"{message.topic} came to offset {message.offset} where {position} was next: messages were removed before the "
        "recorder had worked on them, or the topic was made anew; lengthen the topic's retention, and start with a new "
        "state directory, for which the connectors read the snapshots again",
        reason="offset_gap",
    )
