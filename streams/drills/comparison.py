"""What differs between two state directories that should say the same."""

from pathlib import Path
from typing import Any

from connectors.alert_documents import alert_document
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from streams.row_difference import table_difference

_MOST_NAMED = 10


def differences(found: Path, expected: Path) -> list[str]:
    """Sentences about what differs in ledger, alerts, records and triplets; none when all is the same, bit for bit."""
    with StateReader.open(found) as one, StateReader.open(expected) as other:
        sentences = _ledger_differences(one.ledger(), other.ledger())
        if sentences:
            return sentences  # all else follows from it
        sentences = _alert_differences(_alerts(one), _alerts(other))
        for what in Rows:
            difference = table_difference(what, one.exported(what), other.exported(what))
            sentences += [f"{what}: {difference}"] if difference else []
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
