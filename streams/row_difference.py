"""Where the rows of two state directories differ that should be the same."""

import pyarrow as pa

from connectors.state.row_columns import Rows
from models.event_time import format_iso


def table_difference(what: Rows, found: pa.Table, expected: pa.Table) -> str:
    """What differs first between rows that ``StateReader.exported`` gave; empty when they are the same bit for bit."""
    if found.equals(expected):
        return ""
    first = format_iso((found if len(found) else expected)["event_time"][0].value)
    if len(found) != len(expected):
        return f"from {first} on {len(found)} {what} instead of {len(expected)}"
    for name in expected.column_names:
        pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        row = next((row for row, (one, other) in enumerate(pairs) if one != other), None)
        if row is not None:
            time = format_iso(expected["event_time"][row].value)
            return f"{name} at {time} is {found[name][row]} instead of {expected[name][row]}"
    return f"from {first} on"
