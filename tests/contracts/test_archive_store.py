"""Every store of the archive keeps its promises: each version whole, compared, and found again."""

import hashlib
import io
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore, StoredVersion
from connectors.object_store.part_uploads import PartUploads, SentPart
from connectors.object_store.settings import ObjectStoreSettings
from models.errors import FatalError, RecordError
from servers.minio_server import MinioServer
from tests.support.minio import store_settings

#: Opens the same store, empty at first and prepared, anew.
Opening = Callable[[], ArchiveStore]
KEY = "10Hz/2022-07-01/LA_A3_31_60s_snapshot_2022-07-01_09-30.h5"
METADATA = {"sha256": "", "mtime-ns": "1656667800123456789", "path": "10Hz/2022-07-01/Größe 1.h5"}


def put(store: ArchiveStore, folder: Path, content: bytes, key: str = KEY) -> StoredVersion:
    source = folder / "source.h5"
    source.write_bytes(content)
    return store.put(key, source, sha256(content), len(content), noted(content))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def noted(content: bytes) -> Mapping[str, str]:
    return {**METADATA, "sha256": sha256(content)}


def read(store: ArchiveStore, version: str, key: str = KEY) -> bytes:
    into = io.BytesIO(b"before")
    into.seek(6)
    digest = store.read(key, version, into)
    content = into.getvalue()
    assert content[:6] == b"before"
    assert digest == sha256(content[6:])
    return content[6:]


SEND = PartUploads.send


