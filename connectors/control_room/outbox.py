"""Messages that wait for their receivers: written with the step that they tell of, delivered by others, never lost."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.receivers import (
    FailingReceiver,
    failing_receivers,
    forget_failures,
    note_failure,
    note_suspension,
)
from connectors.control_room.told_subjects import (
    IS_OVER,
    forget_told_before,
    forget_told_to,
    hand_over_knowledge,
    knows_what_goes_on,
    note_told,
    who_knows,
)

#: The types of the messages that begin and that end what there is to tell of a subject; and of those that say neither.
OPENINGS = ("alert.opened", "incident.opened")
CLOSINGS = ("alert.closed", "incident.closed")
SUMMARY = "webhook.summary"
ASIDES = ("incident.acknowledged", SUMMARY)
#: The status on the receipt of a message that nobody got.
DROPPED = "dropped"

_COLUMNS = "receiver, subject_id, event_id, type, body, created_ns, id, attempts"
# In the order in which they were written. A message waits while an earlier one of its line waits for its next attempt.
_DUE = f"""SELECT {_COLUMNS} FROM outbox AS this WHERE receiver = :receiver AND next_attempt_ns <= :now_ns
    AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.receiver = this.receiver
        AND earlier.subject_id = this.subject_id AND earlier.id < this.id AND earlier.next_attempt_ns > :now_ns)
    ORDER BY id LIMIT :limit"""  # noqa: S608 - of words of our own
# Of those that lead their lines.
_LEAST_TRIED = f"""SELECT {_COLUMNS} FROM outbox AS this WHERE receiver = :receiver AND next_attempt_ns <= :now_ns
    AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.receiver = this.receiver
        AND earlier.subject_id = this.subject_id AND earlier.id < this.id)
    ORDER BY attempts, id LIMIT 1"""  # noqa: S608 - of words of our own
# Those that lead their lines: whoever waits behind one is not due before it.
_NEXT_DUE = """SELECT min(next_attempt_ns) FROM outbox WHERE receiver = ? AND id IN (
    SELECT min(id) FROM outbox WHERE receiver = ? GROUP BY subject_id)"""
# By indexes alone but for two rows of each receiver: it is asked every few seconds, also of a storm of messages.
_WAITING = """SELECT receiver, messages, (SELECT created_ns FROM outbox WHERE id = oldest), (
        SELECT error FROM outbox AS tried WHERE tried.receiver = lines.receiver AND attempts > 0
        ORDER BY attempts DESC, id DESC LIMIT 1)
    FROM (SELECT receiver, count(*) AS messages, min(id) AS oldest FROM outbox GROUP BY receiver) AS lines"""
# Whole lines, the oldest first: who has got the opening gets the closing, too, and who gets no opening gets none.
_DROPPED = f"""WITH lines AS (
        SELECT subject_id, min(id) AS first, max(id) AS last, count(*) AS messages FROM outbox
        WHERE receiver = :receiver GROUP BY subject_id),
    over AS (
        SELECT subject_id, sum(messages) OVER (ORDER BY first) - messages AS dropped_before FROM lines
        WHERE (SELECT type FROM outbox WHERE id = first) IN {OPENINGS}
        AND (SELECT type FROM outbox WHERE id = last AND created_ns < :before_ns) IN {CLOSINGS})
    SELECT {_COLUMNS} FROM outbox WHERE receiver = :receiver
    AND subject_id IN (SELECT subject_id FROM over WHERE dropped_before < :surplus) ORDER BY id"""  # noqa: S608
# Only what the other one has not got, and of nothing that it knows: what began after its end would stay open for good.
_MOVED = f"""UPDATE OR IGNORE outbox SET receiver = :to, attempts = 0, next_attempt_ns = 0, error = ''
    WHERE receiver = :receiver AND NOT EXISTS (SELECT 1 FROM receipts
        WHERE receipts.receiver = :to AND receipts.event_id = outbox.event_id)
    AND NOT EXISTS (SELECT 1 FROM told
        WHERE told.receiver = :to AND told.subject_id = outbox.subject_id AND (goes_on OR {IS_OVER}))"""  # noqa: S608
# What nobody got may be told after all: to one that was dropped and is named again.
_DELIVERED_TO = f"SELECT 1 FROM receipts WHERE receiver = ? AND event_id = ? AND status <> '{DROPPED}'"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A message for one receiver.

    Attributes
    ----------
    receiver
        Its name in the settings.
    subject_id
        The alert or incident that it is about; those of one subject arrive in order.
    event_id
        Computed, and the same for all receivers and attempts: who has seen it drops it.
    type
        By the Standard Webhooks specification, for example ``alert.opened``.
    body
        UTF-8 JSON.
    created_ns
        When it was written, ns since 1970, by the clock.
    """

    receiver: str
    subject_id: str
    event_id: str
    type: str
    body: bytes
    created_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessage(OutboxMessage):
    """A message in the outbox: ``attempts`` were made in vain, ``id`` is its place."""

    id: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for a receiver: how many messages, since when the first of its line, ns since 1970.

    Attributes
    ----------
    error
        What was said of the one that was tried most often in vain; empty when none was.
    """

    messages: int
    oldest_ns: int
    error: str


def store_messages(connection: sqlite3.Connection, messages: Iterable[OutboxMessage]) -> int:
    """Put messages at the ends of their lines, inside a step; how many.

    One that waits or was delivered already is passed over: whoever is not sure may store it again. Who has got an end,
    also one that is passed over, counts as told of it: else it would be owed for ever. So does who has got an opening
    and counts as told of nothing, as one that was dropped: else he would never hear of the end.
    """
    stored = 0
    for each in messages:
        was_delivered = connection.execute(_DELIVERED_TO, (each.receiver, each.event_id)).fetchone() is not None
        is_new = not was_delivered and bool(_put(connection, each))
        stored += is_new
        is_end = each.type in CLOSINGS
        counts = is_end or (is_new and each.type not in ASIDES)
        if counts or (each.type in OPENINGS and each.receiver not in who_knows(connection, each.subject_id)):
            note_told(connection, each.receiver, each.subject_id, goes_on=not is_end, now_ns=each.created_ns)
    return stored


def put_again(connection: sqlite3.Connection, messages: Iterable[OutboxMessage], now_ns: int) -> int:
    """Put delivered messages at the ends of their lines once more, inside a step; how many do not wait already.

    They wait since now.
    """
    return sum(_put(connection, replace(each, created_ns=now_ns)) for each in messages)


def hand_over(connection: sqlite3.Connection, receiver: str, to: str, now_ns: int) -> int:
    """Let all that waits for a receiver wait for another one, inside a step; how many that one did not know yet.

    What it knows already is dropped, with receipts: also what was said of that before it began to hear of it, and all
    of what it was told the end of. It is told of the ends of what the first one was told of.
    """
    moved = connection.execute(_MOVED, {"to": to, "receiver": receiver}).rowcount
    hand_over_knowledge(connection, receiver, to)
    drop_all(connection, receiver, now_ns)
    return moved


def drop_all(connection: sqlite3.Connection, receiver: str, now_ns: int) -> int:
    """Let nothing wait for a receiver any more, inside a step; how many messages were dropped, each with a receipt."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM outbox WHERE receiver = ?", (receiver,)).fetchall()  # noqa: S608
    for row in rows:
        note_receipt(connection, _message(row), DROPPED, now_ns)
    forget_failures(connection, receiver)
    forget_told_to(connection, receiver)
    return len(rows)


