"""An outbox on disk, with what tests put in and look at."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.control_room.database import ControlRoomDatabase, reading
from connectors.control_room.outbox import Outbox, OutboxMessage, WaitingMessage, store_messages
from connectors.control_room.receipts import Receipt, ReceiptReader, StandingOfReceivers
from connectors.control_room.receivers import FailingReceiver, Suspension
from connectors.control_room.told_subjects import who_knows


def outbox_message(
    receiver: str = "a", subject: str = "1", event: str = "opened", created_ns: int = 7
) -> OutboxMessage:
    """A message about an alert."""
    return OutboxMessage(
        receiver=receiver,
        subject_id=subject,
        event_id=f"{subject}-{event}",
        type=f"alert.{event}",
        body=f'{{"type": "alert.{event}", "data": {{"id": "{subject}"}}}}'.encode(),
        created_ns=created_ns,
    )


class CountingOutbox(Outbox):
    """Counts the sender's rounds: in each it asks once who is failing, before it looks at the clock."""

    rounds = 0

    def failing(self) -> dict[str, FailingReceiver]:
        self.rounds += 1
        return super().failing()


class KeptOutbox:
    """The outbox of a state directory, and a second connection by which tests write as another process does."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.state = state
        self.outbox = CountingOutbox(ControlRoomDatabase.open(state))
        self.database = ControlRoomDatabase.open(state)

    def put(self, receiver: str, subject: str, event: str = "opened", created_ns: int = 7) -> None:
        self.store(outbox_message(receiver, subject, event, created_ns))

    def store(self, *messages: OutboxMessage) -> int:
        with self.database.step() as connection:
            return store_messages(connection, messages)

    def waiting(self) -> dict[str, WaitingMessage]:
        """What waits, by receiver and event."""
        with reading(self.state) as connection:
            rows = connection.execute(
                "SELECT receiver, subject_id, event_id, type, body, created_ns, id, attempts FROM outbox ORDER BY id"
            ).fetchall()
        names = ("receiver", "subject_id", "event_id", "type", "body", "created_ns", "id", "attempts")
        found = [WaitingMessage(**dict(zip(names, row, strict=True))) for row in rows]
        return {f"{message.receiver}:{message.event_id}": message for message in found}

    def error(self, event: str) -> tuple[str, int]:
        """What a waiting message's receiver said, and when it is tried again."""
        with reading(self.state) as connection:
            [(error, next_ns)] = connection.execute(
                "SELECT error, next_attempt_ns FROM outbox WHERE event_id = ?", (event,)
            )
        return error, next_ns

    def receipts(self) -> list[Receipt]:
        with reading(self.state) as connection:
            subjects = [row[0] for row in connection.execute("SELECT DISTINCT subject_id FROM receipts")]
        return ReceiptReader(self.state).of_subjects(subjects)

    def told(self) -> list[str]:
        """What was delivered, in order."""
        return [f"{receipt.receiver}:{receipt.event_id}" for receipt in self.receipts()]

    def standing(self) -> StandingOfReceivers:
        return ReceiptReader(self.state).standing()

    def who_knows(self, subject: str) -> dict[str, bool]:
        with reading(self.state) as connection:
            return who_knows(connection, subject)

    def suspensions(self) -> dict[str, Suspension]:
        """The receivers that are suspended."""
        failing = self.standing().failing
        return {name: one.suspension for name, one in failing.items() if one.suspension is not None}

    def close(self) -> None:
        self.outbox.close()
        self.database.close()


@contextmanager
def kept_outbox(state: Path) -> Iterator[KeptOutbox]:
    """Open one; closed afterwards."""
    kept = KeptOutbox(state)
    try:
        yield kept
    finally:
        kept.close()
