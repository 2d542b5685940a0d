"""Every place for shards keeps its promises: a file is there whole or not at all, and is what was written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.object_store.settings import ObjectStoreSettings
from connectors.record_shards import ShardTarget
from models.errors import RecordError
from servers.minio_server import MinioServer
from streams.shard_places import place_of, shard_target
from tests.support.minio import own_bucket, store_settings

#: Opens the same place, empty at first, anew.
Opening = Callable[[], ShardTarget]


def write(target: ShardTarget, name: str, content: bytes) -> None:
    file = target.create(name)
    file.write(content[: len(content) // 2])
    file.write(content[len(content) // 2 :])
    file.commit()
    file.abort()  # does nothing any more


def read(target: ShardTarget, name: str) -> bytes:
    with target.open(name) as stream:
        return stream.read()


class ShardTargets:
    """The promises."""

    def test_there_is_nothing_at_first(self, opening: Opening) -> None:
        assert opening().names() == []

    @pytest.mark.parametrize("size", [0, 1, 3_000_001])
    def test_what_was_written_is_read_by_whoever_comes_later(self, opening: Opening, size: int) -> None:
        content = bytes(range(251)) * (size // 251 + 1)
        write(opening(), "triplets-00000.tfrecord", content[:size])
        assert read(opening(), "triplets-00000.tfrecord") == content[:size]
        with opening().on_disk("triplets-00000.tfrecord") as path:
            assert path.read_bytes() == content[:size]

    def test_a_stream_can_be_read_twice(self, opening: Opening) -> None:
        write(opening(), "a", b"0123456789")
        with opening().open("a") as stream:
            assert stream.read(4) == b"0123"
            stream.seek(0)
            assert stream.read() == b"0123456789"

    def test_names_are_sorted_and_complete(self, opening: Opening) -> None:
        target = opening()
        for name in ("b", "schema.json", "a"):
            write(target, name, name.encode())
        assert opening().names() == target.names() == ["a", "b", "schema.json"]

    def test_nothing_of_the_name_is_there_before_it_is_committed(self, opening: Opening) -> None:
        target = opening()
        file = target.create("a")
        file.write(bytes(1000))
        assert "a" not in target.names()
        file.abort()
        file.abort()
        assert target.names() == []

    def test_a_name_that_is_written_again_has_the_later_content(self, opening: Opening) -> None:
        write(opening(), "a", b"earlier and longer")
        write(opening(), "a", b"later")
        assert read(opening(), "a") == b"later"

    def test_what_was_removed_is_gone_and_may_be_removed_again(self, opening: Opening) -> None:
        target = opening()
        write(target, "a", b"a")
        write(target, "b", b"b")
        target.remove("a")
        target.remove("a")
        assert opening().names() == ["b"]

    def test_what_is_missing_is_named(self, opening: Opening) -> None:
        target = opening()
        write(target, "there", b"")
        for _ in range(2):
            with pytest.raises(RecordError, match=r"/gone is missing; copy or export it again"):
                target.open("gone")
        with pytest.raises(RecordError, match=r"/gone is missing"), target.on_disk("gone"):
            pytest.fail("there is nothing")

    def test_the_address_is_what_an_operator_wrote(self, opening: Opening) -> None:
        assert str(place_of(opening().address)) == opening().address


class TestFolder(ShardTargets):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Opening:
        return lambda: shard_target(tmp_path / "shards", ObjectStoreSettings())


class TestBucket(ShardTargets):
    @pytest.fixture
    def opening(self, minio: MinioServer) -> Opening:
        place = place_of(f"s3://{own_bucket(minio)}")
        return lambda: shard_target(place, store_settings(minio))


class TestPrefix(ShardTargets):
    @pytest.fixture
    def opening(self, minio: MinioServer) -> Opening:
        bucket = own_bucket(minio)
        # Beside it, and not in it.
        write(shard_target(place_of(f"s3://{bucket}/days/2022-07-0"), store_settings(minio)), "other", b"")
        place = place_of(f"s3://{bucket}/days/2022-07-01/")
        return lambda: shard_target(place, store_settings(minio))
