"""Alarms and the alerts that activate them, as rows."""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from connectors.wire.alerts import alert_values, read_alert
from connectors.wire.document import Document
from models.alarms.alarm import Activation, Alarm
from models.alarms.life_cycle import AlarmLife
from models.alarms.priority import Priority
from models.alerts.alert import Alert, AlertKind
from models.devices import Stage

_ALARM = (
    "id, kind, subject, front_end, amp, arm, device, priority, life, latest_alert_id, acknowledged_ns, acknowledged_by,"
    " covered_by, covered_why"
)
_ACTIVATION = "alert, alarm_id, incident_id, known_ns, file_closed_ns, announced_ns, acknowledged_ns, acknowledged_by"

#: Of alarms: front end, amplifier and arm.
OF_STAGE = "front_end = ? AND amp = ? AND arm = ?"
_UNSEEN = "announced_ns IS NOT NULL AND acknowledged_ns IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeantAlerts:
    """Alerts that somebody means; what is empty or None restricts nothing.

    Attributes
    ----------
    seen_ns
        Only what was announced up to then.
    """

    alarm_id: str = ""
    incident_id: str = ""
    alert_id: str = ""
    seen_ns: int | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Which rows they are, with the values."""
        asked = {
            "alarm_id = ?": self.alarm_id or None,
            "incident_id = ?": self.incident_id or None,
            "alert_id = ?": self.alert_id or None,
            "announced_ns <= ?": self.seen_ns,
        }
        found = {text: value for text, value in asked.items() if value is not None}
        return " AND ".join(found) or "TRUE", list(found.values())


def alert_text(alert: Alert) -> str:
    """An alert as it is stored: JSON that SQLite reads, too, which knows no NaN."""
    values = alert_values(alert)
    return json.dumps(values if math.isfinite(alert.score) else values | {"score": None}, allow_nan=False)


def alert_of_text(text: str) -> Alert:
    """What ``alert_text`` wrote."""
    values = json.loads(text)
    return read_alert(Document(values if values["score"] is not None else values | {"score": math.nan}))


def store_alarm(connection: sqlite3.Connection, alarm: Alarm, due_ns: int | None) -> None:
    """Write down how an alarm stands, and when something happens to it by itself."""
    connection.execute(
        f"INSERT OR REPLACE INTO alarms ({_ALARM}, state, due_ns)"  # noqa: S608
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(alarm.id, alarm.kind, alarm.subject, alarm.stage.front_end, alarm.stage.amp, alarm.stage.arm),
            *(alarm.device, alarm.priority, json.dumps(asdict(alarm.life)), alarm.latest_alert_id),
            *(alarm.acknowledged_ns, alarm.acknowledged_by, alarm.covered_by, alarm.covered_why),
            *(alarm.state, due_ns),
        ),
    )


def find_alarm(connection: sqlite3.Connection, alarm_id: str) -> Alarm | None:
    """The alarm of this id; None when there is none."""
    return next(find_alarms(connection, "id = ?", (alarm_id,)), None)


def find_alarms(connection: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> Iterator[Alarm]:
    """The alarms that a condition selects, by their ids."""
    rows = connection.execute(f"SELECT {_ALARM} FROM alarms WHERE {where} ORDER BY id", values)  # noqa: S608
    return map(_alarm, rows.fetchall())


def alarms_of_stage(connection: sqlite3.Connection, stage: Stage) -> list[Alarm]:
    """All alarms of a stage, by their ids."""
    return list(find_alarms(connection, OF_STAGE, (stage.front_end, stage.amp, stage.arm)))


def alarms_due(connection: sqlite3.Connection, now_ns: int) -> list[Alarm]:
    """Those to which something happens by itself by now, by their ids."""
    return list(find_alarms(connection, "due_ns <= ?", (now_ns,)))


def alarms_ahead(connection: sqlite3.Connection, at_ns: int) -> list[Alarm]:
    """Those to which something will happen by itself and that were stepped after this time, by their ids."""
    return list(find_alarms(connection, "due_ns IS NOT NULL AND json_extract(life, '$.now_ns') > ?", (at_ns,)))


def unseen_alarms(connection: sqlite3.Connection, meant: MeantAlerts) -> list[Alarm]:
    """Those with an alert that is meant, was announced, and that nobody has acknowledged, by their ids."""
    where, values = meant.condition()
    query = f"id IN (SELECT alarm_id FROM activations WHERE {where} AND {_UNSEEN})"  # noqa: S608
    return list(find_alarms(connection, query, values))


def unseen_alarms_of(connection: sqlite3.Connection, incident_ids: Iterable[str]) -> dict[str, list[Alarm]]:
    """Of each incident the alarms of which it has something that was announced and that nobody has acknowledged."""
    rows = connection.execute(
        "SELECT DISTINCT incident_id, alarm_id FROM activations"  # noqa: S608
        f" WHERE incident_id IN (SELECT value FROM json_each(?)) AND {_UNSEEN} ORDER BY incident_id, alarm_id",
        (json.dumps(sorted(incident_ids)),),
    ).fetchall()
    ids = json.dumps(sorted({alarm_id for _, alarm_id in rows}))
    alarms = {alarm.id: alarm for alarm in find_alarms(connection, "id IN (SELECT value FROM json_each(?))", (ids,))}
    found: dict[str, list[Alarm]] = {}
    for incident_id, alarm_id in rows:
        found.setdefault(incident_id, []).append(alarms[alarm_id])
    return found


def store_activation(connection: sqlite3.Connection, activation: Activation, scope: str) -> None:
    """Write down how an alert stands."""
    alert = activation.alert
    connection.execute(
        f"INSERT OR REPLACE INTO activations ({_ACTIVATION}, alert_id, scope, open, front_end, amp, arm,"  # noqa: S608
        " first_shot_ns, last_shot_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(alert_text(alert), activation.alarm_id, activation.incident_id, activation.known_ns),
            *(activation.file_closed_ns, activation.announced_ns),
            *(activation.acknowledged_ns, activation.acknowledged_by),
            *(alert.id, scope, activation.is_open, alert.stage.front_end, alert.stage.amp, alert.stage.arm),
            *(alert.first_shot_ns, alert.last_shot_ns),
        ),
    )


def find_activation(connection: sqlite3.Connection, alert_id: str) -> Activation | None:
    """That of an alert; None when there is none."""
    return next(find_activations(connection, "alert_id = ?", (alert_id,)), None)


def find_activations(
    connection: sqlite3.Connection, where: str, values: Sequence[object] = (), *, limit: int = -1
) -> Iterator[Activation]:
    """Those that a condition selects, by first shot, then id."""
    rows = connection.execute(
        f"SELECT {_ACTIVATION} FROM activations WHERE {where} ORDER BY first_shot_ns, alert_id LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return map(_activation, rows.fetchall())


def open_activations(connection: sqlite3.Connection, alarm_id: str) -> list[Activation]:
    """The alerts of an alarm that are open, by first shot, then id."""
    return list(find_activations(connection, "alarm_id = ? AND open", (alarm_id,)))


def untold_activations(connection: sqlite3.Connection, alarm_id: str) -> list[Activation]:
    """The open alerts of an alarm that were never announced, by first shot, then id."""
    return list(find_activations(connection, "alarm_id = ? AND open AND announced_ns IS NULL", (alarm_id,)))


def missed_activations(connection: sqlite3.Connection, alarm_id: str, since_ns: int) -> list[Activation]:
    """The alerts of an alarm that were never announced, are over, and were odd at this event time or later."""
    where = "alarm_id = ? AND NOT open AND announced_ns IS NULL AND last_shot_ns >= ?"
    return list(find_activations(connection, where, (alarm_id, since_ns)))


def has_open_alert(connection: sqlite3.Connection, alarm_id: str) -> bool:
    """Whether an alert of an alarm is open."""
    query = "SELECT 1 FROM activations WHERE alarm_id = ? AND open LIMIT 1"
    return connection.execute(query, (alarm_id,)).fetchone() is not None


def told_activations(connection: sqlite3.Connection, alarm_id: str, incident_id: str) -> list[Activation]:
    """The alerts of an alarm in an incident that were announced, by first shot, then id."""
    where = "incident_id = ? AND alarm_id = ? AND announced_ns IS NOT NULL"
    return list(find_activations(connection, where, (incident_id, alarm_id)))


def acknowledge_activations(connection: sqlite3.Connection, meant: MeantAlerts, *, at_ns: int, by: str) -> set[str]:
    """Somebody has seen what was announced of these; the ids of the incidents that this changes."""
    where, values = meant.condition()
    rows = connection.execute(
        "UPDATE activations SET acknowledged_ns = ?, acknowledged_by = ?"  # noqa: S608
        f" WHERE {where} AND {_UNSEEN} RETURNING incident_id",
        (at_ns, by, *values),
    )
    return {incident_id for (incident_id,) in rows.fetchall()}


def has_unseen(connection: sqlite3.Connection, meant: MeantAlerts) -> bool:
    """Whether something of these was announced that nobody has acknowledged."""
    where, values = meant.condition()
    query = f"SELECT 1 FROM activations WHERE {where} AND {_UNSEEN} LIMIT 1"  # noqa: S608
    return connection.execute(query, values).fetchone() is not None


def latest_acknowledgement(connection: sqlite3.Connection, meant: MeantAlerts) -> tuple[int, str] | None:
    """When one of these was acknowledged last, and by whom; None when none is."""
    where, values = meant.condition()
    row = connection.execute(
        f"SELECT acknowledged_ns, acknowledged_by FROM activations WHERE {where}"  # noqa: S608
        " AND acknowledged_ns IS NOT NULL ORDER BY acknowledged_ns DESC LIMIT 1",
        values,
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def latest_announcements(connection: sqlite3.Connection, incident_ids: Iterable[str]) -> dict[str, int]:
    """When something of each incident was announced last; without those of which nothing was."""
    rows = connection.execute(
        "SELECT incident_id, max(announced_ns) FROM activations"
        " WHERE incident_id IN (SELECT value FROM json_each(?)) AND announced_ns IS NOT NULL GROUP BY incident_id",
        (json.dumps(sorted(incident_ids)),),
    )
    return dict(rows.fetchall())


def open_alert_ids(connection: sqlite3.Connection) -> set[str]:
    """The ids of all alerts that are open, as far as is known here."""
    return {alert_id for (alert_id,) in connection.execute("SELECT alert_id FROM activations WHERE open")}


def _alarm(row: tuple[Any, ...]) -> Alarm:
    values = dict(zip(_ALARM.split(", "), row, strict=True))
    life = json.loads(values["life"])
    return Alarm(
        id=values["id"],
        kind=AlertKind(values["kind"]),
        subject=values["subject"],
        stage=Stage(values["front_end"], values["amp"], values["arm"]),
        device=values["device"],
        priority=Priority(values["priority"]),
        life=AlarmLife(**{**life, "suppressed_by": tuple(life["suppressed_by"])}),
        latest_alert_id=values["latest_alert_id"],
        acknowledged_ns=values["acknowledged_ns"],
        acknowledged_by=values["acknowledged_by"],
        covered_by=values["covered_by"],
        covered_why=values["covered_why"],
    )


def _activation(row: tuple[Any, ...]) -> Activation:
    values = dict(zip(_ACTIVATION.split(", "), row, strict=True))
    values["alert"] = alert_of_text(values["alert"])
    return Activation(**values)
