"""What later looks at a state directory find, although they look only at the time since the last one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import CATALOG_NAME, open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.control_room.decisions import OperatorDecisions
from connectors.state.commit import Commit
from connectors.state.database import DATABASE_NAME
from connectors.state.directory import StateDirectory
from models.alerts.alert import AlertChange, AlertEvent, AlertSource
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.event_time import HOUR_NS
from streams.archive.cataloguing.findings_feed import FedFindings, FindingsFeed
from tests.unit.connectors.state.examples import START_NS, alert_event, file_record, source, triplets

NOTHING = FedFindings(buckets=0, episodes=0, verdicts=0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "archive").mkdir()
    with closing(open_catalog(CatalogSettings(), tmp_path / "archive")) as opened:
        yield opened


def news(name: str, hour: int, *alerts: AlertEvent) -> Commit:
    """A snapshot that began so many hours after the first, with triplets."""
    first_ns = START_NS + hour * HOUR_NS
    record = file_record(source(name), first_ns=first_ns, last_ns=first_ns + 10)
    return Commit(files=[record], triplets=[triplets(start_ns=first_ns)], alerts=list(alerts))


def test_an_episode_that_was_open_for_hours_is_closed(state: StateDirectory, catalog: Catalog) -> None:
    feed = FindingsFeed(state.path, catalog)
    state.commit(news("a", 0, alert_event()))
    assert feed.feed() == FedFindings(buckets=1, episodes=1, verdicts=0)
    state.commit(news("b", 9, alert_event(change=AlertChange.CLOSED)))
    assert feed.feed() == FedFindings(buckets=1, episodes=1, verdicts=0)
    assert [episode.status for episode in catalog.episodes(None, None)] == ["closed"]
    assert feed.feed() == NOTHING


def test_a_snapshot_that_comes_late_brings_its_own_time(state: StateDirectory, catalog: Catalog) -> None:
    feed = FindingsFeed(state.path, catalog)
    state.commit(news("a", 20))
    feed.feed()
    state.commit(news("b", 3, alert_event(START_NS + 3 * HOUR_NS, change=AlertChange.CLOSED)))
    assert feed.feed() == FedFindings(buckets=1, episodes=1, verdicts=0)
    assert len(catalog.triplet_buckets(None, None)) == 2


def test_counts_of_a_minute_that_have_changed_are_taken_over(state: StateDirectory, catalog: Catalog) -> None:
    feed = FindingsFeed(state.path, catalog)
    state.commit(news("a", 0))
    feed.feed()
    state.commit(news("b", 0))
    assert feed.feed().buckets == 1
    assert [bucket.complete for bucket in catalog.triplet_buckets(None, None)] == [16]


def test_another_state_directory_in_the_same_place_is_looked_at_as_a_whole(tmp_path: Path, catalog: Catalog) -> None:
    feed = FindingsFeed(tmp_path / "state", catalog)
    for name, hour in (("first", 40), ("second", 2)):
        with StateDirectory.open(tmp_path / "state") as state:
            state.commit(news(name, hour))
            assert feed.feed().buckets == 1
        (tmp_path / "state").rename(tmp_path / name)


def test_a_state_directory_of_an_earlier_format_is_looked_at_as_a_whole(
    state: StateDirectory, catalog: Catalog
) -> None:
    state.commit(news("a", 40))
    with closing(sqlite3.connect(state.path / DATABASE_NAME, isolation_level=None)) as earlier:
        earlier.execute("DELETE FROM meta WHERE name = 'changes'")
        feed = FindingsFeed(state.path, catalog)
        assert feed.feed().buckets == 1
        state.commit(Commit(triplets=[triplets(start_ns=START_NS)]))
        assert feed.feed().buckets == 1


def test_an_alert_without_a_content_leads_to_no_file(state: StateDirectory, catalog: Catalog) -> None:
    event = alert_event()
    nowhere = replace(event.alert, source=AlertSource(file="", sha256="", path=""))
    state.commit(Commit(alerts=[AlertEvent(change=event.change, alert=nowhere)]))
    FindingsFeed(state.path, catalog).feed()
    assert [episode.file_id for episode in catalog.episodes(None, None)] == [""]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_catalog_that_forgets_what_it_was_given_gets_it_again(
    state: StateDirectory, catalog: Catalog, tmp_path: Path, kept: int
) -> None:
    feed = FindingsFeed(state.path, catalog)
    file = tmp_path / "archive" / CATALOG_NAME
    for step in range(3):
        if step == kept:
            backup_of(file, tmp_path / "backup.sqlite")
        hour = 9 * (3 - step)  # the latest ones are not the newest by their event time
        state.commit(news(f"{step}", hour, alert_event(START_NS + hour * HOUR_NS)))
        feed.feed()
    decide(state.path)
    assert feed.feed().verdicts == 1
    whole = everything(catalog)
    assert [len(each) for each in whole] == [3, 3, 1]
    put_back(tmp_path / "backup.sqlite", file)
    state.commit(news("later", 1))
    feed.feed()
    assert [len(each) for each in everything(catalog)] == [4, 3, 1]
    assert feed.feed() == NOTHING


def test_a_verdict_alone_is_given_again(state: StateDirectory, catalog: Catalog, tmp_path: Path) -> None:
    feed = FindingsFeed(state.path, catalog)
    state.commit(news("a", 0, alert_event()))
    feed.feed()
    file = tmp_path / "archive" / CATALOG_NAME
    backup_of(file, tmp_path / "backup.sqlite")
    decide(state.path)
    feed.feed()
    put_back(tmp_path / "backup.sqlite", file)
    assert feed.feed().verdicts == 1
    assert len(catalog.verdicts()) == 1


def decide(state: Path) -> None:
    OperatorDecisions(state).add_verdict(
        EpisodeVerdict(alert_id="alert", verdict=Verdict.FALSE, reason="", by="someone", at_ns=START_NS)
    )


def everything(catalog: Catalog) -> list[list[object]]:
    return [[*catalog.triplet_buckets(None, None)], [*catalog.episodes(None, None)], [*catalog.verdicts()]]


def backup_of(file: Path, backup: Path) -> None:
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)


def put_back(backup: Path, file: Path) -> None:
    """The content of an earlier moment, in the same file: as a server's database is restored behind its address."""
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