class ArchiveStores:
    """The promises."""

    def test_there_is_nothing_at_first(self, opening: Opening) -> None:
        opening().check()
        assert list(opening().keys()) == []
        assert opening().versions(KEY) == []

    def test_it_may_be_prepared_again(self, opening: Opening, tmp_path: Path) -> None:
        put(opening(), tmp_path, b"kept")
        opening().prepare()
        assert [version.sha256 for version in opening().versions(KEY)] == [sha256(b"kept")]

    @pytest.mark.parametrize("size", [0, 1, 3_000_001])
    def test_what_was_put_is_read_by_whoever_comes_later(self, opening: Opening, tmp_path: Path, size: int) -> None:
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        written = put(opening(), tmp_path, content)
        assert (written.key, written.size_bytes, written.sha256) == (KEY, size, sha256(content))
        assert written.checked
        assert written.latest
        [found] = opening().versions(KEY)
        assert found == written
        assert {name: found.metadata[name] for name in METADATA} == noted(content)
        assert read(opening(), written.version) == content

    def test_a_content_that_is_there_is_not_put_again(self, opening: Opening, tmp_path: Path) -> None:
        first = put(opening(), tmp_path, b"the same")
        (tmp_path / "source.h5").unlink()
        again = opening().put(KEY, tmp_path / "source.h5", sha256(b"the same"), 8, noted(b"the same"))
        assert again == first
        assert len(opening().versions(KEY)) == 1

    def test_a_version_that_was_found_damaged_does_not_count_as_there(self, opening: Opening, tmp_path: Path) -> None:
        first = put(opening(), tmp_path, b"the same")
        source, digest = tmp_path / "source.h5", sha256(b"the same")
        again = opening().put(KEY, source, digest, 8, noted(b"the same"), {first.version})
        assert read(opening(), again.version) == b"the same"
        assert opening().put(KEY, source, digest, 8, noted(b"the same")).version == again.version
        source.unlink()
        with pytest.raises(RecordError, match=r"is gone"):
            opening().put(KEY, source, digest, 8, noted(b"the same"), {first.version, again.version})

    def test_a_replaced_file_is_a_new_version_and_the_old_one_stays(self, opening: Opening, tmp_path: Path) -> None:
        contents = [b"first", b"second and longer", b"third"]
        written = [put(opening(), tmp_path, content) for content in contents]
        found = opening().versions(KEY)
        assert [version.sha256 for version in found] == [sha256(content) for content in reversed(contents)]
        assert [version.latest for version in found] == [True, False, False]
        assert [read(opening(), version.version) for version in written] == contents
        # One that is there is as good as new, and does not become the latest one.
        assert put(opening(), tmp_path, b"first").sha256 == sha256(b"first")
        assert opening().versions(KEY) == found

    def test_equal_contents_under_two_keys_are_two_files(self, opening: Opening, tmp_path: Path) -> None:
        put(opening(), tmp_path, b"equal", "10Hz/2022-07-01/a.h5")
        put(opening(), tmp_path, b"equal", "1Hz/2022-07-01/a.h5")
        [version] = opening().versions("1Hz/2022-07-01/a.h5")
        opening().remove("1Hz/2022-07-01/a.h5", version.version)
        assert opening().versions("1Hz/2022-07-01/a.h5") == []
        assert len(opening().versions("10Hz/2022-07-01/a.h5")) == 1

    def test_keys_of_which_one_begins_as_the_other_are_told_apart(self, opening: Opening, tmp_path: Path) -> None:
        put(opening(), tmp_path, b"longer", "2022-07-01/a.h5.part")
        assert opening().versions("2022-07-01/a.h5") == []
        put(opening(), tmp_path, b"shorter", "2022-07-01/a.h5")
        assert [version.sha256 for version in opening().versions("2022-07-01/a.h5")] == [sha256(b"shorter")]

    def test_keys_come_in_their_order(self, opening: Opening, tmp_path: Path) -> None:
        keys = ["10Hz/b/x", "10Hz/b-1/x", "10Hz/b.h5", "10Hz/Größe/x", "2Hz/b/x", "states/2022-07-01/a b+c%20.json"]
        for key in keys:
            put(opening(), tmp_path, key.encode(), key)
        assert list(opening().keys()) == sorted(keys)
        assert list(opening().keys("10Hz/b/")) == ["10Hz/b/x"]
        assert list(opening().keys("10Hz/b")) == ["10Hz/b-1/x", "10Hz/b.h5", "10Hz/b/x"]
        assert list(opening().keys("states/2022-07-01/a b+c%20.json")) == ["states/2022-07-01/a b+c%20.json"]
        assert list(opening().keys("3Hz")) == []

    @pytest.mark.parametrize("part", ["ä" * 127, "a+b%2Fc #d?e&f=g", "back\\slash", " 'x' ", "😀.", "..a", "k" * 255])
    def test_a_file_keeps_its_name_whatever_it_is(self, opening: Opening, tmp_path: Path, part: str) -> None:
        key = f"{part}/2022-07-01/{part}/{part}"
        written = put(opening(), tmp_path, b"content", key)
        assert opening().versions(key) == [written]
        assert read(opening(), written.version, key) == b"content"
        assert list(opening().keys()) == [key]

    def test_a_removed_version_is_gone_and_the_others_stay(self, opening: Opening, tmp_path: Path) -> None:
        first, second, third = [put(opening(), tmp_path, content) for content in (b"1", b"2", b"3")]
        opening().remove(KEY, third.version)
        opening().remove(KEY, third.version)
        assert [version.sha256 for version in opening().versions(KEY)] == [second.sha256, first.sha256]
        assert opening().versions(KEY)[0].latest
        opening().remove(KEY, first.version)
        assert read(opening(), second.version) == b"2"
        again = put(opening(), tmp_path, b"1")
        assert [version.sha256 for version in opening().versions(KEY)] == [first.sha256, second.sha256]
        opening().remove(KEY, second.version)
        opening().remove(KEY, again.version)
        assert opening().versions(KEY) == []
        assert list(opening().keys()) == []

    def test_a_version_that_is_missing_is_named(self, opening: Opening, tmp_path: Path) -> None:
        written = put(opening(), tmp_path, b"content")
        for key, version in ((KEY, absent(written.version)), (f"{KEY}.other", written.version)):
            with pytest.raises(RecordError, match=r"has no version .*; restore it from another copy") as error:
                opening().read(key, version, io.BytesIO())
            assert error.value.reason == "copy_missing"

    @pytest.mark.parametrize("content", [b"another", b"shorter", b"the content and more", b""])
    def test_a_file_that_has_changed_is_not_believed(self, opening: Opening, tmp_path: Path, content: bytes) -> None:
        source = tmp_path / "source.h5"
        source.write_bytes(content)
        with pytest.raises(RecordError, match=r"source.h5 has changed since it was first read") as error:
            opening().put(KEY, source, sha256(b"content"), 7, noted(b"content"))
        assert error.value.reason == "file_changed"
        assert opening().versions(KEY) == []
        assert list(opening().keys()) == []

    def test_a_file_that_is_gone(self, opening: Opening, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match=r"gone.h5 is gone") as error:
            opening().put(KEY, tmp_path / "gone.h5", sha256(b""), 0, noted(b""))
        assert error.value.reason == "file_gone"

    def test_a_file_that_can_not_be_read(self, opening: Opening, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match=r"can't be read") as error:
            opening().put(KEY, tmp_path, sha256(b"few"), 3, noted(b"few"))
        assert error.value.reason == "file_unreadable"

    @pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/./b", "a/", f"a/{'n' * 1100}"])
    def test_a_key_that_can_not_be_held(self, opening: Opening, tmp_path: Path, key: str) -> None:
        with pytest.raises(RecordError) as error:
            put(opening(), tmp_path, b"content", key)
        assert error.value.reason == "archive_key"
        assert "\n" not in str(error.value)

    def test_many_write_at_once(self, opening: Opening, tmp_path: Path) -> None:
        store = opening()

        def work(number: int) -> str:
            folder = tmp_path / str(number)
            folder.mkdir()
            return put(store, folder, str(number % 4).encode() * 100_000, f"2022-07-01/{number % 2}").sha256

        with ThreadPoolExecutor(8) as pool:
            written = list(pool.map(work, range(16)))
        assert set(store.keys()) == {"2022-07-01/0", "2022-07-01/1"}
        for number in range(2):
            found = [version.sha256 for version in store.versions(f"2022-07-01/{number}")]
            assert set(found) == set(written[number::2])
            for version in store.versions(f"2022-07-01/{number}"):
                read(store, version.version, f"2022-07-01/{number}")

    def test_the_address_opens_the_same_store(self, opening: Opening, tmp_path: Path) -> None:
        assert opening().address == opening().address
        assert opening().address.startswith(("file:///", "s3://"))


