"""A bucket of a real MinIO as the archive's store: one sentence for each way in which it can't be used."""

import hashlib
import io
import os
import uuid
from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import SUSPENDED, VersioningConfig
from pydantic import SecretStr

from connectors.archive import bucket_store
from connectors.archive.opening import open_store
from connectors.archive.sent_file import SentFile, sent_file
from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.clock import SystemClock
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from servers.certificates import Authority
from servers.kafka_server import free_port
from servers.minio_binary import MinioBuild
from servers.minio_server import MinioServer
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.repair import Repair
from streams.archive.uploading.uploader import Uploader
from streams.archive.uploading.waiting_file import WaitingFile
from streams.settings import load_settings
from tests.support.breaking_line import BreakingLine
from tests.support.minio import keeper, keeper_client, own_bucket, reader_settings, store_settings

KEY = "10Hz/2022-07-01/a.h5"
CONTENT = bytes(range(256)) * 5000


def put(store: ArchiveStore, folder: Path, content: bytes = CONTENT, besides: Collection[str] = ()) -> StoredVersion:
    source = folder / "source.h5"
    source.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return store.put(KEY, source, digest, len(content), {"sha256": digest}, besides)


def versioned_bucket(server: MinioServer) -> str:
    name = own_bucket(server)
    keeper_client(server).set_bucket_versioning(name, VersioningConfig(ENABLED))
    return name


def failure(settings: ObjectStoreSettings, bucket: str, folder: Path) -> PetawatchError:
    """Of the check and of putting, which are the same one."""
    with pytest.raises(PetawatchError) as checked:
        open_store(f"s3://{bucket}", settings).check()
    with pytest.raises(PetawatchError) as raised:
        put(open_store(f"s3://{bucket}", settings), folder, b"few")
    assert (checked.type, checked.value.reason) == (raised.type, raised.value.reason)
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("options", "reason", "sentence"),
    [
        ({"access_key": "nobody"}, "archive_store_login", "knows no access key 'nobody' with this secret; mend"),
        ({"secret_key": SecretStr("wrong")}, "archive_store_login", "knows no access key 'keeper' with this secret"),
        ({"secret_key": SecretStr("")}, "archive_store_login", "object_store.secret_key is missing; give it"),
        ({"secure": True}, "archive_store_refused", "does not speak TLS"),
        ({"endpoint": f"127.0.0.1:{free_port()}"}, "archive_store_away", "does not answer for s3://"),
    ],
)
def test_what_is_set_wrongly_is_named(
    minio: MinioServer, tmp_path: Path, options: dict[str, Any], reason: str, sentence: str
) -> None:
    error = failure(store_settings(minio, **options), versioned_bucket(minio), tmp_path)
    assert error.reason == reason
    assert sentence in str(error)


def test_a_bucket_that_is_missing(minio: MinioServer, tmp_path: Path) -> None:
    error = failure(store_settings(minio), "gone-for-good", tmp_path)
    assert isinstance(error, FatalError)
    assert error.reason == "archive_store_missing"
    assert "has no bucket for s3://gone-for-good/" in str(error)


def test_a_bucket_whose_versions_are_switched_off_meanwhile_has_nothing_that_counts(
    minio: MinioServer, tmp_path: Path
) -> None:
    bucket = own_bucket(minio)
    keeper_client(minio).set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    store = open_store(f"s3://{bucket}", store_settings(minio))
    keeper_client(minio).set_bucket_versioning(bucket, VersioningConfig(SUSPENDED))
    source = tmp_path / "a.h5"
    source.write_bytes(b"content")
    sha256 = hashlib.sha256(b"content").hexdigest()
    for _ in range(2):  # the second time it is there, and what replaces it would remove it
        with pytest.raises(FatalError) as failure:
            store.put("10Hz/a.h5", source, sha256, 7, {})
        assert failure.value.reason == "archive_store_unversioned"
    keeper_client(minio).set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    assert store.put("10Hz/a.h5", source, sha256, 7, {}).checked


def test_a_bucket_without_versions_is_refused(minio: MinioServer, tmp_path: Path) -> None:
    bucket = own_bucket(minio)
    error = failure(store_settings(minio), bucket, tmp_path)
    assert isinstance(error, FatalError)
    assert error.reason == "archive_store_unversioned"
    assert f"switch them on (`mc version enable ALIAS/{bucket}`)" in str(error)
    with pytest.raises(FatalError, match=r"keeps no versions"):
        open_store(f"s3://{bucket}", store_settings(minio)).prepare()
    assert keeper_client(minio).get_bucket_versioning(bucket).status != ENABLED


