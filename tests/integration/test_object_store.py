"""Objects in a real MinIO: whole or refused, and one sentence for each way in which a store can't be used."""

import hashlib
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from minio import Minio
from pydantic import SecretStr

from connectors.object_store.checksums import CHECKSUM, WITH_CHECKSUM, content_sha256
from connectors.object_store.plain_bucket import PlainBucket
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, PetawatchError, RecordError, RetryableError
from servers.certificates import Authority
from servers.kafka_server import free_port
from servers.minio_binary import MinioBuild
from servers.minio_server import MinioServer
from tests.support.minio import keeper, keeper_client, own_bucket, reader_settings, store_settings
from tests.support.receiver import receiving

CONTENT = bytes(range(256)) * 5000


@pytest.fixture
def bucket(minio: MinioServer) -> str:
    return own_bucket(minio)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def closed(
    minio_build: MinioBuild, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MinioServer]:
    """A server that speaks TLS."""
    folder = tmp_path_factory.mktemp("closed")
    with MinioServer(folder, identity=authority.identity("store"), build=minio_build) as server:
        yield server


def put(settings: ObjectStoreSettings, bucket: str, key: str = "a/b", content: bytes = CONTENT) -> None:
    PlainBucket(settings, bucket).put(key, io.BytesIO(content), len(content))


def failure(settings: ObjectStoreSettings, bucket: str = "bucket") -> PetawatchError:
    """Of writing; as few bytes as need no connection of their own."""
    with pytest.raises(PetawatchError) as raised:
        put(settings, bucket, content=b"few")
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value).replace("this secret", "").replace("secret_key", "")
    return raised.value


def test_the_store_itself_has_computed_the_checksum(minio: MinioServer, bucket: str) -> None:
    store, digest = PlainBucket(store_settings(minio), bucket), hashlib.sha256(CONTENT).hexdigest()
    source = io.BytesIO(b"before" + CONTENT + b"behind")
    source.seek(6)
    store.put("days/a", source, len(CONTENT))
    described = keeper_client(minio).stat_object(bucket, "days/a", extra_headers=dict(WITH_CHECKSUM))
    assert content_sha256((described.metadata or {}).get(CHECKSUM, "")) == digest
    into = io.BytesIO(b"kept")
    into.seek(4)
    store.get("days/a", into)
    assert into.getvalue() == b"kept" + CONTENT
    assert list(store.keys("days/")) == ["days/a"]
    assert list(store.keys("", deep=False)) == ["days/"]
    store.remove("days/a")
    assert list(store.keys("")) == []


class Garbling(io.BytesIO):
    """Gives other bytes than before, so many times, once its checksum has been computed."""

    def __init__(self, content: bytes, times: int) -> None:
        super().__init__(content)
        self.begun, self.times = 0, times

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() == 0:
            self.begun += 1
        data = super().read(size)
        return data[:-1] + b"\0" if 1 < self.begun <= self.times + 1 else data


@pytest.mark.parametrize("secure", [False, True])
def test_what_is_garbled_on_its_way_is_refused_by_the_store_and_sent_again(
    minio: MinioServer, closed: MinioServer, authority: Authority, secure: bool
) -> None:
    server = closed if secure else minio
    settings = store_settings(server, secure=secure, ca_file=authority.certificate if secure else None)
    client = PlainBucket(settings, "garbled")
    make_bucket(settings, "garbled")
    client.put("a", Garbling(CONTENT, times=1), len(CONTENT))
    assert list(client.keys("")) == ["a"]
    with pytest.raises(RetryableError, match=r"what arrived at s3://garbled/b was not what was sent") as error:
        client.put("b", Garbling(CONTENT, times=9), len(CONTENT))
    assert error.value.reason == "object_garbled"
    assert list(client.keys("")) == ["a"]


def make_bucket(settings: ObjectStoreSettings, name: str) -> None:
    PlainBucket(settings, name)._client.make_bucket(name)


def test_an_object_that_another_program_wrote_is_read(minio: MinioServer, bucket: str) -> None:
    keeper_client(minio).put_object(bucket, "foreign", io.BytesIO(CONTENT), len(CONTENT))
    large = bytes(6 << 20)
    keeper_client(minio).put_object(bucket, "parts", io.BytesIO(large), len(large), part_size=5 << 20)
    store = PlainBucket(store_settings(minio), bucket)
    for key, content in (("foreign", CONTENT), ("parts", large)):
        into = io.BytesIO()
        store.get(key, into)
        assert into.getvalue() == content


def test_an_object_that_was_damaged_on_the_disk_is_no_object(minio: MinioServer, bucket: str) -> None:
    put(store_settings(minio), bucket)
    [part] = (minio.folder / "data" / bucket / "a" / "b").glob("*/part.1")
    content = bytearray(part.read_bytes())
    content[1000] ^= 1
    part.write_bytes(content)
    with pytest.raises((RecordError, RetryableError, FatalError)) as error:
        PlainBucket(store_settings(minio), bucket).get("a/b", io.BytesIO())
    assert f"s3://{bucket}/a/b" in str(error.value)


