"""Messages that earlier programs left in a watch's own database: taken over, each once."""

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from connectors.control_room.outbox import Outbox, OutboxMessage
from connectors.sqlite_file import transaction
from connectors.state.database import open_for_writing
from connectors.state.failures import clear_failures
from connectors.webhooks.message_body import message


def take_over(state: Path, outbox: Outbox, names: Mapping[str, str]) -> int:
    """Move what waits into the outbox of the control room; how many messages stay, for addresses that nobody has.

    A kill in between loses none, and what was taken over is not taken over again.

    Parameters
    ----------
    names
        The receivers' names by their addresses.

    Raises
    ------
    RetryableError
        ``disk_full``, ``disk_error`` or ``state_busy``: call it again.
    FatalError
        ``state_damaged`` or ``state_unusable``.
    """
    with clear_failures(state), closing(open_for_writing(state)) as connection:
        waiting = connection.execute(
            "SELECT id, url, alert_id, event_id, body, created_ns FROM outbox ORDER BY id"
        ).fetchall()
        taken = [(row, names[row[1]]) for row in waiting if row[1] in names]
        if taken:
            outbox.add([_message(name, *row[2:]) for row, name in taken])
            with transaction(connection, durable=True):
                connection.executemany("DELETE FROM outbox WHERE id = ?", [(row[0],) for row, _ in taken])
    return len(waiting) - len(taken)


def _message(receiver: str, alert_id: str, event_id: str, body: bytes, created_ns: int) -> OutboxMessage:
    """An earlier program's message as this one writes it: what it said is the data of the event."""
    data = json.loads(body)
    type_ = f"alert.{data['event']}"
    return OutboxMessage(
        receiver=receiver,
        subject_id=alert_id,
        event_id=event_id,
        type=type_,
        body=message(type_, data["sent_at"], data),
        created_ns=created_ns,
    )
