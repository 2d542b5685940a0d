"""What operators do about receivers: try them, tell them again, take them back."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from connectors.clock import Clock
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import ControlRoomDatabase
from connectors.control_room.outbox import drop_all, hand_over, put_again, waiting_bodies
from connectors.control_room.receipts import told_of, told_to
from connectors.control_room.receivers import resume
from connectors.control_room.told_subjects import knows_what_goes_on
from connectors.webhooks.message_body import message
from connectors.webhooks.settings import MessengerSettings, ReceiverSettings
from models.errors import FatalError, RecordError
from models.event_time import MILLISECOND_NS, format_iso
from streams.settings import Settings
from streams.telling.receivers import all_told, open_channel

_TEST_TYPE = "webhook.test"


def try_receivers(settings: Settings, name: str, clock: Clock) -> Iterator[tuple[str, str]]:
    """Send a test event to a receiver or messenger, or to all; each name with what went wrong, or nothing.

    Raises
    ------
    RecordError
        ``unknown_receiver``.
    """
    now_ns = clock.now_ns()
    event_id = f"test-{now_ns // MILLISECOND_NS}"
    for one in _named(settings, name):
        try:
            error = open_channel(one, settings, clock).send(event_id, _test_body(one, event_id, now_ns)).error
        except FatalError as failure:  # its secrets can't be read: others are tried all the same
            error = str(failure)
        yield one.name, error


def look_up(settings: Settings, name: str) -> None:
    """See that the settings name a receiver or messenger.

    Raises
    ------
    RecordError
        ``unknown_receiver``.
    """
    _named(settings, name)


def tell_again(state: Path, *, beginning: str = "", receiver: str = "", from_ns: int = 0, by: str, clock: Clock) -> int:
    """Put messages that were delivered into the outbox again, under their ids; how many.

    Parameters
    ----------
    beginning
        How the id of an alert or incident begins: all about it; or
    receiver, from_ns
        all to this receiver that were written from a time on.

    Raises
    ------
    RecordError
        ``nothing_to_tell``: there is no receipt of such a message; ``ambiguous_alert``.
    """
    with closing(ControlRoomDatabase.open(state)) as database, database.step() as connection:
        found = told_to(connection, receiver, from_ns) if receiver else told_of(connection, beginning)
        subjects = sorted({each.subject_id for each in found})
        if not found:
            what = f"to {receiver} since {format_iso(from_ns)}" if receiver else f"about {beginning}"
            raise RecordError(
                f"no receipt of a message {what} is kept in {state}, so that nothing can be told again; "
                "petawatch webhooks list shows what waits",
                reason="nothing_to_tell",
            )
        if not receiver and len(subjects) > 1:
            raise RecordError(
                f"{beginning!r} begins the ids {', '.join(subjects[:4])}{' and more' if len(subjects) > 4 else ''}; "
                "write more of it",
                reason="ambiguous_alert",
            )
        now_ns = clock.now_ns()
        count = put_again(connection, found, now_ns)
        add_entry(
            connection,
            at_ns=now_ns,
            who=by,
            action="tell_again",
            subject=receiver or subjects[0],
            details={"messages": count},
        )
    return count


def take_back(state: Path, settings: Settings, name: str, *, by: str, clock: Clock) -> bool:
    """Let all that waits for a receiver be tried at once; whether it was suspended.

    Raises
    ------
    RecordError
        ``unknown_receiver``.
    """
    _named(settings, name)
    with closing(ControlRoomDatabase.open(state)) as database, database.step() as connection:
        suspended = resume(connection, name)
        add_entry(connection, at_ns=clock.now_ns(), who=by, action="resume_receiver", subject=name)
    return suspended


def move_messages(state: Path, settings: Settings, name: str, to: str, *, by: str, clock: Clock) -> int:
    """Hand what waits for a receiver that the settings do not name to another one; how many messages.

    Of what the first one was told of, the other one is told the end.

    Raises
    ------
    RecordError
        ``unknown_receiver``: the other one; ``receiver_configured``; ``nothing_to_tell``; ``other_form``: texts for a
        messenger are no messages for a webhook, nor the other way round.
    """
    [other] = _named(settings, to)
    with closing(ControlRoomDatabase.open(state)) as database, database.step() as connection:
        forms = {"text" in json.loads(body) for body in _left(connection, settings, name)}
        if forms - {isinstance(other, MessengerSettings)}:
            raise RecordError(
                f"what waits for {name} can't be handed to {to}: messengers get texts and webhooks get documents; "
                f"choose one of its form, or petawatch webhooks drop {name}",
                reason="other_form",
            )
        now_ns = clock.now_ns()
        count = hand_over(connection, name, to, now_ns)
        details = {"messages": count, "to": to}
        add_entry(connection, at_ns=now_ns, who=by, action="move_messages", subject=name, details=details)
    return count


def drop_messages(state: Path, settings: Settings, name: str, *, by: str, clock: Clock) -> int:
    """End what waits for a receiver that the settings do not name, and what it would be told once it is named again.

    Returns
    -------
    int
        How many messages waited.

    Raises
    ------
    RecordError
        ``receiver_configured`` or ``nothing_to_tell``.
    """
    with closing(ControlRoomDatabase.open(state)) as database, database.step() as connection:
        _left(connection, settings, name)
        now_ns = clock.now_ns()
        count = drop_all(connection, name, now_ns)
        add_entry(connection, at_ns=now_ns, who=by, action="drop_messages", subject=name, details={"messages": count})
    return count


def _left(connection: sqlite3.Connection, settings: Settings, name: str) -> list[bytes]:
    """The bodies that wait for a receiver which the settings do not name."""
    if any(one.name == name for one in all_told(settings)):
        raise RecordError(
            f"the settings name the receiver {name}, so what waits for it goes there; take it out of them first",
            reason="receiver_configured",
        )
    bodies = waiting_bodies(connection, name)
    if not bodies and name not in knows_what_goes_on(connection):
        raise RecordError(
            f"nothing waits for {name}, and it knows of nothing that goes on; petawatch webhooks list shows who is "
            "waited for",
            reason="nothing_to_tell",
        )
    return bodies


def _named(settings: Settings, name: str) -> Iterable[ReceiverSettings | MessengerSettings]:
    told = all_told(settings)
    if not told:
        raise RecordError(
            "the settings name no receiver; add webhook_urls, [[receivers]] or [[messengers]] and give --config",
            reason="unknown_receiver",
        )
    chosen = [one for one in told if name in {"", one.name}]
    if not chosen:
        raise RecordError(
            f"the settings name no receiver {name!r}, but {', '.join(one.name for one in told)}",
            reason="unknown_receiver",
        )
    return chosen


def _test_body(one: ReceiverSettings | MessengerSettings, event_id: str, now_ns: int) -> bytes:
    if isinstance(one, MessengerSettings):
        text = {"title": "[test] Petawatch", "text": f"A test, sent {format_iso(now_ns)}.", "level": "low"}
        return json.dumps(text).encode()
    now = format_iso(now_ns)
    return message(_TEST_TYPE, now, {"event": "test", "event_id": event_id, "sent_at": now})