def test_a_store_that_is_away() -> None:
    settings = ObjectStoreSettings(endpoint=f"127.0.0.1:{free_port()}", secure=False, retries=1)
    error = failure(settings)
    assert isinstance(error, RetryableError)
    assert error.reason == "object_store_away"
    assert f"{settings.endpoint} does not answer for s3://bucket/a/b" in str(error)


def test_a_store_that_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"127.0.0.1:{listening.getsockname()[1]}"
        error = failure(ObjectStoreSettings(endpoint=endpoint, secure=False, retries=1, timeout_s=0.3))
    assert error.reason == "object_store_away"


def test_a_store_that_comes_back_gets_what_waits(minio_build: MinioBuild, tmp_path: Path) -> None:
    with MinioServer(tmp_path, build=minio_build) as server:
        settings = store_settings(server, retries=8, timeout_s=1)
        make_bucket(settings, "bucket")
        server.kill()
        server.start(wait=False)
        put(settings, "bucket")
        into = io.BytesIO()
        PlainBucket(settings, "bucket").get("a/b", into)
        assert into.getvalue() == CONTENT


@pytest.mark.parametrize(
    ("options", "reason", "sentence"),
    [
        ({"access_key": "nobody"}, "object_store_login", "knows no access key 'nobody' with this secret; mend"),
        ({"secret_key": SecretStr("wrong")}, "object_store_login", "knows no access key 'keeper' with this secret"),
        ({"secret_key": SecretStr("")}, "object_store_login", "object_store.secret_key is missing; give it"),
        ({"secret_key": SecretStr(""), "secret_key_file": Path("/gone")}, "object_store_login", "/gone can't be read"),
        ({"access_key": ""}, "object_store_rights", "can't be written: the access key '' may not do that"),
        ({"secure": True}, "object_store_tls", "does not speak TLS"),
        ({"secure": True, "ca_file": Path("/gone")}, "object_store_tls", "ca_file: /gone is no file; give a PEM"),
        ({"endpoint": "not a host"}, "object_store_refused", "mend the address or [object_store]"),
    ],
)
def test_what_is_set_wrongly_is_named(
    minio: MinioServer, bucket: str, options: dict[str, Any], reason: str, sentence: str
) -> None:
    error = failure(store_settings(minio, **options), bucket)
    assert isinstance(error, FatalError)
    assert error.reason == reason
    assert sentence in str(error)


def test_a_bucket_that_is_missing(minio: MinioServer) -> None:
    error = failure(store_settings(minio), "gone")
    assert error.reason == "object_store_bucket"
    assert "has no bucket for s3://gone/a/b; make it, or name another" in str(error)
    with pytest.raises(FatalError, match=r"has no bucket for s3://gone/"):
        list(PlainBucket(store_settings(minio), "gone").keys(""))


def test_a_bucket_that_may_only_be_read(minio: MinioServer, bucket: str, tmp_path: Path) -> None:
    put(store_settings(minio), bucket)
    reader = reader_settings(minio, bucket, tmp_path)
    error = failure(reader, bucket)
    assert error.reason == "object_store_rights"
    assert f"s3://{bucket}/a/b can't be written: the access key 'reader-" in str(error)
    into = io.BytesIO()
    PlainBucket(reader, bucket).get("a/b", into)
    assert into.getvalue() == CONTENT
    with pytest.raises(FatalError, match=r"can't be removed: the access key"):
        PlainBucket(reader, bucket).remove("a/b")


def test_a_store_that_is_full(minio: MinioServer, bucket: str) -> None:
    keeper(minio).bucket_quota_set(bucket, 1000)
    with pytest.raises(RetryableError, match=r"is full \(.*\); make room or raise the bucket's quota") as error:
        put(store_settings(minio), bucket)
    assert error.value.reason == "object_store_full"


def test_tls(minio: MinioServer, closed: MinioServer, authority: Authority, tmp_path: Path) -> None:
    trusted = store_settings(closed, secure=True, ca_file=authority.certificate)
    make_bucket(trusted, "bucket")
    put(trusted, "bucket")
    assert failure(store_settings(closed, secure=True)).reason == "object_store_tls"
    untrusted = failure(store_settings(closed, secure=True, ca_file=Authority(tmp_path / "b").certificate))
    assert "is not trusted" in str(untrusted)
    assert "object_store.ca_file" in str(untrusted)
    plain = store_settings(closed, secure=False)
    with pytest.raises(FatalError, match=r"speaks TLS only; set object_store.secure = true") as error:
        list(PlainBucket(plain, "bucket").keys(""))
    assert error.value.reason == "object_store_tls"
    # It may hang up before it has heard that something is written.
    assert "object_store.secure" in str(failure(plain))


def test_what_is_no_object_store() -> None:
    with receiving() as receiver:
        error = failure(ObjectStoreSettings(endpoint=f"127.0.0.1:{receiver.port}", secure=False, retries=1))
    assert error.reason == "object_store_refused"
    assert "is no object store; mend object_store.endpoint" in str(error)


def test_the_plain_client_agrees(minio: MinioServer, bucket: str) -> None:
    put(store_settings(minio), bucket)
    client: Minio = keeper_client(minio)
    response = client.get_object(bucket, "a/b")
    assert response.read() == CONTENT
    response.close()
    response.release_conn()
