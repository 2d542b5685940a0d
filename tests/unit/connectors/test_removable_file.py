"""A file is removed only as it was read, and no link leads out of its folder."""

import os
from pathlib import Path

import pytest

from connectors.removable_file import removable_file
from models.errors import RecordError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data/10Hz"
    folder.mkdir(parents=True)
    (folder / "a.h5").write_bytes(b"content")
    return tmp_path / "data"


def test_it_is_read_and_removed(root: Path) -> None:
    with removable_file(root, "10Hz/a.h5") as file:
        assert file.size_bytes == 7
        assert file.sha256() == file.sha256() == "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
        file.remove()
    assert list((root / "10Hz").iterdir()) == []


@pytest.mark.parametrize("change", ["written", "replaced", "touched"])
def test_what_changed_meanwhile_stays(root: Path, change: str) -> None:
    path = root / "10Hz/a.h5"
    with removable_file(root, "10Hz/a.h5") as file:
        file.sha256()
        if change == "written":
            path.write_bytes(b"another")
        elif change == "replaced":
            (root / "fresh").write_bytes(b"content")
            (root / "fresh").replace(path)
        else:
            os.utime(path, ns=(1, 1))
        with pytest.raises(RecordError) as failure:
            file.remove()
    assert failure.value.reason == "changed"
    assert path.exists()


@pytest.mark.parametrize("relative", ["../outside.h5", "/etc/passwd", "", ".", "10Hz/../../outside.h5"])
def test_nothing_outside_is_reached(root: Path, relative: str) -> None:
    (root.parent / "outside.h5").write_bytes(b"other")
    with pytest.raises(RecordError, match="leads out"), removable_file(root, relative):
        pass


def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.h5").write_bytes(b"other")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "10Hz/b.h5").symlink_to(tmp_path / "elsewhere/b.h5")
    for relative in ("linked/b.h5", "10Hz/b.h5"):
        with pytest.raises(RecordError) as failure, removable_file(root, relative):
            pass
        assert failure.value.reason == "not_ours"


def test_what_is_no_file_is_left_alone(root: Path) -> None:
    os.mkfifo(root / "10Hz/pipe.h5")
    (root / "10Hz/folder.h5").mkdir()
    for relative in ("10Hz/pipe.h5", "10Hz/folder.h5"):
        with pytest.raises(RecordError) as failure, removable_file(root, relative):
            pass
        assert failure.value.reason == "not_ours"


def test_what_is_gone_is_gone(root: Path) -> None:
    with pytest.raises(FileNotFoundError), removable_file(root, "10Hz/c.h5"):
        pass
