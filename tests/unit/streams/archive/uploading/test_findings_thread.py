"""What was found is waited for before a run ends."""

from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from models.errors import RetryableError
from streams.archive.cataloguing.findings_feed import FindingsFeed
from streams.archive.uploading.findings_thread import FindingsThread
from tests.support.archiving import record, snapshot


def test_it_is_waited_for_what_begins_after_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "state", snapshot(tmp_path / "data", "a.h5", b"content"))
    fed: list[FindingsFeed] = []

    def feed(this: FindingsFeed) -> None:
        fed.append(this)

    monkeypatch.setattr(FindingsFeed, "feed", feed)
    thread = FindingsThread(tmp_path / "state", lambda: open_catalog(CatalogSettings(), tmp_path), print)
    thread.start()
    for _ in range(2):
        before = len(fed)
        assert thread.rest(lambda: True)
        assert len(fed) > before
    thread.stop()


def test_a_catalog_that_is_away_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    def away() -> Catalog:
        raise RetryableError("the catalog is away", reason="catalog_away")

    told: list[str] = []
    thread = FindingsThread(tmp_path / "state", away, told.append)
    thread.start()
    patience = iter([True] * 5)
    assert not thread.rest(lambda: next(patience, False))
    thread.stop()
    assert told == ["the catalog is away; what was found goes into the catalog when it can be used again"]
