"""What differs between two state directories in a stretch of event time that both have decided."""

from dataclasses import replace

from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from models.alerts.alert import Alert, AlertKind, AlertStatus
from models.event_time import MINUTE_NS
from streams.row_difference import table_difference

# They say how an installation runs, by its clock; all others follow from the records.
_BY_CLOCK = frozenset(
    {
        *(AlertKind.SNAPSHOT_MISSING, AlertKind.SNAPSHOT_REJECTED, AlertKind.PIPELINE_LAG, AlertKind.CONNECTOR_BEHIND),
        *(AlertKind.TAPE_TROUBLE, AlertKind.TAPE_WANTED, AlertKind.ARCHIVE_LATE),
        *(AlertKind.RECEIVER_FAILING, AlertKind.DATA_STOPPED),
    }
)
_MOST_NAMED = 5


def stretch_differences(found: StateReader, expected: StateReader, from_ns: int, to_ns: int) -> list[str]:
    """Sentences about records, triplets and episodes that are not the same bit for bit; none when all are.

    Parameters
    ----------
    found, expected
        The second may be ahead of the first.
    """
    sentences = []
    for what in Rows:
        first, minutes = "", 0
        for minute_ns in range(from_ns, to_ns, MINUTE_NS):
            # Minute by minute: an hour of a facility does not fit into the memory.
            rows = [each.exported(what, minute_ns, min(minute_ns + MINUTE_NS, to_ns)) for each in (found, expected)]
            difference = table_difference(what, *rows)
            if difference:
                first = first or difference
                minutes += 1
        if minutes:
            sentences.append(f"{what} differ in {minutes} minutes; {first}")
    return sentences + _alert_differences(found, expected, from_ns, to_ns)[:_MOST_NAMED]


def _alert_differences(found: StateReader, expected: StateReader, from_ns: int, to_ns: int) -> list[str]:
    sentences = []
    ours, theirs = _closed(found, from_ns, to_ns), _closed(expected, from_ns, to_ns)
    for id_ in sorted(ours.keys() | theirs.keys()):
        one, other = found.alert(id_), expected.alert(id_)
        kind = (one or other or theirs[id_]).kind
        if one is None or other is None:
            sentences.append(f"episode {id_} ({kind}) is {'missing' if one is None else 'one too many'}")
        # Where the records end it may still be open.
        elif other not in {one, replace(one, status=AlertStatus.CLOSED)}:
            sentences.append(f"episode {id_} ({kind}) is another one")
    return sentences


def _closed(reader: StateReader, from_ns: int, to_ns: int) -> dict[str, Alert]:
    """The episodes that ended in a stretch."""
    return {
        alert.id: alert
        for alert, _ in reader.alerts(from_ns)
        if alert.status is AlertStatus.CLOSED and from_ns <= alert.last_shot_ns < to_ns and alert.kind not in _BY_CLOCK
    }
