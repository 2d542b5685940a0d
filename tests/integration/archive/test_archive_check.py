"""The archive looked at: against real stores, catalogs and mounts."""

import uuid
from contextlib import closing
from pathlib import Path

from connectors.archive.archive_keys import PROBE_KEY
from connectors.archive.bucket_store import BucketStore
from connectors.catalog.opening import open_catalog
from connectors.clock import SystemClock
from servers.minio_server import MinioServer
from servers.mongodb_server import MongodbServer
from streams.archive.checking.archive_check import check_archive
from streams.installation_finding import Finding
from streams.settings import Settings, load_settings
from tests.support.ltfs.drive import TapeShelf
from tests.support.minio import keeper_client, own_bucket, reader_settings, store_settings
from tests.support.tape_archive import TapeArchive


def look(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_archive(settings, None)}


def in_bucket(server: MinioServer, bucket: str, *, days: int = 0) -> Settings:
    store = store_settings(server)
    archive = {"store": f"s3://{bucket}", "retention_days": days}
    return load_settings(None, object_store=store, archive=archive)


def objects(server: MinioServer, bucket: str) -> list[str]:
    listed = keeper_client(server).list_objects(bucket, recursive=True, include_version=True)
    return [str(found.object_name) for found in listed]


def test_buckets(minio: MinioServer, tmp_path: Path) -> None:
    bucket, what = f"test-{uuid.uuid4().hex[:12]}", "archive store s3://"
    assert "is not there yet" in look(in_bucket(minio, bucket))[what + bucket].sentence
    assert not keeper_client(minio).bucket_exists(bucket)
    BucketStore(store_settings(minio), bucket, 0, SystemClock()).prepare()
    finding = look(in_bucket(minio, bucket))[what + bucket]
    assert (finding.ok, "and removed" in finding.sentence) == (True, True)
    assert objects(minio, bucket) == []
    reader = in_bucket(minio, bucket).model_copy(update={"object_store": reader_settings(minio, bucket, tmp_path)})
    assert not look(reader)[what + bucket].ok
    unversioned = own_bucket(minio)
    assert "keeps no versions" in look(in_bucket(minio, unversioned))[what + unversioned].sentence


def test_a_locked_probe_stays_once(minio: MinioServer) -> None:
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    BucketStore(store_settings(minio), bucket, 1, SystemClock()).prepare()
    for _ in range(2):
        finding = look(in_bucket(minio, bucket, days=1))[f"archive store s3://{bucket}"]
        assert "stays as petawatch-check.txt until its lock ends" in finding.sentence
        assert objects(minio, bucket) == [PROBE_KEY]


def test_a_store_that_does_not_answer() -> None:
    settings = load_settings(
        None, object_store={"endpoint": "127.0.0.1:9", "secure": False}, archive={"store": "s3://nobody"}
    )
    assert not look(settings)["archive store s3://nobody"].ok


def test_mongodb(mongodb: MongodbServer) -> None:
    catalog = {"address": mongodb.address, "database": f"test-{uuid.uuid4().hex[:12]}", "timeout_s": 20.0}
    settings, what = load_settings(None, catalog=catalog), f"catalog {mongodb.address}"
    assert "is not there yet" in look(settings)[what].sentence
    with closing(open_catalog(settings.catalog, Path())):
        assert look(settings)[what] == Finding(what, True, "has the present format, and can be written to")
    away = load_settings(None, catalog=catalog | {"address": "mongodb://127.0.0.1:9", "timeout_s": 0.5})
    assert "does not answer" in look(away)["catalog mongodb://127.0.0.1:9"].sentence


def test_cartridges(ltfs: TapeShelf, tmp_path: Path) -> None:
    scratch, foreign = ltfs.drive(ltfs.cartridge()), ltfs.drive(ltfs.cartridge())
    (foreign.mount / "petawatch/other").mkdir(parents=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    archive = TapeArchive(tmp_path / "installation", [scratch.mount, foreign.mount, empty])
    settings = load_settings(archive.config)
    before = sorted(scratch.mount.rglob("*"))
    found = look(settings)
    assert found[f"tape {scratch.mount}"].ok
    assert "is LTFS, empty, and ours with the first bundle, writable" in found[f"tape {scratch.mount}"].sentence
    assert "belongs to the installation 'other'" in found[f"tape {foreign.mount}"].sentence
    assert "nothing is mounted" in found[f"tape {empty}"].sentence
    assert [found[f"tape {place}"].ok for place in (foreign.mount, empty)] == [False, False]
    assert sorted(scratch.mount.rglob("*")) == before
    archive.fill(4)
    archive.keep()
    assert "is LTFS, ours, writable" in look(settings)[f"tape {scratch.mount}"].sentence


def test_a_drive_in_use_is_left_alone(ltfs: TapeShelf, tmp_path: Path) -> None:
    drive = ltfs.drive(ltfs.cartridge())
    archive = TapeArchive(tmp_path / "installation", [drive.mount])
    settings = load_settings(archive.config)
    with archive.keeper():
        drive.kill()  # to ask it for anything would fail
        found = look(settings)
    assert found[f"tape {drive.mount}"].ok
    assert "which is not disturbed" in found[f"tape {drive.mount}"].sentence
    assert "process" in found["tape keeper"].sentence
    assert look(settings)["tape keeper"].sentence == "none works in this folder now"
