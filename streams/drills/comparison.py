"""What differs between two state directories that should say the same."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.alert_documents import alert_document
from connectors.state.reader import StateReader

_MOST_NAMED = 10


def differences(found: Path, expected: Path) -> list[str]:
    """Sentences about what differs in ledger, alerts, records and triplets; none when all is the same, bit for bit."""
    with StateReader.open(found) as one, StateReader.open(expected) as other:
        sentences = _ledger_differences(one.ledger(), other.ledger())
        if sentences:
            return sentences  # all else follows from it
        sentences = _alert_differences(_alerts(one), _alerts(other))
        for what in ("shots", "triplets"):
            sentences += _row_differences(what, _rows(one, what), _rows(other, what))
    return sentences[:_MOST_NAMED]


def _ledger_differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    sentences = []
    for part in ("files", "records"):
        for name in expected[part].keys() | found[part].keys():
            one, other = found[part].get(name, 0), expected[part].get(name, 0)
            if one != other:
                sentences.append(f"{part} {name}: {one} instead of {other}")
    if not found["balanced"]:
        sentences.append(f"the ledger does not balance: {found.get('unbalanced_files')}")
    return sorted(sentences)


def _alerts(reader: StateReader) -> dict[str, Any]:
    return {alert.id: alert_document(alert, links) for alert, links in reader.alerts()}


def _alert_differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    sentences = [f"alert {key} ({expected[key]['kind']}) is missing" for key in sorted(expected.keys() - found.keys())]
    sentences += [
        f"alert {key} ({found[key]['kind']}) is one too many" for key in sorted(found.keys() - expected.keys())
    ]
    for key in sorted(found.keys() & expected.keys()):
        if found[key] != expected[key]:
            names = [name for name in expected[key] if found[key].get(name) != expected[key][name]]
            pairs = [f"{name} {found[key].get(name)!r} instead of {expected[key][name]!r}" for name in names]
            sentences.append(f"alert {key}: {', '.join(pairs)}")
    return sentences


def _rows(reader: StateReader, what: str) -> pa.Table:
    with tempfile.TemporaryDirectory(prefix="petawatch-drill-") as folder:
        out = Path(folder) / f"{what}.parquet"
        reader.export(out, what=what)
        return pq.read_table(out)


def _row_differences(what: str, found: pa.Table, expected: pa.Table) -> list[str]:
    if len(found) != len(expected):
        return [f"{what}: {len(found)} rows instead of {len(expected)}"]
    sentences = []
    for name in expected.column_names:
        if found[name].equals(expected[name]):
            continue
        pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        differ = [row for row, (one, other) in enumerate(pairs) if one != other]
        if not differ:
            continue  # the same values in other chunks
        row = differ[0]
        sentences.append(
            f"{what} {name}: {len(differ)} rows differ, the first at {expected['event_time'][row]}:"
            f" {found[name][row]} instead of {expected[name][row]}"
        )
    return sentences
