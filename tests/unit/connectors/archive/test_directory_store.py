"""A folder as a store: what interrupts it loses nothing, and one sentence for each way in which it can't be used."""

import errno
import hashlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.archive import directory_store, key_folder
from connectors.archive.directory_store import DirectoryStore
from models.errors import FatalError, PetawatchError, RecordError, RetryableError

KEY = "10Hz/2022-07-01/a.h5"


class KilledError(BaseException):
    """As kill -9: nothing that comes after it happens."""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    made = DirectoryStore(tmp_path / "store")
    made.prepare()
    return made


def put(store: DirectoryStore, folder: Path, content: bytes) -> None:
    source = folder / "source.h5"
    source.write_bytes(content)
    store.put(KEY, source, hashlib.sha256(content).hexdigest(), len(content), {})


def contents(store: DirectoryStore) -> list[bytes]:
    """Of all versions, the latest first; each is the one that its name says."""
    found = []
    for version in store.versions(KEY):
        into = io.BytesIO()
        assert store.read(KEY, version.version, into) == version.sha256
        assert version.size_bytes == len(into.getvalue())
        found.append(into.getvalue())
    return found


def kill_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """End before or after one of the changes of the disk: odd numbers after, even ones before."""
    done = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 2
            if done > number + 1:
                raise KilledError
            result = change(*arguments, **options)
            if done > number:
                raise KilledError
            return result

        return changing

    for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
        patch.setattr(Path, name, counted(getattr(Path, name)))
    for module, name in ((key_folder, "replace_file"), (os, "fsync")):
        patch.setattr(module, name, counted(getattr(module, name)))


def test_whatever_interrupts_a_put_every_version_stays_whole(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"first")
    put(store, tmp_path, b"second")
    kept, folder, number, outcomes = tmp_path / "kept", tmp_path / "store", 0, set()
    shutil.copytree(folder, kept)
    while True:
        number += 1
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number)
            try:
                put(store, tmp_path, b"third")
            except KilledError:
                pass
            else:
                break
        there = contents(store)
        assert there in ([b"second", b"first"], [b"third", b"second", b"first"])
        outcomes.add(len(there))
        put(store, tmp_path, b"third")
        assert contents(store) == [b"third", b"second", b"first"]
        assert (folder / KEY).read_bytes() == b"third"
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert outcomes == {2, 3}
    assert number > 12


@pytest.mark.parametrize("removed", [b"first", b"second", b"third"])
def test_whatever_interrupts_a_removal_the_others_stay_whole(
    store: DirectoryStore, tmp_path: Path, removed: bytes
) -> None:
    all_three = [b"third", b"second", b"first"]
    for content in reversed(all_three):
        put(store, tmp_path, content)
    version = hashlib.sha256(removed).hexdigest()
    kept, folder, number = tmp_path / "kept", tmp_path / "store", 0
    shutil.copytree(folder, kept)
    others = [content for content in all_three if content != removed]
    while True:
        number += 1
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, number)
            try:
                store.remove(KEY, version)
            except KilledError:
                pass
            else:
                break
        assert contents(store) in (all_three, others)
        store.remove(KEY, version)
        assert contents(store) == others
        put(store, tmp_path, b"fourth")
        assert contents(store) == [b"fourth", *others]
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    assert number > 4


