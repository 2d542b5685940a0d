"""The catalog is made anew from the store alone: a folder, and MinIO."""

import hashlib
import json
import os
import uuid
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore
from connectors.catalog.opening import CATALOG_NAME
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.clock import SystemClock
from connectors.object_store.settings import ObjectStoreSettings
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.file_query import FileQuery
from models.errors import FatalError
from servers.minio_server import MinioServer
from streams.archive.cataloguing.file_description import describe_file
from streams.archive.cataloguing.store_rebuild import StoreRebuild, StoreRebuildCounts
from streams.archive.opened_archive import OpenedArchive
from streams.archive.whole_copies import metadata_of
from streams.settings import load_settings
from tests.support.commands import run_with
from tests.support.crashes import Crash, crash_at
from tests.support.minio import store_settings
from tests.support.snapshot_files import (
    CAMERA,
    METER,
    NAME,
    Camera,
    EnergyMeter,
    one,
    random_images,
    write_production,
)

DAY = "2022-07-01"


class Stored:
    """Files in a store, of which nothing else is left; among them a replaced one and one that is no snapshot."""

    def __init__(self, folder: Path, store: ArchiveStore) -> None:
        self.folder, self.store = folder, store
        self.files: list[ArchivedFile] = []
        root = folder / "data"
        camera = write_production(root / f"10Hz/{DAY}" / NAME, one(CAMERA, Camera(image=random_images(1)[0])))
        self.put(camera, root)
        write_production(camera, one(METER, EnergyMeter(first=1.0)))
        os.utime(camera, ns=(0, self.files[0].mtime_ns + 1))
        self.put(camera, root)
        strange = root / "1Hz" / "stränge name.h5"
        strange.parent.mkdir()
        strange.write_bytes(b"no snapshot")
        self.put(strange, root)

    def put(self, path: Path, root: Path) -> None:
        file = describe_file(path, root=root)
        self.store.put(file.key, path, file.sha256, file.size_bytes, metadata_of(file))
        self.files.append(file)

    def rebuild(self) -> tuple[StoreRebuildCounts, list[str]]:
        told: list[str] = []
        with closing(SqliteCatalog(self.folder / CATALOG_NAME)) as catalog:
            archive = OpenedArchive(settings=load_settings(None), folder=self.folder, catalog=catalog, store=self.store)
            return StoreRebuild(archive, SystemClock(), tell=told.append).run(), told

    def cataloged(self) -> tuple[list[ArchivedFile], dict[str, list[StoreCopy]]]:
        with closing(SqliteCatalog(self.folder / CATALOG_NAME)) as catalog:
            files = list(catalog.find_files(FileQuery()))
            latest = list(catalog.find_files(FileQuery(latest_only=True)))
            assert [file.id for file in latest if file.key == self.files[0].key] == [self.files[1].id]
            return files, catalog.store_copies([file.id for file in files])


