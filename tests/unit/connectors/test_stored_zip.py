"""Archives of a few parts: the same bytes each time, read strictly."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors import stored_zip
from connectors.file_hash import file_sha256
from connectors.stored_zip import read_stored_zip, write_stored_zip
from models.errors import FatalError

PARTS = [("head.json", b'{"format": 1}'), ("states/0", bytes(range(256)) * 40)]


def test_what_is_written_is_read_and_named_by_its_content(tmp_path: Path) -> None:
    path = write_stored_zip(tmp_path / "a", "part", ".zip", PARTS)
    again = write_stored_zip(tmp_path / "b", "part", ".zip", PARTS)
    assert read_stored_zip(path) == dict(PARTS)
    assert path.read_bytes() == again.read_bytes()
    assert path.name == f"part_{file_sha256(path)[:12]}.zip"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, bytes]]:
        yield PARTS[0]
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        write_stored_zip(tmp_path, "part", ".zip", broken())
    assert list(tmp_path.iterdir()) == []


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def compressed(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("head.json", b"0" * 1_000_000)


def doubled(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("states/0", b"another")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flipped, cut, compressed, doubled, emptied])
def test_damage_is_told(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = write_stored_zip(tmp_path, "part", ".zip", PARTS)
    damage(path)
    with pytest.raises(FatalError, match="restore it from another copy") as failure:
        read_stored_zip(path)
    assert failure.value.reason == "archived_file_damaged"


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_stored_zip(tmp_path, "part", ".zip", PARTS)
    monkeypatch.setattr(stored_zip, "MAX_BYTES", 1000)
    with pytest.raises(FatalError, match="larger than"):
        read_stored_zip(path)