def test_the_latest_version_lies_under_its_key(store: DirectoryStore, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        put(store, tmp_path, content)
        assert (tmp_path / "store" / KEY).read_bytes() == content
    store.remove(KEY, hashlib.sha256(b"second").hexdigest())
    assert (tmp_path / "store" / KEY).read_bytes() == b"first"


def test_a_damaged_version_is_found_and_mended_by_putting_it_again(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"first")
    put(store, tmp_path, b"second")
    (tmp_path / "store" / KEY).write_bytes(b"SECOND")
    [latest, _] = store.versions(KEY)
    assert store.read(KEY, latest.version, io.BytesIO()) != latest.sha256
    put(store, tmp_path, b"second")
    assert contents(store) == [b"second", b"first"]


def test_a_version_whose_content_somebody_removed_is_missing(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"first")
    put(store, tmp_path, b"second")
    (tmp_path / "store" / KEY).unlink()
    assert contents(store) == [b"first"]
    put(store, tmp_path, b"third")
    assert contents(store) == [b"third", b"first"]
    put(store, tmp_path, b"second")
    assert sorted(contents(store)) == [b"first", b"second", b"third"]


def read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def failing(error: int) -> Callable[[int], None]:
    def fsync(_: int) -> None:
        raise OSError(error, os.strerror(error))

    return fsync


@pytest.mark.parametrize(
    ("error", "kind", "reason", "sentence"),
    [
        (errno.ENOSPC, RetryableError, "archive_store_full", "is full (No space left on device); make room"),
        (errno.EDQUOT, RetryableError, "archive_store_full", "is full (Disk quota exceeded); make room"),
        (errno.EIO, RetryableError, "archive_store_away", "can't be reached (Input/output error); look at the disk"),
        (errno.ESTALE, RetryableError, "archive_store_away", "can't be reached (Stale file handle)"),
        (errno.EROFS, FatalError, "archive_store_refused", "is mounted for reading only, as many are after an error"),
        (errno.EACCES, FatalError, "archive_store_refused", "this user may not (Permission denied); give it the right"),
        (errno.ENAMETOOLONG, RecordError, "archive_key", "is a name that the archive can't hold (File name too long)"),
        (errno.EPROTO, FatalError, "archive_store_refused", "can't be kept: Protocol error; look at"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    store: DirectoryStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    kind: type[PetawatchError],
    reason: str,
    sentence: str,
) -> None:
    put(store, tmp_path, b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(error))
        with pytest.raises(kind) as raised:
            put(store, tmp_path, b"second")
    assert raised.value.reason == reason
    assert sentence in str(raised.value)
    assert contents(store) == [b"first"]
    assert [path for path in (tmp_path / "store").rglob("*") if b"second" in path.name.encode() + read(path)] == []
    put(store, tmp_path, b"second")
    assert contents(store) == [b"second", b"first"]


def test_what_is_read_back_differently_does_not_count(
    store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(directory_store, "file_sha256", lambda *_, **__: "0" * 64)
        with pytest.raises(RetryableError, match=r"is not what is read from it; look at its disk") as raised:
            put(store, tmp_path, b"first")
    assert raised.value.reason == "archive_store_garbled"
    assert contents(store) == []


def test_a_folder_whose_file_system_is_away_is_never_made_anew(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"first")
    (tmp_path / "store").rename(tmp_path / "unmounted")
    (tmp_path / "store").mkdir()
    for use in (
        lambda: put(store, tmp_path, b"first"),
        lambda: store.versions(KEY),
        lambda: list(store.keys()),
        lambda: store.remove(KEY, "0"),
        lambda: store.read(KEY, "0", io.BytesIO()),
    ):
        with pytest.raises(RetryableError, match=r"holds no archive any more; look whether its file system") as raised:
            use()
        assert raised.value.reason == "archive_store_away"
    with pytest.raises(FatalError, match=r"holds no archive; mount its file system") as missing:
        store.check()
    assert missing.value.reason == "archive_store_missing"
    assert list((tmp_path / "store").iterdir()) == []


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FatalError) as raised:
        DirectoryStore(tmp_path / "file/store").prepare()
    assert raised.value.reason == "archive_store_refused"


def test_a_key_below_another_one_is_refused(store: DirectoryStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"first")
    with pytest.raises(RecordError, match=r"is a name that the archive can't hold") as raised:
        store.put(f"{KEY}/below", tmp_path / "source.h5", hashlib.sha256(b"first").hexdigest(), 5, {})
    assert raised.value.reason == "archive_key"
    assert contents(store) == [b"first"]
    assert list(store.keys()) == [KEY]
    store.remove(KEY, hashlib.sha256(b"first").hexdigest())
    assert list(store.keys()) == []
