"""A store among the watched files, or above them, would archive itself: it is refused by whoever could begin that."""

from pathlib import Path

import pytest

from connectors.clock import SystemClock
from models.errors import FatalError
from streams.archive.places import require_apart
from streams.archive.uploading.archiver import Archiver
from streams.connector.connector import open_connector
from streams.installation_check import check_installation
from streams.settings import load_settings
from streams.watch import open_watch
from tests.support.archiving import record, snapshot

OVERLAP = "lie one in the other, so that the archive would archive itself"


@pytest.fixture(params=["site/data/arch", "site/data", "site", "link/arch"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "site/data").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "site/data")
    return tmp_path / str(request.param)


def test_nobody_begins_to_archive_the_archive(store: Path, tmp_path: Path) -> None:
    data, state = tmp_path / "site/data", tmp_path / "state"
    settings = load_settings(None, archive={"store": str(store)})
    with pytest.raises(FatalError, match=OVERLAP) as error, open_watch([data], state, settings):
        pass
    assert error.value.reason == "archive_store_refused"
    with pytest.raises(FatalError, match=OVERLAP), open_connector([data], state, settings):
        pass
    assert not state.exists()
    record(state, snapshot(data, "a.h5", b"content"))
    archiver = Archiver(state, settings, SystemClock(), tell=print)
    try:
        for begin in (archiver.check, archiver.run_once):
            with pytest.raises(FatalError, match=OVERLAP):
                begin()
    finally:
        archiver.close()
    assert not (store / ".versions").exists()


def test_check_says_it(store: Path, tmp_path: Path) -> None:
    config, data = tmp_path / "petawatch.toml", tmp_path / "site/data"
    config.write_text(f'[archive]\nstore = "{store}"\n')
    for watched, is_wrong in (([data], True), ([], False)):
        findings = {finding.what: finding for finding in check_installation(config, watched, None)}
        assert (OVERLAP in findings[f"archive store {store}"].sentence) is is_wrong
        assert findings[f"archive store {store}"].ok is not is_wrong


def test_check_refuses_a_relative_folder(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text('[archive]\nstore = "store3"\n')
    findings = {finding.what: finding for finding in check_installation(config, [], None)}
    assert not findings["archive store store3"].ok
    assert "the whole path of a folder" in findings["archive store store3"].sentence


@pytest.mark.parametrize("store", ["{}/data2", "{}/dat", "{}/store/data", "s3://data", ""])
def test_what_lies_apart_is_taken(store: str, tmp_path: Path) -> None:
    require_apart(store.format(tmp_path), [tmp_path / "data", tmp_path / "more"])
