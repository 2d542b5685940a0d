"""Who was told what, when, and with what answer; and what of that is told again."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.control_room.database import reading
from connectors.control_room.outbox import DROPPED, OutboxMessage, Waiting, waiting_by_receiver
from connectors.control_room.receivers import FailingReceiver, failing_receivers

_MESSAGE = "receiver, subject_id, event_id, type, body, created_ns"
_RECEIPT = "receiver, subject_id, event_id, type, created_ns, delivered_ns, status, attempts"
# Of each message the latest receipt: one that was told again has several.
_TOLD = f"SELECT {_MESSAGE}, max(id) FROM receipts WHERE {{which}} GROUP BY receiver, event_id ORDER BY max(id)"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A message that somebody got, or that was dropped.

    Attributes
    ----------
    subject_id
        The alert or incident that it is about.
    created_ns, delivered_ns
        When it was written, and when the receiver had it, ns since 1970.
    status
        What the receiver answered: of HTTP its number, ``sent`` of a messenger, ``dropped`` if nobody got it.
    attempts
        How many it took.
    """

    receiver: str
    subject_id: str
    event_id: str
    type: str
    created_ns: int
    delivered_ns: int
    status: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOfReceivers:
    """What is known of all receivers at one moment, each by its name.

    Attributes
    ----------
    waiting
        Those for which something waits.
    latest
        When each got its latest message, ns since 1970.
    failing
        Those that take nothing.
    """

    waiting: dict[str, Waiting]
    latest: dict[str, int]
    failing: dict[str, FailingReceiver]


class ReceiptReader:
    """The receipts in a state directory, also while a watch delivers.

    Raises
    ------
    FatalError
        By every method: as ``connectors.control_room.database.reading``.
    RetryableError
        By every method: likewise.
    """

    def __init__(self, state: Path) -> None:
        self._state = state

    def of_subjects(self, subject_ids: Sequence[str]) -> list[Receipt]:
        """Who was told of these alerts and incidents, in the order in which they were."""
        marks = ", ".join("?" * len(subject_ids))
        with reading(self._state) as connection:
            rows = connection.execute(
                f"SELECT {_RECEIPT} FROM receipts WHERE subject_id IN ({marks}) ORDER BY id",  # noqa: S608
                tuple(subject_ids),
            ).fetchall()
        return [Receipt(**dict(zip(_RECEIPT.split(", "), row, strict=True))) for row in rows]

    def standing(self) -> StandingOfReceivers:
        """What is known of all receivers."""
        with reading(self._state) as connection:
            latest = connection.execute(
                "SELECT receiver, max(delivered_ns) FROM receipts WHERE status != ? GROUP BY receiver", (DROPPED,)
            ).fetchall()
            return StandingOfReceivers(
                waiting=waiting_by_receiver(connection), latest=dict(latest), failing=failing_receivers(connection)
            )


def told_of(connection: sqlite3.Connection, beginning: str) -> list[OutboxMessage]:
    """The messages that have a receipt, as they were, about alerts and incidents whose ids begin so."""
    rows = connection.execute(
        _TOLD.format(which="subject_id >= ? AND subject_id < ?"), (beginning, beginning + chr(0x10FFFF))
    )
    return [_message(row) for row in rows]


def told_to(connection: sqlite3.Connection, receiver: str, from_ns: int) -> list[OutboxMessage]:
    """The messages to a receiver that have a receipt and were written from a time on, to be told again."""
    rows = connection.execute(_TOLD.format(which="receiver = ? AND created_ns >= ?"), (receiver, from_ns))
    return [_message(row) for row in rows]


def _message(row: tuple[Any, ...]) -> OutboxMessage:
    return OutboxMessage(**dict(zip(_MESSAGE.split(", "), row[:-1], strict=True)))
