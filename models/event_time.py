"""Event times: when a shot was taken, as integer nanoseconds since 1970 in UTC.

Floats would lose the millisecond after 2005 years' worth of seconds are squeezed into 53 bits together with
sub-microseconds, and a naive ``datetime`` hides its zone; an ``int`` does neither.
"""

import re
from datetime import UTC, datetime, timedelta

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Times lie from the one on and before the other: 64 bits of nanoseconds hold them, with room for sums.
EARLIEST_NS, LATEST_NS = -8_520_336_000 * SECOND_NS, 7_258_118_400 * SECOND_NS

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?")


def format_iso(event_time_ns: int) -> str:
    """ISO 8601 in UTC to the millisecond (truncated), for example ``2022-07-01T09:34:00.100Z``."""
    seconds, rest_ns = divmod(int(event_time_ns), SECOND_NS)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // MILLISECOND_NS:03d}Z"


def iso_or_none(time_ns: int | None) -> str | None:
    """As ``format_iso``; None for none."""
    return None if time_ns is None else format_iso(time_ns)


def parse_iso(text: str) -> int:
    """Nanoseconds since 1970 for an ISO 8601 date or date and time; without a zone it is UTC.

    Raises
    ------
    ValueError
        With one sentence when the text is no such time, or none between 1700 and 2200.
    """
    if not _ISO.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no ISO 8601 time; write for example 2022-07-01T09:34:00.100Z")
    moment = datetime.fromisoformat(text.strip().replace(",", "."))
    time_ns = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if not EARLIEST_NS <= time_ns < LATEST_NS:
        raise ValueError(f"{text!r} is no time between 1700 and 2200")
    return time_ns


def from_datetime(moment: datetime) -> int:
    """Exact nanoseconds since 1970 of an aware ``datetime``."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * MICROSECOND_NS
