"""Alerts as they stand, and the evidence that is linked to them."""

import json
import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from connectors.evidence_store import EvidenceLink
from models.alerts.alert import Alert, AlertEvent, AlertKind, AlertSource, AlertStatus, Severity
from models.alerts.explanation import Explanation
from models.devices import Stage

#: Of the table of alerts, in the order of ``alert_of_row``.
ALERT_COLUMNS = (
    "id, kind, severity, status, front_end, amp, arm, device, first_shot_ns, last_shot_ns, shots, score, reasons,"
    " model, source_file, source_sha256, source_path, explanation, cause, cause_probability,"
    " opened_ns"
)
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in ALERT_COLUMNS.split(", ")[1:])
_PLACES = ", ".join("?" for _ in ALERT_COLUMNS.split(", "))
_PAGE = 500
_WANTED = "AND (last_shot_ns >= ? OR status = ? OR id IN (SELECT value FROM json_each(?)))"


def store_alerts(connection: sqlite3.Connection, events: Iterable[AlertEvent]) -> None:
    """Write down how the alerts stand after some events."""
    connection.executemany(
        f"INSERT INTO alerts ({ALERT_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {_UPDATES}",
        [_row(event.alert) for event in events],
    )


def store_evidence(connection: sqlite3.Connection, links: Iterable[EvidenceLink]) -> None:
    """Link evidence; one of the same role replaces the earlier."""
    connection.executemany(
        "INSERT OR REPLACE INTO evidence (alert_id, role, event_time_ns, png, npz) VALUES (?, ?, ?, ?, ?)",
        [(link.alert_id, link.role, link.event_time_ns, link.png, link.npz) for link in links],
    )


def read_alerts(
    connection: sqlite3.Connection, since_ns: int | None = None, also: Collection[str] = ()
) -> Iterator[tuple[Alert, tuple[EvidenceLink, ...]]]:
    """Alerts by first shot, then id, with their evidence by event time, then role.

    They are read in pages, so that a slow reader holds no old state of the database.

    Parameters
    ----------
    since_ns
        Only those with a shot from then on, those that are open, and those of the ids in ``also``; None: all.
    """
    wanted = "" if since_ns is None else _WANTED
    asked = () if since_ns is None else (since_ns, AlertStatus.OPEN.value, json.dumps(sorted(also)))
    after: tuple[int, str] = (-(2**63), "")
    while True:
        rows = connection.execute(
            f"SELECT {ALERT_COLUMNS} FROM alerts WHERE (first_shot_ns, id) > (?, ?) {wanted}"  # noqa: S608
            f" ORDER BY first_shot_ns, id LIMIT {_PAGE}",
            (*after, *asked),
        ).fetchall()
        for row in rows:
            yield alert_of_row(row), find_evidence(connection, row[0])
        if len(rows) < _PAGE:
            return
        after = (rows[-1][8], rows[-1][0])


def find_alert(connection: sqlite3.Connection, alert_id: str) -> Alert | None:
    """The alert of this id as it stands; None when there is none."""
    row = connection.execute(f"SELECT {ALERT_COLUMNS} FROM alerts WHERE id = ?", (alert_id,)).fetchone()  # noqa: S608
    return None if row is None else alert_of_row(row)


def find_alerts(connection: sqlite3.Connection, where: str, values: Sequence[object] = ()) -> list[Alert]:
    """The alerts that a condition selects, as they stand, by first shot, then id."""
    query = f"SELECT {ALERT_COLUMNS} FROM alerts WHERE {where} ORDER BY first_shot_ns, id"  # noqa: S608
    return [alert_of_row(row) for row in connection.execute(query, values)]


def find_evidence(connection: sqlite3.Connection, alert_id: str) -> tuple[EvidenceLink, ...]:
    """The evidence of an alert by event time, then role."""
    rows = connection.execute(
        "SELECT role, event_time_ns, png, npz FROM evidence WHERE alert_id = ? ORDER BY event_time_ns, role",
        (alert_id,),
    )
    return tuple(
        EvidenceLink(alert_id=alert_id, role=role, event_time_ns=time_ns, png=png, npz=npz)
        for role, time_ns, png, npz in rows
    )


def _row(alert: Alert) -> tuple[str | int | float, ...]:
    return (
        alert.id,
        alert.kind,
        alert.severity,
        alert.status,
        alert.stage.front_end,
        alert.stage.amp,
        alert.stage.arm,
        alert.device,
        alert.first_shot_ns,
        alert.last_shot_ns,
        alert.shots,
        float(alert.score),
        json.dumps(list(alert.reasons)),
        alert.model,
        alert.source.file,
        alert.source.sha256,
        alert.source.path,
        alert.explanation.text,
        alert.explanation.cause,
        float(alert.explanation.cause_probability),
        alert.opened_ns,
    )


def alert_of_row(row: tuple[Any, ...]) -> Alert:
    """The alert that a row of ``ALERT_COLUMNS`` holds."""
    values = dict(zip(ALERT_COLUMNS.split(", "), row, strict=True))
    return Alert(
        id=values["id"],
        kind=AlertKind(values["kind"]),
        severity=Severity(values["severity"]),
        status=AlertStatus(values["status"]),
        stage=Stage(values["front_end"], values["amp"], values["arm"]),
        device=values["device"],
        first_shot_ns=int(values["first_shot_ns"]),
        last_shot_ns=int(values["last_shot_ns"]),
        shots=int(values["shots"]),
        score=math.nan if values["score"] is None else float(values["score"]),
        reasons=tuple(json.loads(values["reasons"])),
        model=values["model"],
        source=AlertSource(file=values["source_file"], sha256=values["source_sha256"], path=values["source_path"]),
        explanation=Explanation(
            text=values["explanation"], cause=values["cause"], cause_probability=values["cause_probability"]
        ),
        opened_ns=int(values["opened_ns"]),
    )