@pytest.fixture(params=["folder", "minio"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    address, settings = str(tmp_path / "store"), ObjectStoreSettings()
    if request.param == "minio":
        minio: MinioServer = request.getfixturevalue("minio")
        address, settings = f"s3://test-{uuid.uuid4().hex[:12]}", store_settings(minio)
    store = open_store(address, settings)
    store.prepare()
    return Stored(tmp_path, store)


def test_files_that_lie_only_in_the_store_are_entered_as_they_were(stored: Stored) -> None:
    counts, told = stored.rebuild()
    assert (counts, told) == (StoreRebuildCounts(keys=2, files=3, copies=3), [])
    files, copies = stored.cataloged()
    assert sorted(files, key=lambda file: file.id) == sorted(
        (replace(file, root="") for file in stored.files), key=lambda file: file.id
    )
    versions = {
        (version.key, version.sha256): version
        for key in {file.key for file in stored.files}
        for version in stored.store.versions(key)
    }
    for file in stored.files:
        [copy] = copies[file.id]
        assert (copy.store, copy.version) == (stored.store.address, versions[file.key, file.sha256].version)
        assert copy.read_back_ns is not None
    counts, told = stored.rebuild()
    assert (counts, told) == (StoreRebuildCounts(keys=2), [])


def test_what_the_catalog_has_without_a_copy_is_read_once(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SqliteCatalog(stored.folder / CATALOG_NAME)) as catalog:
        catalog.add_files(stored.files)
    counts, told = stored.rebuild()
    assert (counts, told) == (StoreRebuildCounts(keys=2, copies=3), [])
    files, copies = stored.cataloged()
    assert {file.root for file in files} == {str(stored.folder / "data")}
    assert all(copy.read_back_ns is not None for [copy] in copies.values())
    monkeypatch.delattr(type(stored.store), "read")
    assert stored.rebuild() == (StoreRebuildCounts(keys=2), [])


def test_a_damaged_version_is_no_copy_of_what_the_catalog_has(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"), ObjectStoreSettings())
    store.prepare()
    stored = Stored(tmp_path, store)
    with closing(SqliteCatalog(tmp_path / CATALOG_NAME)) as catalog:
        catalog.add_files(stored.files)
    (tmp_path / "store" / stored.files[2].key).write_bytes(b"no snapshoT")
    counts, told = stored.rebuild()
    assert (counts.copies, counts.problems) == (2, 1)
    assert "is damaged in the store" in told[0]
    assert stored.files[2].id not in stored.cataloged()[1]


def test_what_a_check_has_left_there_locked_is_passed_over(stored: Stored) -> None:
    probe = stored.folder / PROBE_KEY
    probe.write_bytes(b"a probe")
    sha256 = hashlib.sha256(probe.read_bytes()).hexdigest()
    stored.store.put(PROBE_KEY, probe, sha256, probe.stat().st_size, {"sha256": sha256})
    assert stored.rebuild() == (StoreRebuildCounts(keys=2, files=3, copies=3), [])


def test_a_version_without_a_noted_time_is_the_oldest(stored: Stored) -> None:
    replaced = stored.folder / "data" / stored.files[0].path
    replaced.write_bytes(b"put there by hand")
    file = describe_file(replaced, root=stored.folder / "data")
    stored.store.put(file.key, replaced, file.sha256, file.size_bytes, {"sha256": file.sha256, "path": file.path})
    stored.rebuild()
    files, _ = stored.cataloged()
    assert [each.mtime_ns for each in files if each.id == file.id] == [0]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", ["SqliteCatalog.add_files", "SqliteCatalog.add_store_copies"])
def test_killed_in_between_it_goes_on(stored: Stored, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.archive.cataloguing.store_rebuild._TOGETHER", 1)
    with crash_at(monkeypatch, "connectors.catalog.sqlite_catalog", name, times), suppress(Crash):
        stored.rebuild()
    stored.rebuild()
    files, copies = stored.cataloged()
    assert {file.id for file in files} == set(copies) == {file.id for file in stored.files}
    assert not list(stored.folder.glob("rebuilt/*"))


def test_a_damaged_version_is_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, folder = tmp_path / "state", tmp_path / "store"
    store = open_store(str(folder), ObjectStoreSettings())
    store.prepare()
    stored = Stored(tmp_path, store)
    (folder / stored.files[2].key).write_bytes(b"no snapshoT")
    (folder / "1Hz" / DAY).mkdir(parents=True)
    (folder / "1Hz" / DAY / "by hand.h5").write_bytes(b"somebody else's")
    config = tmp_path / "petawatch.toml"
    config.write_text(f"[archive]\nstore = '{folder}'\n[tape]\ncopies = 0\n")
    command = run_with(capsys)
    code, out, told = command("archive", "rebuild-catalog", "--store", "--state", state, "--config", config, "--json")
    assert (code, json.loads(out)["files_added"]) == (1, 2)
    assert "is damaged in the store" in told
    code, out, _ = command("catalog", "find", "--device", CAMERA, "--state", state, "--config", config, "--json")
    assert json.loads(out)["key"] == stored.files[0].key
    wrong = command("archive", "rebuild-catalog", "/mnt/tape", "--store", "--state", state, "--config", config)
    assert (wrong[0], "leave out the mount points" in wrong[2]) == (2, True)


def test_what_another_program_has_put_there_is_told_and_left_out(stored: Stored) -> None:
    by_hand = stored.folder / "by hand.h5"
    by_hand.write_bytes(b"somebody else's")
    sha256 = hashlib.sha256(by_hand.read_bytes()).hexdigest()
    size_bytes = by_hand.stat().st_size
    stored.store.put("by hand.h5", by_hand, sha256, size_bytes, {"path": "../by hand.h5"})
    stored.store.put(f"5Hz/undated/{by_hand.name}", by_hand, sha256, size_bytes, {"path": "/etc/passwd"})
    counts, told = stored.rebuild()
    assert (counts.files, counts.problems) == (4, 1)
    assert "no key of a snapshot" in told[0]
    with closing(SqliteCatalog(stored.folder / CATALOG_NAME)) as catalog:
        found = catalog.file(f"5Hz/undated/{by_hand.name}@{sha256}")
        assert found is not None
        assert (found.path, found.refused) == ("5Hz/by hand.h5", "not_hdf5")
    assert stored.rebuild()[0].files == 0


def test_without_a_store_it_says_so(tmp_path: Path) -> None:
    with closing(SqliteCatalog(tmp_path / CATALOG_NAME)) as catalog:
        archive = OpenedArchive(settings=load_settings(None), folder=tmp_path, catalog=catalog, store=None)
        with pytest.raises(FatalError, match=r"archive\.store"):
            StoreRebuild(archive, SystemClock(), tell=lambda _: None).run()
