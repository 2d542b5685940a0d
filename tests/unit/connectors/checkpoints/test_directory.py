"""The folder of checkpoints: what its file system may do."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from connectors.checkpoints import directory
from connectors.checkpoints.directory import DirectoryCheckpoints, DirectoryCheckpointStore
from connectors.checkpoints.epoch_folders import latest_complete
from connectors.checkpoints.store import Checkpoint, FencedError
from models.errors import FatalError, PetawatchError, RetryableError


def taken_over(root: Path) -> tuple[DirectoryCheckpoints, Checkpoint]:
    return asyncio.run(DirectoryCheckpointStore(root, "hpls").open("image", 3))


def test_a_missing_root_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"checkpoints\.directory") as raised:
        taken_over(tmp_path / "not-mounted")
    assert raised.value.reason == "checkpoint_directory"


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, RetryableError, "checkpoint_store_away"),
        (errno.ESTALE, RetryableError, "checkpoint_store_away"),
        (errno.EACCES, FatalError, "checkpoint_directory"),
        (errno.EROFS, FatalError, "checkpoint_directory"),
    ],
)
def test_what_the_disk_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[PetawatchError], reason: str
) -> None:
    checkpoints, _ = taken_over(tmp_path)
    checkpoints.write_now({"images": 1}, {"a": b"1"})
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _failing(number))
        with pytest.raises(kind, match=str(tmp_path)) as raised:
            checkpoints.write_now({"images": 2}, {"a": b"2"})
        assert raised.value.reason == reason
    checkpoints.write_now({"images": 3}, {"b": b"3"})
    assert taken_over(tmp_path)[1] == Checkpoint(next_offsets={"images": 3}, states={"a": b"1", "b": b"3"})


def test_a_bad_sector_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints, _ = taken_over(tmp_path)
    for number in (1, 2, 3):
        checkpoints.write_now({"images": number}, {"a": b"%d" % number})
    read = Path.read_bytes

    def failing(path: Path) -> bytes:
        if path.name == "a#0":
            raise OSError(errno.EIO, "bad sector")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    checkpoint = taken_over(tmp_path)[1]
    assert checkpoint.states == {"a": b"2"}
    assert checkpoint.fell_back


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _failing(errno.EPERM))
    for number in range(3):
        checkpoints, checkpoint = taken_over(tmp_path)
        assert checkpoint.states == ({"a": b"%d" % (number - 1)} if number else {})
        checkpoints.write_now({"images": number}, {"a": b"%d" % number})


def test_who_reads_while_it_is_taken_over_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DirectoryCheckpointStore(tmp_path, "hpls")
    assert asyncio.run(store.read("image", 3)) == Checkpoint()
    assert list(tmp_path.iterdir()) == []
    checkpoints, _ = taken_over(tmp_path)
    checkpoints.write_now({"images": 1}, {"a": b"1"})
    looks: list[Path | None] = []

    def overtaken(folder: Path) -> Path | None:
        latest = latest_complete(folder)
        looks.append(latest)
        if len(looks) < 3:
            taken_over(tmp_path)
        return latest

    monkeypatch.setattr(directory, "latest_complete", overtaken)
    assert asyncio.run(store.read("image", 3)) == Checkpoint(next_offsets={"images": 1}, states={"a": b"1"})
    assert len(set(looks)) == 3


def test_nothing_is_left_of_former_owners(tmp_path: Path) -> None:
    for number in range(4):
        checkpoints, _ = taken_over(tmp_path)
        checkpoints.write_now({"images": number}, {"a": b"1"})
    folders = list((tmp_path / "hpls" / "image" / "3").iterdir())
    assert [folder.name for folder in folders] == ["epoch-0000000004"]
    assert {path.name for path in folders[0].iterdir()} == {"complete", "position-0", "position-1", "a#0", "a#1"}


def test_a_former_owner_is_stopped_wherever_it_is_in_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace
    for step in range(3):
        checkpoints, _ = taken_over(tmp_path)
        checkpoints.write_now({"images": 1}, {"a": b"1", "b": b"1"})
        steps = iter(range(10))

        def interrupted(path: Path, target: Any, steps: Any = steps, step: int = step) -> Any:
            if next(steps) == step:
                with monkeypatch.context() as patch:
                    patch.setattr(Path, "replace", replace)
                    assert taken_over(tmp_path)[1] == Checkpoint(
                        next_offsets={"images": 1}, states={"a": b"1", "b": b"1"}
                    )
            return replace(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", interrupted)
            with pytest.raises(FencedError):
                checkpoints.write_now({"images": 2}, {"a": b"2", "b": b"2"})
        assert taken_over(tmp_path)[1] == Checkpoint(next_offsets={"images": 1}, states={"a": b"1", "b": b"1"})


def _failing(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail
