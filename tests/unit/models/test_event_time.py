"""Times as people write them."""

import pytest

from models.event_time import EARLIEST_NS, LATEST_NS, MICROSECOND_NS, format_iso, parse_iso


def test_times_are_read_between_1700_and_2200() -> None:
    assert parse_iso("1700-01-01") == EARLIEST_NS
    assert parse_iso("2199-12-31T23:59:59.999999") == LATEST_NS - MICROSECOND_NS
    assert (format_iso(EARLIEST_NS)[:10], format_iso(LATEST_NS)[:10]) == ("1700-01-01", "2200-01-01")


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00+14:00", "1699-12-31T23:59:59", "2200-01-01", "9999-12-31T23:59-14:00"]
)
def test_others_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no time between 1700 and 2200"):
        parse_iso(text)
