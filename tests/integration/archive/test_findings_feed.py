"""What a watch has found comes into the catalog, once, and again when it changes."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.control_room.decisions import OperatorDecisions
from connectors.state.reader import StateReader
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.archive.file_query import FileQuery
from models.errors import FatalError
from models.event_time import MINUTE_NS
from streams.archive.cataloguing.file_description import describe_file
from streams.archive.cataloguing.findings_feed import FedFindings, FindingsFeed
from tests.support.watch_results import WatchResults
from tests.support.watching import deliver, watch_once

NOTHING = FedFindings(buckets=0, episodes=0, verdicts=0)


@pytest.fixture
def state(undisturbed: WatchResults, session_folder: Path, tmp_path: Path) -> Path:
    """An own copy of the undisturbed watch's state directory."""
    assert undisturbed.alerts
    shutil.copytree(session_folder / "undisturbed", tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    (tmp_path / "archive").mkdir()
    with closing(open_catalog(CatalogSettings(), tmp_path / "archive")) as opened:
        yield opened


def test_all_that_the_state_has_is_in_the_catalog(state: Path, catalog: Catalog) -> None:
    with StateReader.open(state) as reader:
        minutes, alerts = reader.triplet_minutes(), list(reader.alerts())
    assert minutes
    assert alerts
    fed = FindingsFeed(state, catalog).feed()
    assert fed == FedFindings(buckets=len(minutes), episodes=len(alerts), verdicts=0)
    assert {
        (bucket.stage, bucket.minute_ns, bucket.complete, bucket.incomplete, bucket.idle, bucket.anomalous)
        for bucket in catalog.triplet_buckets(None, None)
    } == {(str(one.stage), one.minute_ns, one.complete, one.incomplete, one.idle, one.anomalous) for one in minutes}
    assert [episode.id for episode in catalog.episodes(None, None)] == [alert.id for alert, _ in alerts]


def test_nothing_comes_twice(state: Path, catalog: Catalog) -> None:
    feed = FindingsFeed(state, catalog)
    assert feed.feed() != NOTHING
    assert feed.feed() == NOTHING
    assert FindingsFeed(state, catalog).feed() == NOTHING


def test_an_episode_leads_to_its_file(day: Path, snapshots: list[Path], state: Path, catalog: Catalog) -> None:
    files = [describe_file(path, root=day) for path in snapshots]
    catalog.add_files(files)
    FindingsFeed(state, catalog).feed()
    ids = {file.id for file in files}
    episodes = catalog.episodes(None, None)
    assert {episode.file_id for episode in episodes} <= ids
    anomalous = {file.id for file in catalog.find_files(FileQuery(anomalous=True))}
    assert anomalous == {episode.file_id for episode in episodes}
    assert {file.id for file in catalog.find_files(FileQuery(anomalous=False))} == ids - anomalous


def test_what_came_and_changed_since_is_fed(
    day: Path, snapshots: list[Path], catalog: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("streams.archive.cataloguing.findings_feed._MARGIN_NS", MINUTE_NS)
    *first, last = [path for path in snapshots if path.name.split("_")[1] == snapshots[0].name.split("_")[1]]
    data, state = tmp_path / "data", tmp_path / "state"
    for path in first:
        deliver(path, data / path.relative_to(day).parent)
    watch_once(data, state)
    feed = FindingsFeed(state, catalog)
    assert feed.feed().episodes == 0
    deliver(last, data / last.relative_to(day).parent)
    watch_once(data, state)
    fed = feed.feed()
    assert fed.buckets > 0
    assert fed.episodes > 0
    assert FindingsFeed(state, catalog).feed() == NOTHING  # what the short look found is all there was


def test_verdicts_come_once_and_in_time(state: Path, catalog: Catalog) -> None:
    feed = FindingsFeed(state, catalog)
    feed.feed()
    alert_id = catalog.episodes(None, None)[0].id
    decisions = OperatorDecisions(state)
    for number, word in enumerate((Verdict.TRUE, Verdict.FALSE)):
        decisions.add_verdict(
            EpisodeVerdict(alert_id=alert_id, verdict=word, reason="shutter test", by="ada", at_ns=100 + number)
        )
        assert feed.feed().verdicts == 1
    assert feed.feed().verdicts == 0
    assert FindingsFeed(state, catalog).feed().verdicts == 0
    assert [(one.verdict, one.by, one.at_ns, one.note) for one in catalog.verdicts(alert_id)] == [
        ("true", "ada", 100, "shutter test"),
        ("false", "ada", 101, "shutter test"),
    ]


def test_a_catalog_that_is_begun_anew_is_made_whole(state: Path, catalog: Catalog, tmp_path: Path) -> None:
    fed = FindingsFeed(state, catalog).feed()
    (tmp_path / "other").mkdir()
    with closing(open_catalog(CatalogSettings(), tmp_path / "other")) as other:
        assert FindingsFeed(state, other).feed() == fed


def test_a_state_directory_without_a_watch_is_one_sentence(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(FatalError) as raised:
        FindingsFeed(tmp_path / "absent", catalog).feed()
    assert raised.value.reason == "state_missing"