def absent(version: str) -> str:
    """A version's name of the same form that there is not."""
    return version[:-1] + ("0" if version[-1] != "0" else "1")


class TestFolder(ArchiveStores):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Opening:
        def open_again() -> ArchiveStore:
            return open_store(
                open_store(str(tmp_path / "a store"), ObjectStoreSettings()).address, ObjectStoreSettings()
            )

        open_again().prepare()
        return open_again

    def test_a_folder_that_was_never_prepared_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(FatalError, match=r"holds no archive; mount its file system, or") as error:
            open_store(str(tmp_path), ObjectStoreSettings()).check()
        assert error.value.reason == "archive_store_missing"
        assert list(tmp_path.iterdir()) == []

    def test_whether_it_is_there(self, opening: Opening, tmp_path: Path) -> None:
        assert opening().is_there()
        assert not open_store(str(tmp_path / "another"), ObjectStoreSettings()).is_there()


class TestBucket(ArchiveStores):
    @pytest.fixture
    def opening(self, minio: MinioServer) -> Opening:
        address = f"s3://test-{uuid.uuid4().hex[:12]}"
        open_store(address, store_settings(minio)).prepare()
        return lambda: open_store(address, store_settings(minio))

    def test_whether_it_is_there(self, opening: Opening, minio: MinioServer) -> None:
        assert opening().is_there()
        assert not open_store(f"s3://test-{uuid.uuid4().hex[:12]}", store_settings(minio)).is_there()

    def test_a_large_file_goes_in_parts(
        self, opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_parts(monkeypatch)
        content = (bytes(range(251)) * 50_000)[: 11 << 20]
        written = put(opening(), tmp_path, content)
        assert written.checked
        assert written.sha256 == sha256(content)
        assert opening().versions(KEY) == [written]
        assert read(opening(), written.version) == content
        assert list(opening().keys()) == [KEY]
        changed = tmp_path / "source.h5"
        changed.write_bytes(content[:-1] + b"!")
        with pytest.raises(RecordError) as error:
            opening().put("2022-07-01/b.h5", changed, sha256(content), len(content), noted(content))
        assert error.value.reason == "file_changed"
        assert list(opening().keys()) == [KEY]

    def test_a_large_file_is_gone_on_with_after_a_break(
        self, opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_parts(monkeypatch)
        content = (bytes(range(251)) * 50_000)[: 11 << 20]
        sent: list[int] = []
        last = 2

        def breaking(self: PartUploads, key: str, upload: str, number: int, *data: bytes) -> SentPart:
            if number > last:
                raise KeyboardInterrupt
            sent.append(number)
            return SEND(self, key, upload, number, *data)

        monkeypatch.setattr(PartUploads, "send", breaking)
        with pytest.raises(KeyboardInterrupt):
            put(opening(), tmp_path, content)
        assert opening().versions(KEY) == []
        assert sorted(sent) == [1, 2]
        sent.clear()
        last = 3
        written = put(opening(), tmp_path, content)
        assert sent == [3]
        assert read(opening(), written.version) == content
        assert list(opening().keys()) == [KEY]


def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts as small as the protocol has them."""
    monkeypatch.setattr("connectors.archive.bucket_store.ONE_REQUEST_BYTES", 5 << 20)
    monkeypatch.setattr("connectors.archive.large_upload.PART_BYTES", 5 << 20)
