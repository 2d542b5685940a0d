"""Pictures read back: whole ones only."""

from pathlib import Path

import numpy as np
import pytest

from connectors.evidence_picture import encode_png
from connectors.png_file import read_png
from models.errors import RecordError

_MOST = 1 << 20


@pytest.fixture
def picture() -> bytes:
    return encode_png(
        np.arange(600, dtype=np.uint8).reshape(20, 30) % 3, np.array([[0, 0, 0], [9, 9, 9], [1, 2, 3]], np.uint8)
    )


def test_a_whole_picture_is_read(tmp_path: Path, picture: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture)
    assert read_png(path, _MOST) == picture


def test_a_picture_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no longer kept") as failure:
        read_png(tmp_path / "a.png", _MOST)
    assert failure.value.reason == "picture_missing"


def test_every_cut_and_every_changed_byte_is_damage(tmp_path: Path, picture: bytes) -> None:
    path = tmp_path / "a.png"
    damaged = [picture[:length] for length in range(len(picture))]
    damaged += [
        picture[:place] + bytes([picture[place] ^ 0x41]) + picture[place + 1 :] for place in range(len(picture))
    ]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(RecordError) as failure:
            read_png(path, _MOST)
        assert failure.value.reason == "picture_damaged"


def test_what_is_too_large_or_no_file_is_damage(tmp_path: Path, picture: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture)
    for wrong, most in ((path, len(picture) - 1), (tmp_path, _MOST)):
        with pytest.raises(RecordError) as failure:
            read_png(wrong, most)
        assert failure.value.reason == "picture_damaged"
