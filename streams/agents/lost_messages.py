"""Refused messages as the recorder sees them: which records are lost with them, and how they are handed on."""

import numpy as np

from connectors.state.commit import LostRecords
from connectors.wire.codec import ORIGIN_HEADER
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming, Outgoing
from models.state import State
from streams.agents.retries import RETRIED_HEADER


def is_retried(message: Incoming) -> bool:
    """Whether a message was a dead letter before."""
    return any(name == RETRIED_HEADER for name, _ in message.headers)


def lost_records_of(letter: DeadLetterMessage) -> LostRecords | None:
    """The records that a dead letter holds; None when it holds none, or does not say of which file."""
    if letter.source is None or not letter.records:
        return None
    return LostRecords(source=letter.source, place=_place(letter), reason=letter.reason, records=letter.records)


def _place(letter: DeadLetterMessage) -> str:
    """What tells the same records when they are refused again: a connector sends a file anew after a crash.

    Then records come at another offset, and rows follow from the same message as before.
    """
    if letter.first_record is not None:
        return f"{letter.device} from {letter.first_record} on"
    headers = dict(letter.original.headers)
    if ORIGIN_HEADER in headers:
        return f"{letter.original.topic} after {headers[ORIGIN_HEADER].decode(errors='replace')}"
    original = letter.original
    return f"{original.topic}/{original.partition}/{original.offset}"


def written_letter(letter: Outgoing) -> State:
    """A dead letter that waits to be sent, as a state."""
    return {
        "topic": str(letter.topic),
        "key": np.frombuffer(letter.key, np.uint8),
        "value": np.frombuffer(letter.value or b"", np.uint8),
        "headers": [[name, np.frombuffer(value, np.uint8)] for name, value in letter.headers],
    }


def read_letter(saved: State) -> Outgoing:
    """The dead letter that ``written_letter`` wrote."""
    return Outgoing(
        topic=saved["topic"],
        key=saved["key"].tobytes(),
        value=saved["value"].tobytes(),
        headers=tuple((name, value.tobytes()) for name, value in saved["headers"]),
    )
