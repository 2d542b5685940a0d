"""What a watch has left behind in its state directory, to compare one run with another."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.alert_documents import alert_document
from connectors.state.reader import StateReader


@dataclass(frozen=True, slots=True)
class WatchResults:
    """Everything that users see of a state directory."""

    ledger: dict[str, Any]
    alerts: list[dict[str, Any]]
    shots: pa.Table
    triplets: pa.Table

    @property
    def alert_ids(self) -> list[str]:
        return sorted(alert["id"] for alert in self.alerts)

    def alerts_of(self, kind: str) -> list[dict[str, Any]]:
        return [alert for alert in self.alerts if alert["kind"] == kind]

    def outcomes(self) -> dict[str, int]:
        """The rows of the export by outcome."""
        counts = self.shots["outcome"].value_counts().to_pylist()
        return {entry["values"]: entry["counts"] for entry in counts}

    def rows_of(self, **texts: str) -> list[dict[str, Any]]:
        """The exported records with these texts in their columns."""
        return [row for row in self.shots.to_pylist() if all(row[name] == text for name, text in texts.items())]


def read_results(state: Path) -> WatchResults:
    """Read a state directory with what the commands use."""
    shots, triplets = state.parent / f"{state.name}-shots.parquet", state.parent / f"{state.name}-triplets.parquet"
    with StateReader.open(state) as reader:
        reader.export(shots)
        reader.export(triplets, what="triplets")
        return WatchResults(
            ledger=reader.ledger(),
            alerts=[json.loads(json.dumps(alert_document(alert, links))) for alert, links in reader.alerts()],
            shots=pq.read_table(shots),
            triplets=pq.read_table(triplets),
        )


def assert_same_rows(found: pa.Table, expected: pa.Table, *, without: tuple[str, ...] = ()) -> None:
    """The same rows in the same order, bit for bit, and else the first one that differs."""
    found, expected = found.drop_columns(list(without)), expected.drop_columns(list(without))
    if found.equals(expected):
        return
    assert len(found) == len(expected), f"{len(found)} rows instead of {len(expected)}"
    for name in expected.column_names:
        pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        differ = [(row, one, other) for row, (one, other) in enumerate(pairs) if one != other]
        if differ:
            row, one, other = differ[0]
            keys = {key: str(expected[key][row].as_py()) for key in ("event_time", "amp", "arm")}
            raise AssertionError(f"{len(differ)} rows differ in {name}; row {row} {keys}: {one!r} instead of {other!r}")
    raise AssertionError("the schemas differ")


def assert_same_results(found: WatchResults, expected: WatchResults) -> None:
    """The same triplets, scores, alerts, evidence and ledger."""
    assert_same_rows(found.shots, expected.shots)
    assert_same_rows(found.triplets, expected.triplets)
    assert found.alerts == expected.alerts
    assert found.ledger == expected.ledger


def assert_tidy(state: Path) -> None:
    """No part lies about that is not listed, nothing half written, and every link leads to a file."""
    connection = sqlite3.connect(f"file:{state / 'petawatch.sqlite'}?mode=ro", uri=True)
    try:
        listed = {
            f"{what}/date={date}/hour={hour}/part-{id_}.parquet"
            for id_, what, date, hour in connection.execute("SELECT id, what, date, hour FROM parts")
        }
        evidence = {path for row in connection.execute("SELECT png, npz FROM evidence") for path in row}
    finally:
        connection.close()
    files = {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}
    assert {name for name in files if name.endswith(".parquet")} == listed
    assert {name for name in files if name.startswith("evidence/")} == evidence
    assert not [name for name in files if name.endswith((".tmp", ".part"))]


def commit_number(state: Path) -> int:
    """How many commits a running or dead watch has made; 0 before the first."""
    database = state / "petawatch.sqlite"
    if not database.exists():
        return 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
    try:
        row = connection.execute("SELECT value FROM meta WHERE name = 'sequence'").fetchone()
    except sqlite3.OperationalError:  # the tables are not there yet
        return 0
    finally:
        connection.close()
    return int(row[0]) if row else 0
