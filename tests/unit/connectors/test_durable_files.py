"""Files that are there whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from connectors.durable_files import file_aside, put_in_place, replace_file


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    aside, place = tmp_path / ".aside", tmp_path / "place"
    place.write_bytes(b"before")
    with file_aside(aside) as stream:
        stream.write(b"whole")
        assert place.read_bytes() == b"before"
    put_in_place(aside, place)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert place.read_bytes() == b"whole"


def test_of_a_broken_attempt_nothing_is_left(tmp_path: Path) -> None:
    def write() -> None:
        with file_aside(tmp_path / ".aside") as stream:
            stream.write(b"a part")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_the_old_file_stays_and_nothing_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "file"
    replace_file(file, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_both_the_file_and_its_name_are_synchronised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    with file_aside(tmp_path / ".aside") as stream:
        stream.write(b"whole")
    put_in_place(tmp_path / ".aside", tmp_path / "place")
    assert synced == [".aside", tmp_path.name]
