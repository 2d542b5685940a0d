"""A way to a receiver: it takes one message at a time and says what came of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """What an attempt means for those that follow."""

    #: The receiver has it.
    TAKEN = "taken"
    #: The receiver is away, or does not take anything now: all messages wait.
    LATER = "later"
    #: The receiver does not take this message; others may go on.
    REFUSED = "refused"
    #: The receiver wants no messages any more.
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt.

    Attributes
    ----------
    status
        What the receiver said in a word, for a receipt: of HTTP its number.
    error
        One line on what went wrong; empty when the message was taken. It holds no secrets.
    retry_after_s
        How long the receiver asks to be left alone; None when it does not.
    """

    outcome: Outcome
    status: str = ""
    error: str = ""
    retry_after_s: float | None = None


class Channel(Protocol):
    """A way to a receiver; ``send`` is called by one thread at a time."""

    def send(self, event_id: str, body: bytes) -> Answer:
        """Deliver a message, or say why not; ends within a bounded time."""
        ...

    def abort(self) -> None:
        """Let a waiting ``send`` come back soon, from another thread; there is no other after it."""
        ...
