"""Which store is made by itself: the first one; a later one that is not there may be a misspelt name."""

import shutil
from pathlib import Path

import pytest

from connectors.archive.directory_store import DirectoryStore
from models.errors import FatalError
from streams.archive.checking.store_check import check_store
from streams.archive.uploading.archiver import Archiver
from streams.settings import load_settings
from tests.support.archiving import record, snapshot
from tests.support.manual_clock import ManualClock


class Site:
    """One watched file, and what the archiver said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.state = folder, list[str](), folder / "state"
        self.known = snapshot(folder / "data", "a.h5", b"content")
        record(self.state, self.known)

    def archive(self, store: str, *, at_start: bool = True) -> int:
        """Files that wait afterwards."""
        settings = load_settings(None, archive={"store": str(self.folder / store)})
        archiver = Archiver(self.state, settings, ManualClock(), tell=self.told.append)
        try:
            if at_start:
                archiver.check()
            archiver.run_once()
            return archiver.waiting_files()
        finally:
            archiver.close()

    def versions(self, store: str) -> int:
        return len(DirectoryStore(self.folder / store).versions(self.known.path))

    def check(self, store: str) -> tuple[bool, str]:
        settings = load_settings(None, archive={"store": str(self.folder / store)})
        finding = check_store(settings, self.state / "archive")
        return finding.ok, finding.sentence


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_first_store_is_made_and_told(site: Site) -> None:
    for _ in range(2):
        assert site.archive("store") == 0
        [sentence] = site.told
        assert sentence.startswith(f"made file://{site.folder}/store,")
    assert site.versions("store") == 1


def test_a_later_store_that_is_not_there_is_not_made(site: Site) -> None:
    site.archive("store")
    with pytest.raises(
        FatalError, match=r"stroe is not there, and files are archived in file://.*/store; mend"
    ) as error:
        site.archive("stroe")
    assert error.value.reason == "archive_store_missing"
    assert site.archive("stroe", at_start=False) == 1
    assert not site.check("stroe")[0]
    assert not (site.folder / "stroe").exists()
    (site.folder / "stroe").mkdir()
    ok, sentence = site.check("stroe")
    assert (ok, "holds no archive yet" in sentence) == (True, True)
    assert site.archive("stroe") == 0
    assert site.versions("stroe") == 1
    assert site.check("stroe")[0]


def test_a_lost_store_is_followed_by_another_one(site: Site) -> None:
    site.archive("store")
    shutil.rmtree(site.folder / "store")
    advice = "make an empty folder of another name and give that as archive.store"
    with pytest.raises(FatalError, match=advice):
        site.archive("store")
    (site.folder / "store").mkdir()  # as a mount point without its file system is
    with pytest.raises(FatalError, match=advice):
        site.archive("store")
    assert (site.check("store")[0], advice in site.check("store")[1]) == (False, True)
    (site.folder / "another").mkdir()
    assert site.archive("another") == 0
    assert site.versions("another") == 1
