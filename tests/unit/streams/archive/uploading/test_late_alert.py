"""The alert about files that wait for the archive."""

import pytest

from connectors.archive.outbox_lines import Sink, SinkLag
from models.alerts.alert import AlertChange, AlertKind
from models.alerts.facility_alerts import ArchiveReason
from models.event_time import SECOND_NS
from streams.archive.uploading.late_alert import Waiting, late_alert, longest, reason_of

SINCE_NS = 1_000 * SECOND_NS
WAITING = Waiting(Sink.STORE, SINCE_NS, ArchiveReason.STORE_AWAY)


def after(seconds: float) -> int:
    return SINCE_NS + round(seconds * SECOND_NS)


def test_it_names_the_sink_and_why() -> None:
    [opening] = late_alert(100.0).observe(WAITING.age_s(after(101)), WAITING.about(after(101)))
    assert (opening.change, opening.alert.kind) == (AlertChange.OPENED, AlertKind.ARCHIVE_LATE)
    assert (opening.alert.reasons, opening.alert.source.file) == (("store_away",), "archive/store")
    assert (opening.alert.first_shot_ns, opening.alert.last_shot_ns) == (SINCE_NS, after(101))


def test_nothing_that_waits_has_no_age_and_a_clock_that_was_set_back_opens_nothing() -> None:
    assert [WAITING.age_s(after(3)), WAITING.age_s(after(-500)), Waiting().age_s(SINCE_NS)] == [3.0, 0.0, 0.0]


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
