"""The alert about files that wait for the archive."""

import pytest

from connectors.archive.outbox_lines import Sink, SinkLag
from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.alerts.facility_alerts import ArchiveReason
from models.event_time import SECOND_NS
from streams.archive.uploading.late_alert import LateAlert, Waiting, longest, reason_of

SINCE_NS = 1_000 * SECOND_NS
WAITING = Waiting(Sink.STORE, SINCE_NS, ArchiveReason.STORE_AWAY)


def after(seconds: float) -> int:
    return SINCE_NS + round(seconds * SECOND_NS)


def changes(events: list[AlertEvent]) -> list[AlertChange]:
    return [event.change for event in events]


def test_it_opens_beyond_the_limit_and_closes_well_below() -> None:
    alert = LateAlert(100.0)
    assert alert.observe(WAITING, after(100)) == []
    [opening] = alert.observe(WAITING, after(101))
    assert (opening.change, opening.alert.kind) == (AlertChange.OPENED, AlertKind.ARCHIVE_LATE)
    assert (opening.alert.reasons, opening.alert.source.file) == (("store_away",), "archive/store")
    alert.told([opening])
    assert alert.observe(WAITING, after(500)) == []
    other = Waiting(Sink.STORE, after(440))
    assert alert.observe(other, after(500)) == []
    [closing] = alert.observe(other, after(480))
    assert (closing.change, closing.alert.id) == (AlertChange.CLOSED, opening.alert.id)
    alert.told([closing])
    assert alert.observe(Waiting(), after(500)) == []
    assert alert.state() == {}


def test_what_was_not_told_is_offered_again_also_after_a_restart() -> None:
    alert = LateAlert(100.0)
    assert changes(alert.observe(WAITING, after(101))) == [AlertChange.OPENED]
    restarted = LateAlert(100.0)
    restarted.restore(alert.state())
    [opening] = restarted.observe(WAITING, after(105))
    assert opening == alert.observe(WAITING, after(105))[0]
    assert changes(restarted.observe(Waiting(), after(106))) == [AlertChange.OPENED, AlertChange.CLOSED]
    restarted.told([opening])
    assert changes(restarted.observe(Waiting(), after(107))) == [AlertChange.CLOSED]


def test_a_clock_that_was_set_back_opens_nothing() -> None:
    assert LateAlert(100.0).observe(WAITING, after(-500)) == []


def test_what_waits_the_longest_decides() -> None:
    lags = {
        Sink.STORE: SinkLag(files=1, oldest_ns=20, reason="archive_store_full"),
        Sink.CATALOG: SinkLag(files=1, oldest_ns=10, reason="catalog_away"),
    }
    assert longest(lags, None) == Waiting(Sink.CATALOG, 10, ArchiveReason.CATALOG_AWAY)
    assert longest(lags, 15) == Waiting(Sink.STORE, 10, ArchiveReason.STOPPED)
    assert longest({}, 15) == Waiting(Sink.STORE, 15, ArchiveReason.STOPPED)
    assert longest({Sink.STORE: SinkLag()}, None) == Waiting()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("", ArchiveReason.BEHIND),
        ("archive_store_login", ArchiveReason.STORE_AWAY),
        ("folder_away", ArchiveReason.FOLDER_AWAY),
        ("archive_copy_differs", ArchiveReason.FILES_FAIL),
    ],
)
def test_the_reason_follows_from_the_latest_failure(failure: str, reason: ArchiveReason) -> None:
    assert reason_of(Sink.STORE, failure) is reason
