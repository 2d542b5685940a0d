"""Who was told of which alert or incident, as long as that matters: until its end was told, and 30 days beyond."""

import sqlite3
from collections.abc import Iterable

from connectors.control_room.alarm_rows import find_activations
from connectors.control_room.incident_rows import find_incidents
from models.alarms.alarm import Activation
from models.alarms.incident import Incident
from models.alarms.life_cycle import COVERED
from models.devices import Stage

#: Of a row of ``told``: what it is about is over.
IS_OVER = """(EXISTS (SELECT 1 FROM activations WHERE alert_id = told.subject_id AND NOT open)
    OR EXISTS (SELECT 1 FROM incidents WHERE incidents.id = told.subject_id AND state = 'closed'))"""

# Of two that have become one receiver both may know of it: what goes on for one of them goes on. But who was told that
# something is over is not told so again, whatever the other one missed.
_HAND_OVER = f"""INSERT INTO told (receiver, subject_id, goes_on, at_ns)
    SELECT ?, subject_id, goes_on, at_ns FROM told WHERE receiver = ?
    ON CONFLICT (receiver, subject_id) DO UPDATE SET goes_on = 1 WHERE excluded.goes_on AND NOT {IS_OVER}"""  # noqa: S608
_OWED = f"""SELECT receiver, subject_id FROM told WHERE goes_on AND {IS_OVER}
    ORDER BY receiver, subject_id"""  # noqa: S608 - of words of our own
# Of what goes on, and what the receivers got of it.
_NOT_NOTED = """WITH going_on AS (SELECT alert_id AS id FROM activations WHERE open
        UNION ALL SELECT id FROM incidents WHERE state = 'open')
    INSERT OR IGNORE INTO told (receiver, subject_id, goes_on, at_ns)
    SELECT receiver, subject_id, 1, max(created_ns)
    FROM (SELECT receiver, subject_id, type, created_ns FROM outbox WHERE subject_id IN (SELECT id FROM going_on)
        UNION ALL SELECT receiver, subject_id, type, created_ns FROM receipts
        WHERE subject_id IN (SELECT id FROM going_on) AND status <> 'dropped')
    WHERE receiver = ? AND type <> 'incident.acknowledged' GROUP BY subject_id"""

# Announced alerts that are open, and of which no cover lets people be spared now.
_ACTIVE = """open AND announced_ns IS NOT NULL
    AND alarm_id IN (SELECT id FROM alarms WHERE state NOT IN (?, ?, ?))"""


def who_knows(connection: sqlite3.Connection, subject_id: str) -> dict[str, bool]:
    """The receivers that were told of an alert or incident, by name; True: and not that it is over."""
    rows = connection.execute("SELECT receiver, goes_on FROM told WHERE subject_id = ?", (subject_id,))
    return {receiver: bool(goes_on) for receiver, goes_on in rows}


def told_stages(connection: sqlite3.Connection, incident_id: str) -> dict[Stage, int]:
    """The stages of which something was announced in an incident, each with the first odd shot that was."""
    rows = connection.execute(
        "SELECT front_end, amp, arm, min(first_shot_ns) FROM activations"
        " WHERE incident_id = ? AND announced_ns IS NOT NULL AND amp <> '' GROUP BY front_end, amp, arm",
        (incident_id,),
    )
    return {Stage(front_end, amp, arm): first_ns for front_end, amp, arm, first_ns in rows}


def note_told(connection: sqlite3.Connection, receiver: str, subject_id: str, *, goes_on: bool, now_ns: int) -> None:
    """A receiver is told of an alert or incident, inside a step; not ``goes_on``: that it is over."""
    connection.execute(
        "INSERT OR REPLACE INTO told (receiver, subject_id, goes_on, at_ns) VALUES (?, ?, ?, ?)",
        (receiver, subject_id, goes_on, now_ns),
    )


def note_what_was_not_noted(connection: sqlite3.Connection, receivers: Iterable[str]) -> None:
    """Note what these receivers got of what goes on, inside a step.

    A program of before, which knew no such notes, may have gone on after a newer one brought the file to its format.
    """
    for receiver in sorted(receivers):
        connection.execute(_NOT_NOTED, (receiver,))


def going_on_without_notes(connection: sqlite3.Connection, before_ns: int) -> tuple[list[Activation], list[Incident]]:
    """The alerts and incidents that go on, were announced last before a time, and of which nobody is known to know."""
    where = "announced_ns < ? AND NOT EXISTS (SELECT 1 FROM told WHERE subject_id ="
    return (
        list(find_activations(connection, f"open AND {where} alert_id)", (before_ns,))),
        list(find_incidents(connection, f"state = 'open' AND {where} incidents.id)", (before_ns,))),
    )


def what_goes_on(connection: sqlite3.Connection) -> tuple[list[Activation], list[Incident]]:
    """The alerts that are open, were announced and are not covered now, and the incidents that they belong to."""
    return (
        list(find_activations(connection, _ACTIVE, COVERED)),
        list(find_incidents(connection, f"id IN (SELECT incident_id FROM activations WHERE {_ACTIVE})", COVERED)),  # noqa: S608
    )


def owed_ends(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Receivers that were told of something that is over by now, and not of its end; each with the id of it."""
    return connection.execute(_OWED).fetchall()


def knows_what_goes_on(connection: sqlite3.Connection) -> dict[str, int]:
    """Of how many alerts and incidents each receiver was told the beginning and not the end, by its name."""
    return dict(connection.execute("SELECT receiver, count(*) FROM told WHERE goes_on GROUP BY receiver"))


def hand_over_knowledge(connection: sqlite3.Connection, receiver: str, to: str) -> None:
    """What one receiver was told of counts as told to another one, inside a step."""
    connection.execute(_HAND_OVER, (to, receiver))
    forget_told_to(connection, receiver)


def forget_told_to(connection: sqlite3.Connection, receiver: str, subject_ids: Iterable[str] | None = None) -> None:
    """A receiver counts as not told of these, or of anything, inside a step."""
    if subject_ids is None:
        connection.execute("DELETE FROM told WHERE receiver = ?", (receiver,))
    else:
        rows = [(receiver, subject_id) for subject_id in subject_ids]
        connection.executemany("DELETE FROM told WHERE receiver = ? AND subject_id = ?", rows)


def forget_told_before(connection: sqlite3.Connection, before_ns: int) -> None:
    """Forget what was told to its end before a time, inside a step."""
    connection.execute("DELETE FROM told WHERE NOT goes_on AND at_ns < ?", (before_ns,))
