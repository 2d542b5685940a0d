"""A database of MongoDB that is removed, or goes back to an earlier moment, behind the same address."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.state.commit import FileRecord
from models.archive.file_query import FileQuery
from servers.mongodb_server import MongodbServer
from streams.archive.uploading.archiver import Archiver
from streams.settings import load_settings
from tests.support.archiving import record, snapshot
from tests.support.manual_clock import ManualClock
from tests.support.snapshot_files import CAMERA, NAME, Camera, one, random_images, write_production


class Site:
    """A watched folder with an archiver that goes on running."""

    def __init__(self, folder: Path, server: MongodbServer) -> None:
        self.root, self.state = folder / "data", folder / "state"
        catalog = CatalogSettings(address=server.address, database=f"test-{uuid.uuid4().hex[:12]}", timeout_s=20.0)
        (folder / "store").mkdir()
        settings = load_settings(None, archive={"store": str(folder / "store")})
        self.settings = settings.model_copy(update={"catalog": catalog})
        self.clock = ManualClock()
        self.told: list[str] = []
        self.records: list[FileRecord] = []
        self.client: MongoClient[dict[str, Any]] = MongoClient(server.address)

    def watch(self, minute: int) -> None:
        name = NAME.replace("_09-34-", f"_09-{minute:02d}-")
        path = write_production(
            self.root / "10Hz/2022-07-01" / name, one(CAMERA, Camera(image=random_images(1, seed=minute)[0]))
        )
        self.records.append(snapshot(self.root, name, path.read_bytes()))
        record(self.state, self.records[-1])

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        with closing(open_catalog(self.settings.catalog, self.state)) as catalog:
            yield catalog

    def remove(self) -> None:
        self.client.drop_database(self.settings.catalog.database)

    def go_back(self, collections: dict[str, list[dict[str, Any]]]) -> None:
        """Collections as they were: a restored database, whose program knows nothing of it."""
        database = self.client[self.settings.catalog.database]
        for name, documents in collections.items():
            database[name].delete_many({})
            if documents:
                database[name].insert_many(documents)

    def collections(self) -> dict[str, list[dict[str, Any]]]:
        database = self.client[self.settings.catalog.database]
        return {name: list(database[name].find()) for name in database.list_collection_names()}

    def assert_whole(self) -> None:
        wanted = {each.sha256 for each in self.records}
        with self.catalog() as catalog:
            found = list(catalog.find_files(FileQuery(device=CAMERA)))
            assert {file.sha256 for file in found} == wanted
            assert set(catalog.store_copies([file.id for file in found])) == {file.id for file in found}
        database = self.client[self.settings.catalog.database]
        assert "validator" in database.files.options()


@pytest.fixture
def site(tmp_path: Path, mongodb: MongodbServer) -> Iterator[Site]:
    site = Site(tmp_path, mongodb)
    with site.client:
        yield site


@contextmanager
def archiving(site: Site) -> Iterator[Archiver]:
    with closing(Archiver(site.state, site.settings, site.clock, tell=site.told.append)) as archiver:
        yield archiver


def settle(site: Site, archiver: Archiver) -> None:
    """Let pauses and looks pass."""
    for _ in range(3):
        archiver.run_once()
        site.clock.advance(120)
    assert archiver.waiting_files() == 0


@pytest.mark.parametrize("more_comes", [True, False])
def test_a_database_that_is_removed_while_it_is_used_is_filled_again(site: Site, more_comes: bool) -> None:
    site.watch(1)
    site.watch(2)
    with archiving(site) as archiver:
        settle(site, archiver)
        (site.root / site.records[0].path).unlink()
        site.remove()
        if more_comes:
            site.watch(3)
        settle(site, archiver)
    site.assert_whole()
    assert any("was begun anew" in sentence for sentence in site.told)


def test_a_database_that_goes_back_gets_what_came_since(site: Site) -> None:
    site.watch(1)
    with archiving(site) as archiver:
        settle(site, archiver)
        earlier = {name: found for name, found in site.collections().items() if name != "words"}
        site.watch(2)
        settle(site, archiver)
        site.go_back(earlier | {"words": []})
        site.watch(3)
        settle(site, archiver)
    site.assert_whole()
    assert len(site.told) == 1
