"""Alerts that are looked for by what they are, page by page."""

import sqlite3
from dataclasses import dataclass

from connectors.evidence_store import EvidenceLink
from connectors.state.alert_rows import ALERT_COLUMNS, alert_of_row, find_evidence
from models.alerts.alert import Alert, AlertKind, AlertStatus, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuestion:
    """Which alerts are wanted; what is None asks for nothing.

    Attributes
    ----------
    from_ns, to_ns
        Those with an odd shot from the one on, which began before the other.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    kind: AlertKind | None = None
    severity: Severity | None = None
    status: AlertStatus | None = None


def search_alerts(
    connection: sqlite3.Connection, question: AlertQuestion, *, after: tuple[int, str] | None, limit: int
) -> list[tuple[Alert, tuple[EvidenceLink, ...]]]:
    """Alerts by first shot, then id, each with its evidence.

    Parameters
    ----------
    after
        First shot and id of the last one of the page before; None: from the first one on.
    """
    rows = connection.execute(
        f"SELECT {ALERT_COLUMNS} FROM alerts WHERE (first_shot_ns, id) > (?1, ?2)"  # noqa: S608
        " AND (?3 IS NULL OR last_shot_ns >= ?3) AND (?4 IS NULL OR first_shot_ns < ?4)"
        " AND (?5 IS NULL OR kind = ?5) AND (?6 IS NULL OR severity = ?6) AND (?7 IS NULL OR status = ?7)"
        " ORDER BY first_shot_ns, id LIMIT ?8",
        (
            *(after or (-(2**63), "")),
            *(question.from_ns, question.to_ns, question.kind, question.severity, question.status, limit),
        ),
    ).fetchall()
    return [(alert_of_row(row), find_evidence(connection, row[0])) for row in rows]