def waiting_bodies(connection: sqlite3.Connection, receiver: str) -> list[bytes]:
    """The bodies of the messages that wait for a receiver."""
    return [body for (body,) in connection.execute("SELECT body FROM outbox WHERE receiver = ?", (receiver,))]


def waiting_by_receiver(connection: sqlite3.Connection) -> dict[str, Waiting]:
    """What waits, by the receiver's name; nothing for one for which nothing waits."""
    return {
        receiver: Waiting(messages=messages, oldest_ns=oldest_ns, error=error or "")
        for receiver, messages, oldest_ns, error in connection.execute(_WAITING)
    }


def note_receipt(connection: sqlite3.Connection, message: WaitingMessage, status: str, now_ns: int) -> None:
    """Take a message out of the outbox, inside a step, and keep it with what became of it."""
    connection.execute(
        "INSERT INTO receipts (receiver, subject_id, event_id, type, body, created_ns, delivered_ns, status, attempts)"
        " SELECT receiver, subject_id, event_id, type, body, created_ns, ?, ?, attempts + 1 FROM outbox WHERE id = ?",
        (now_ns, status, message.id),
    )
    connection.execute("DELETE FROM outbox WHERE id = ?", (message.id,))


class Outbox:
    """The messages in a state directory's ``decisions.sqlite``, for the threads that deliver them.

    A message that was delivered right before a power failure may be given out once more.

    Raises
    ------
    RetryableError
        By every method: ``disk_full``, ``disk_error`` or ``state_busy``.
    FatalError
        By every method: ``state_damaged`` or ``state_unusable``.
    """

    def __init__(self, database: ControlRoomDatabase) -> None:
        self._database = database
        self._version: int | None = None
        with database.look() as connection:
            # What a power failure takes back is delivered again under the same id; decisions of people wait for a disk.
            connection.execute("PRAGMA synchronous=NORMAL")

    def add(self, messages: Iterable[OutboxMessage]) -> int:
        """Put messages at the ends of their lines, all or none; how many, without those that are known."""
        with self._database.step() as connection:
            return store_messages(connection, messages)

    def due(self, receiver: str, now_ns: int, limit: int) -> list[WaitingMessage]:
        """The messages to try now, oldest first; none that has to wait behind an earlier one of its line."""
        with self._database.look() as connection:
            rows = connection.execute(_DUE, {"receiver": receiver, "now_ns": now_ns, "limit": limit}).fetchall()
        return [_message(row) for row in rows]

    def least_tried(self, receiver: str, now_ns: int) -> list[WaitingMessage]:
        """Of the messages to try now that lead their lines the oldest of those that were tried least; none or one."""
        with self._database.look() as connection:
            rows = connection.execute(_LEAST_TRIED, {"receiver": receiver, "now_ns": now_ns}).fetchall()
        return [_message(row) for row in rows]

    def next_due_ns(self, receiver: str) -> int | None:
        """When the next message is to be tried (0: at once); None when none waits."""
        with self._database.look() as connection:
            [(next_ns,)] = connection.execute(_NEXT_DUE, (receiver, receiver))
        return None if next_ns is None else int(next_ns)

    def changed(self) -> bool:
        """Whether another connection has written since the last call; True of the first."""
        before, self._version = self._version, self._database.data_version()
        return before != self._version

    def failing(self) -> dict[str, FailingReceiver]:
        """The receivers that take nothing, by name; who was taken back by an operator is none of them any more."""
        with self._database.look() as connection:
            return failing_receivers(connection)

    def delivered(self, message: WaitingMessage, status: str, now_ns: int) -> None:
        """The receiver has it, and said so; it is not failing any more."""
        with self._database.step() as connection:
            note_receipt(connection, message, status, now_ns)
            forget_failures(connection, message.receiver)

    def refused(self, message: WaitingMessage, error: str, next_attempt_ns: int) -> None:
        """The receiver does not take this message; try again then."""
        with self._database.step() as connection:
            _postpone(connection, message, error, next_attempt_ns)

    def failed(self, message: WaitingMessage, error: str, next_attempt_ns: int, now_ns: int) -> int:
        """The receiver takes none; try again then. Since when it has been failing, ns since 1970."""
        with self._database.step() as connection:
            _postpone(connection, message, error, next_attempt_ns)
            return note_failure(connection, message.receiver, error, now_ns)

    def suspend(self, receiver: str, now_ns: int, *, gone: bool) -> None:
        """From now on the receiver is asked now and then only; one that is gone, never."""
        with self._database.step() as connection:
            note_suspension(connection, receiver, now_ns, gone=gone)

    def bring_forward(self, latest_ns: int) -> None:
        """Messages that were to be tried again after a time no pause reaches to are due at once: a clock was wrong."""
        with self._database.step() as connection:
            connection.execute("UPDATE outbox SET next_attempt_ns = 0 WHERE next_attempt_ns > ?", (latest_ns,))

    def waiting(self) -> dict[str, Waiting]:
        """What waits, by the receiver's name."""
        with self._database.look() as connection:
            return waiting_by_receiver(connection)

    def knows_what_goes_on(self) -> dict[str, int]:
        """Of how many alerts and incidents each receiver is to be told the end, by its name."""
        with self._database.look() as connection:
            return knows_what_goes_on(connection)

    def drop(self, receiver: str, before_ns: int, keep: int, now_ns: int) -> int:
        """Drop the oldest messages of a receiver that has more than ``keep``; how many, each with its receipt.

        Only those of subjects that are over since before ``before_ns`` and of which it has got nothing yet: all of one.
        """
        with self._database.step() as connection:
            [(waiting,)] = connection.execute("SELECT count(*) FROM outbox WHERE receiver = ?", (receiver,))
            if waiting <= keep:
                return 0
            chosen = {"receiver": receiver, "before_ns": before_ns, "surplus": waiting - keep}
            dropped = [_message(row) for row in connection.execute(_DROPPED, chosen).fetchall()]
            for message in dropped:
                note_receipt(connection, message, DROPPED, now_ns)
            forget_told_to(connection, receiver, {message.subject_id for message in dropped})
        return len(dropped)

    def forget_receipts(self, before_ns: int) -> None:
        """Remove receipts of before a time, and who was told of what was over by then."""
        with self._database.step() as connection:
            connection.execute("DELETE FROM receipts WHERE delivered_ns < ?", (before_ns,))
            forget_told_before(connection, before_ns)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()


def _message(row: tuple[Any, ...]) -> WaitingMessage:
    return WaitingMessage(**dict(zip(_COLUMNS.split(", "), row, strict=True)))


def _put(connection: sqlite3.Connection, message: OutboxMessage) -> int:
    return connection.execute(
        "INSERT OR IGNORE INTO outbox (receiver, subject_id, event_id, type, body, created_ns)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (message.receiver, message.subject_id, message.event_id, message.type, message.body, message.created_ns),
    ).rowcount


def _postpone(connection: sqlite3.Connection, message: WaitingMessage, error: str, next_attempt_ns: int) -> None:
    connection.execute(
        "UPDATE outbox SET attempts = attempts + 1, error = ?, next_attempt_ns = ? WHERE id = ?",
        (error, next_attempt_ns, message.id),
    )
