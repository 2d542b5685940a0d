"""A catalog that is older than the archive, or begun anew, is found out and filled again by itself."""

import os
import shutil
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.outbox import ArchiveOutbox
from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import CATALOG_NAME, open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.file_query import FileQuery
from models.errors import RetryableError
from streams.archive.cataloguing.file_description import describe_file
from tests.support.archiving import assert_archived_once, read_archive, record, snapshot
from tests.support.catalog_examples import bundle_of
from tests.support.crashes import Crash, crash_at
from tests.support.snapshot_files import CAMERA, NAME, Camera, one, random_images, write_production
from tests.support.watched_archive import WatchedArchive

DAY = "10Hz/2022-07-01"
AWAY = RetryableError("the catalog is away", reason="catalog_away")


class Site(WatchedArchive):
    """Its catalog is a SQLite file, which a backup may take the place of."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.catalog_file = self.state / "archive" / CATALOG_NAME
        self.backup = folder / "backup.sqlite"

    def opened(self) -> Catalog:
        return open_catalog(self.settings.catalog, self.state / "archive")

    def watch(self, *names: str) -> None:
        for name in names:
            self.records.append(snapshot(self.root, name, name.encode()))
            record(self.state, self.records[-1])

    def archive(self) -> None:
        with self.archiver() as archiver:
            archiver.run_once()
            assert archiver.waiting_files() == 0

    def restore_catalog(self) -> None:
        shutil.copy(self.backup, self.catalog_file)

    def assert_whole(self) -> None:
        found = read_archive(self.settings, self.state)
        assert_archived_once(found, {each.path: each.sha256 for each in self.records})

    def is_told(self) -> bool:
        return any("is older than what was archived" in sentence for sentence in self.told)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_catalog_from_a_backup_gets_what_came_since(site: Site) -> None:
    site.watch("a.h5", "b.h5")
    site.archive()
    shutil.copy(site.catalog_file, site.backup)
    site.watch("c.h5", "d.h5")
    site.archive()
    assert site.told == []
    site.restore_catalog()
    site.archive()
    assert site.is_told()
    assert len(site.told) == 1
    site.assert_whole()
    assert len(site.store.puts) == 6, "only what the catalog lacked was looked for in the store"
    site.archive()
    assert len(site.told) == 1


def test_a_catalog_that_is_begun_anew_is_filled_while_the_archiver_runs(site: Site) -> None:
    site.watch("a.h5", "b.h5")
    with site.archiver() as archiver:
        archiver.run_once()
        site.catalog_file.unlink()
        site.clock.advance(61)
        archiver.run_once()
        site.watch("c.h5")
        archiver.run_once()
    assert site.is_told()
    site.assert_whole()


def test_what_was_written_into_a_catalog_just_before_it_was_exchanged_is_written_again(site: Site) -> None:
    site.watch("a.h5")
    site.archive()
    shutil.copy(site.catalog_file, site.backup)
    site.watch("b.h5")
    site.archive()
    site.restore_catalog()
    site.watch("c.h5")  # goes into the older one, and is no proof that it is the right one
    site.archive()
    assert site.is_told()
    site.assert_whole()


def test_another_catalog_gets_all_of_it(site: Site, tmp_path: Path) -> None:
    site.watch("a.h5", "b.h5")
    site.archive()
    site.settings = site.settings.model_copy(
        update={"catalog": CatalogSettings(address=str(tmp_path / "another.sqlite"))}
    )
    site.archive()
    assert "another.sqlite" in site.told[0]
    site.assert_whole()


def test_a_catalog_that_is_away_is_not_taken_for_an_older_one(site: Site) -> None:
    site.watch("a.h5")
    site.archive()
    puts = len(site.store.puts)

    def away() -> Catalog:
        raise AWAY

    site.make_catalog = away
    site.archive()
    assert not site.is_told()
    assert "the catalog is away" in site.told[0]
    site.make_catalog = None
    site.archive()
    assert not site.is_told()
    assert len(site.store.puts) == puts


def test_what_was_freed_is_described_from_the_store(site: Site) -> None:
    path = write_production(site.root / DAY / NAME, one(CAMERA, Camera(image=random_images(1)[0])))
    known = snapshot(site.root, NAME, path.read_bytes())
    site.records.append(known)
    record(site.state, known)
    site.watch("replaced.h5")
    site.archive()
    with closing(site.opened()) as catalog:
        before = list(catalog.find_files(FileQuery()))
    path.unlink()
    (site.root / site.records[1].path).write_bytes(b"another content that the watch has not seen")
    site.catalog_file.unlink()
    site.archive()
    with closing(site.opened()) as catalog:
        assert list(catalog.find_files(FileQuery())) == before
        assert before[-1].devices == (CAMERA,)
        copies = catalog.store_copies([file.id for file in before])
        assert all(copy.read_back_ns is not None for of_file in copies.values() for copy in of_file)
    assert len(site.told) == 1
    assert not list((site.state / "archive").glob("from-store/*"))


def test_what_is_nowhere_any_more_is_given_up(site: Site) -> None:
    site.watch("a.h5", "b.h5")
    site.archive()
    gone = site.records[0]
    (site.root / gone.path).unlink()
    [version] = site.store.versions(gone.path)
    site.store.remove(gone.path, version.version)
    site.catalog_file.unlink()
    site.archive()
    assert any("neither the catalog nor" in sentence for sentence in site.told)
    del site.records[0]
    site.assert_whole()


def test_what_lies_on_tape_only_is_not_told_as_lost_and_leaves_what_is_left_out(site: Site) -> None:
    site.watch("a.h5", "b.h5")
    site.archive()
    with closing(site.opened()) as catalog:
        taped = next(file for file in catalog.find_files(FileQuery()) if file.path == site.records[0].path)
    (site.root / taped.path).unlink()
    [version] = site.store.versions(taped.key)
    site.store.remove(taped.key, version.version)
    site.catalog_file.unlink()
    for _ in range(2):
        site.archive()
    with closing(ArchiveOutbox.open(site.state / "archive")) as outbox:
        [left_out] = outbox.left_out(10)
        assert "on tape" in left_out.sentence
        assert "file_gone" not in outbox.counts()
    assert not any("is not in the archive" in sentence or "was gone" in sentence for sentence in site.told)
    with closing(site.opened()) as catalog:  # the cartridge is taken in
        catalog.add_files([taped])
        catalog.add_bundle(bundle_of(taped))
    site.archive()
    with closing(ArchiveOutbox.open(site.state / "archive")) as outbox:
        assert outbox.left_out(10) == []


@pytest.mark.parametrize("where", ["disk", "store"])
@pytest.mark.parametrize(
    "versions",
    [
        [(b"old", 10), (b"the latest", 20)],
        [(b"older", 10), (b"old", 10), (b"the latest", 10)],
        [(b"the latest", 10), (b"old", 20), (b"the latest", 30)],
        [(b"old", 1000), (b"copied", 20), (b"the latest", 10)],  # with their times of change
        [(b"the latest", 10), (b"old", 20), (b"the latest", 10)],
    ],
    ids=["later", "at the same time", "touched and back", "with earlier times", "back with its time"],
)
def test_the_latest_version_of_a_replaced_file_stays_that(
    site: Site, versions: list[tuple[bytes, int]], where: str
) -> None:
    for content, mtime_ns in versions:
        written = snapshot(site.root, "a.h5", content)
        os.utime(site.root / written.path, ns=(mtime_ns, mtime_ns))
        record(site.state, replace(written, mtime_ns=mtime_ns))
        site.archive()
    site.watch("b.h5")
    site.archive()
    if where == "store":
        (site.root / DAY / "a.h5").unlink()
    for _ in range(2):
        with closing(site.opened()) as catalog:
            assert len(list(catalog.find_files(FileQuery()))) == len({content for content, _ in versions}) + 1
            latest = {file.key: file.size_bytes for file in catalog.find_files(FileQuery(latest_only=True))}
        assert latest[f"{DAY}/a.h5"] == len(b"the latest")
        site.catalog_file.unlink()
        site.archive()


def test_an_older_catalog_that_has_the_files_by_their_index_is_found_out(site: Site) -> None:
    site.watch("a.h5")
    site.archive()
    site.watch("b.h5", "c.h5")
    with closing(site.opened()) as catalog:  # petawatch catalog index
        limits, zone = site.settings.reading, site.settings.zone
        catalog.add_files(
            describe_file(site.root / each.path, root=site.root, limits=limits, zone=zone) for each in site.records
        )
    shutil.copy(site.catalog_file, site.backup)
    site.archive()
    site.restore_catalog()
    site.archive()
    assert site.is_told()
    site.assert_whole()


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("streams.archive.uploading.outbox_feed", "OutboxFeed.follow_anew"),
        ("streams.archive.uploading.state_feed", "StateFeed.feed_anew"),
        ("connectors.archive.outbox", "ArchiveOutbox.set_note"),
        ("connectors.archive.outbox", "ArchiveOutbox.take"),
        ("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_store_copies"),
    ],
)
def test_killed_while_it_is_filled_again_it_goes_on(
    site: Site, where: str, name: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.watch("a.h5", "b.h5", "c.h5")
    site.archive()
    (site.root / site.records[0].path).unlink()
    site.catalog_file.unlink()
    with crash_at(monkeypatch, where, name, times), suppress(Crash):
        site.archive()
    site.archive()
    site.assert_whole()