def test_a_bucket_that_may_only_be_read(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    written = put(open_store(f"s3://{bucket}", store_settings(minio)), tmp_path)
    reader = open_store(
        f"s3://{bucket}",
        reader_settings(minio, bucket, tmp_path, more=["s3:ListBucketVersions", "s3:GetObjectVersion"]),
    )
    assert reader.read(KEY, written.version, io.BytesIO()) == written.sha256
    for use in (lambda: put(reader, tmp_path, b"another"), lambda: reader.remove(KEY, written.version)):
        with pytest.raises(FatalError, match=r"the access key 'reader-\w+' may not do that") as error:
            use()
        assert error.value.reason == "archive_store_refused"


def test_a_bucket_that_is_full(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    keeper(minio).bucket_quota_set(bucket, 1000)
    with pytest.raises(RetryableError, match=r"is full \(.*\); make room or raise the bucket's quota") as error:
        put(open_store(f"s3://{bucket}", store_settings(minio)), tmp_path)
    assert error.value.reason == "archive_store_full"


def test_a_version_that_is_kept_for_some_time_can_not_be_removed(minio: MinioServer, tmp_path: Path) -> None:
    address = f"s3://test-{uuid.uuid4().hex[:12]}"
    store = open_store(address, store_settings(minio), retention_days=30)
    store.prepare()
    written = put(store, tmp_path)
    assert store.versions(KEY) == [written]
    with pytest.raises(RecordError, match=r"is kept by the object store until \d{4}-\d\d-\d\d; remove it") as error:
        store.remove(KEY, written.version)
    assert error.value.reason == "copy_locked"
    assert store.read(KEY, written.version, io.BytesIO()) == written.sha256


def test_where_a_damaged_version_is_locked_a_whole_one_is_written_beside_it(minio: MinioServer, tmp_path: Path) -> None:
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    store = open_store(f"s3://{bucket}", store_settings(minio), retention_days=30)
    store.prepare()
    clock, settings = SystemClock(), load_settings(None)
    (tmp_path / "data" / KEY).parent.mkdir(parents=True)
    (tmp_path / "data" / KEY).write_bytes(CONTENT)
    status, digest = (tmp_path / "data" / KEY).stat(), hashlib.sha256(CONTENT).hexdigest()
    waiting = WaitingFile(
        path=KEY, root=str(tmp_path / "data"), sha256=digest, size_bytes=len(CONTENT), mtime_ns=status.st_mtime_ns
    )
    uploader = Uploader(
        store,
        clock,
        read_back_share=1.0,
        limits=settings.reading,
        zone=settings.zone,
        folder=tmp_path / "from-store",
    )
    first = uploader.upload(waiting)
    damage(minio, bucket, KEY)
    second = uploader.upload(waiting)
    assert second.copy.read_back_ns
    assert [version.version for version in store.versions(KEY)] == [second.copy.version, first.copy.version]
    damage(minio, bucket, KEY)
    with closing(SqliteCatalog(tmp_path / "catalog.sqlite")) as catalog:
        catalog.add_files([second.file])
        archive = OpenedArchive(settings=settings, folder=tmp_path / "archive", catalog=catalog, store=store)
        assert Repair(archive, clock, print).stored(store, [second.copy]) == 1
        [third] = catalog.store_copies([second.file.id])[second.file.id]
    assert store.read(KEY, third.version, io.BytesIO()) == digest
    assert len(store.versions(KEY)) == 3


def test_a_version_that_was_there_is_read_before_it_counts(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    store, settings = open_store(f"s3://{bucket}", store_settings(minio)), load_settings(None)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "a.h5"
    path.write_bytes(CONTENT)
    waiting = WaitingFile(
        path=path.name,
        root=str(path.parent),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        mtime_ns=path.stat().st_mtime_ns,
    )
    uploader = Uploader(
        store,
        SystemClock(),
        read_back_share=0.0,
        limits=settings.reading,
        zone=settings.zone,
        folder=tmp_path / "from-store",
    )
    sent = uploader.upload(waiting)
    assert sent.copy.read_back_ns is None
    found = uploader.upload(waiting)
    assert (found.copy.version, found.copy.read_back_ns is None) == (sent.copy.version, False)
    damage(minio, bucket, sent.file.key)
    with pytest.raises(RetryableError, match="not what it was given; it is sent again"):
        uploader.upload(waiting)
    again = uploader.upload(waiting)
    assert again.copy.version != sent.copy.version
    assert [version.version for version in store.versions(again.file.key)] == [again.copy.version]


def damage(server: MinioServer, bucket: str, key: str) -> None:
    """All versions of an object on the server's disk."""
    for part in (server.folder / "data" / bucket / key).glob("*/part.1"):
        content = bytearray(part.read_bytes())
        content[1000] = (content[1000] + 1) % 256
        part.write_bytes(content)


def test_retention_needs_a_bucket_that_locks(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    with pytest.raises(FatalError, match=r"locks no objects, .* or set archive.retention_days = 0") as error:
        open_store(f"s3://{bucket}", store_settings(minio), retention_days=1).check()
    assert error.value.reason == "archive_store_refused"
    with pytest.raises(FatalError, match=r"retention_days = 1 can't be kept by the folder"):
        open_store(str(tmp_path), store_settings(minio), retention_days=1)


@pytest.mark.parametrize("address", ["s3://A", "s3://archive/prefix"])
def test_an_address_that_is_no_bucket(address: str) -> None:
    with pytest.raises(FatalError, match=r"write s3://") as error:
        open_store(address, ObjectStoreSettings())
    assert error.value.reason == "archive_store_refused"


def test_a_version_that_was_damaged_on_the_stores_disk(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    store = open_store(f"s3://{bucket}", store_settings(minio))
    written = put(store, tmp_path)
    damage(minio, bucket, KEY)
    with pytest.raises(PetawatchError) as error:
        store.read(KEY, written.version, io.BytesIO())
    assert error.value.reason == "copy_damaged"


def test_an_object_of_another_program_is_not_taken_for_proven(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    digest = hashlib.sha256(CONTENT).hexdigest()
    keeper_client(minio).put_object(bucket, KEY, io.BytesIO(CONTENT), len(CONTENT), metadata={"sha256": digest})
    large = bytes(6 << 20)
    keeper_client(minio).put_object(
        bucket, "parts", io.BytesIO(large), len(large), part_size=5 << 20, metadata={"sha256": "0" * 64}
    )
    store = open_store(f"s3://{bucket}", store_settings(minio))
    assert [version.checked for key in (KEY, "parts") for version in store.versions(key)] == [False, False]
    put(store, tmp_path)
    assert [version.checked for version in store.versions(KEY)] == [True, False]


def test_what_is_garbled_on_its_way_is_no_change_of_the_file(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"s3://{versioned_bucket(minio)}", store_settings(minio))

    class Garbling:
        def __init__(self, file: Any) -> None:
            self.tell, self.seek, self._read = file.tell, file.seek, file.read

        def read(self, size: int = -1) -> bytes:
            data: bytes = self._read(size)
            return data[:-1] + b"\0" if data else data

    class Garbled:
        def __init__(self, source: Path, size: int) -> None:
            self._file = sent_file(source, size)

        def __enter__(self) -> Garbling:
            return Garbling(self._file.__enter__())

        def __exit__(self, *error: Any) -> None:
            self._file.__exit__(*error)

    with monkeypatch.context() as patch:
        patch.setattr(bucket_store, "sent_file", Garbled)
        with pytest.raises(RetryableError, match=r"was not what was sent") as error:
            put(store, tmp_path)
    assert error.value.reason == "archive_store_garbled"
    assert store.versions(KEY) == []


def test_a_store_that_breaks_off_is_read_on_where_it_stood(minio_build: MinioBuild, tmp_path: Path) -> None:
    large = CONTENT * 20
    with MinioServer(tmp_path / "server", build=minio_build) as server:
        store = open_store("s3://archive", store_settings(server, retries=8, timeout_s=2))
        store.prepare()
        written = put(store, tmp_path, large)

        class Breaking(io.BytesIO):
            broken = False

            def write(self, data: Any, /) -> int:
                if not self.broken and self.tell() > 4 << 20:
                    self.broken = True
                    server.kill()
                    server.start(wait=False)
                return super().write(data)

        into = Breaking()
        assert store.read(KEY, written.version, into) == written.sha256
        assert into.broken
        assert into.getvalue() == large


def test_over_tls_the_same_is_checked(minio_build: MinioBuild, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "authority")
    with MinioServer(tmp_path / "server", identity=authority.identity("store"), build=minio_build) as server:
        settings = store_settings(server, secure=True, ca_file=authority.certificate)
        store = open_store("s3://archive", settings)
        store.prepare()
        written = put(store, tmp_path)
        monkeypatch.setattr(bucket_store, "ONE_REQUEST_BYTES", 1 << 20)
        in_parts = put(store, tmp_path, CONTENT * 2)
        assert store.versions(KEY) == [in_parts, replace(written, latest=False)]
        assert store.read(KEY, in_parts.version, io.BytesIO()) == in_parts.sha256
        source = tmp_path / "source.h5"
        source.write_bytes(CONTENT[:-1] + b"!")
        with pytest.raises(RecordError) as error:
            store.put("other.h5", source, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), {})
        assert error.value.reason == "file_changed"
        plain = failure(store_settings(server, secure=False), "archive", tmp_path)
        assert "object_store.secure" in str(plain)
        stranger = Authority(tmp_path / "stranger").certificate
        untrusted = failure(store_settings(server, secure=True, ca_file=stranger), "archive", tmp_path)
        assert untrusted.reason == "archive_store_refused"
        assert "is not trusted" in str(untrusted)


def test_a_file_that_had_arrived_when_the_answer_got_lost_is_there_once(minio: MinioServer, tmp_path: Path) -> None:
    bucket = versioned_bucket(minio)
    with BreakingLine(minio.endpoint) as line:
        store = open_store(f"s3://{bucket}", store_settings(minio, endpoint=line.endpoint, retries=3))
        line.lost_answers = [f"PUT /{bucket}/{KEY}".encode()]
        first = put(store, tmp_path)
        assert store.versions(KEY) == [first]
        # The same content once more beside it: what was there before is not taken for what was sent.
        line.lost_answers = [f"PUT /{bucket}/{KEY}".encode()]
        second = put(store, tmp_path, besides=[first.version])
        assert [version.version for version in store.versions(KEY)] == [second.version, first.version]
        assert line.broken == 2


@pytest.mark.parametrize("cut_after_bytes", [100_000, 7 << 20])
def test_a_line_that_is_cut_while_a_file_is_sent(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_after_bytes: int
) -> None:
    monkeypatch.setattr(bucket_store, "ONE_REQUEST_BYTES", 1 << 20)
    monkeypatch.setattr("connectors.archive.large_upload.PART_BYTES", 5 << 20)
    bucket, large = versioned_bucket(minio), CONTENT * 9
    with BreakingLine(minio.endpoint) as line:
        store = open_store(f"s3://{bucket}", store_settings(minio, endpoint=line.endpoint, retries=3))
        for content in (CONTENT[: 1 << 20], large):
            line.cut_after_bytes = min(cut_after_bytes, len(content) // 2)
            written = put(store, tmp_path, content)
            assert written.checked
            into = io.BytesIO()
            assert store.read(KEY, written.version, into) == written.sha256
            assert into.getvalue() == content
        assert len(store.versions(KEY)) == line.broken == 2
        assert list(store.keys()) == [KEY]


def test_parts_that_became_an_object_when_the_answer_got_lost_are_found(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_store, "ONE_REQUEST_BYTES", 1 << 20)
    bucket = versioned_bucket(minio)
    with BreakingLine(minio.endpoint) as line:
        store = open_store(f"s3://{bucket}", store_settings(minio, endpoint=line.endpoint))
        line.lost_answers = [f"POST /{bucket}/{KEY}?uploadId=".encode()]
        with pytest.raises(RetryableError) as error:
            put(store, tmp_path, CONTENT * 2)
        assert error.value.reason == "archive_store_away"
        written = put(store, tmp_path, CONTENT * 2)
        assert store.versions(KEY) == [written]
        assert line.broken == 1


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b'{"part_bytes": 16777216, "upload": "gone"}'])
def test_a_note_of_an_upload_that_says_nothing_is_not_in_the_way(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: bytes
) -> None:
    monkeypatch.setattr(bucket_store, "ONE_REQUEST_BYTES", 1 << 20)
    bucket, content = versioned_bucket(minio), CONTENT * 2
    digest = hashlib.sha256(content).hexdigest()
    name = f".uploads/{hashlib.sha256(f'{KEY}@{digest}'.encode()).hexdigest()}"
    keeper_client(minio).put_object(bucket, name, io.BytesIO(note), len(note))
    store = open_store(f"s3://{bucket}", store_settings(minio))
    assert store.versions(KEY) == [] == list(store.keys())
    assert put(store, tmp_path, content).checked
    assert list(keeper_client(minio).list_objects(bucket, ".uploads/")) == []


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_file_that_shrinks_while_it_is_sent(
    minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_parts: bool
) -> None:
    if in_parts:
        monkeypatch.setattr(bucket_store, "ONE_REQUEST_BYTES", 1 << 20)
        monkeypatch.setattr("connectors.archive.large_upload.PART_BYTES", 5 << 20)
    bucket, content, read = versioned_bucket(minio), CONTENT * 9, SentFile.read

    def shrinking(self: SentFile, size: int = -1, /) -> bytes:
        if self.tell() > 2 << 20:
            os.truncate(tmp_path / "source.h5", 3 << 20)
        return read(self, size)

    monkeypatch.setattr(SentFile, "read", shrinking)
    store = open_store(f"s3://{bucket}", store_settings(minio))
    with pytest.raises(RecordError) as error:
        put(store, tmp_path, content)
    assert error.value.reason == "file_changed"
    assert store.versions(KEY) == []
    assert list(keeper_client(minio).list_objects(bucket, recursive=True)) == []
