import json
import os
import shutil
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.dot_matrix_font import text_dots
from connectors.evidence_picture import encode_png, evidence_png
from connectors.evidence_store import EvidenceSettings, EvidenceStore
from models.alerts.alert import AlertSource, EvidenceFrame
from models.devices import parse_device
from models.errors import FatalError
from models.event_time import DAY_NS, parse_iso
from models.records import IMAGE_SHAPE

SHOT_NS = parse_iso("2022-07-01T09:34:00.100Z")


def _frame(alert: str = "0123456789abcdef", role: str = "first", event_time_ns: int = SHOT_NS) -> EvidenceFrame:
    rng = np.random.default_rng(0)
    cleaned = rng.uniform(0, 3000, IMAGE_SHAPE).astype(np.float32)
    return EvidenceFrame(
        alert_id=alert,
        role=role,
        event_time_ns=event_time_ns,
        device=parse_device("LA_A3_32-Camera_1-Camera-1"),
        source=AlertSource(
            file="10Hz/2022-07-01/x.h5", sha256="ab" * 32, path="09-34-00-100/LA_A3_32-Camera_1-Camera-1"
        ),
        raw=(cleaned + 40).astype(np.uint16),
        cleaned=cleaned,
        reconstruction=cleaned * np.float32(0.9),
        residual_z=rng.normal(0, 2, IMAGE_SHAPE).astype(np.float32),
    )


def _decode(png: bytes) -> NDArray[np.uint8]:
    """Pixels of a PNG whose rows are differences from the row above; every chunk's checksum is checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, position = {}, 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        name, data = png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", png, position + 8 + length) == (zlib.crc32(name + data),)
        chunks[name] = data
        position += 12 + length
    columns, rows, depth, kind = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, kind) == (8, 3)
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, 1 + columns)
    assert (lines[:, 0] == 2).all()
    return palette[np.cumsum(lines[:, 1:], axis=0, dtype=np.uint8)]


def _panel(picture: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """One of the four panels at the size of the camera's image."""
    rows, columns = IMAGE_SHAPE
    top = 14 + 3 * 22 + 7 + 22
    left = 14 + number * (3 * columns + 14)
    panel = picture[top : top + 3 * rows, left : left + 3 * columns]
    np.testing.assert_array_equal(panel[::3, ::3], panel[2::3, 1::3])
    return panel[::3, ::3]


def test_png_holds_the_pixels() -> None:
    rng = np.random.default_rng(1)
    picture, palette = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((5, 7), (256, 3)))
    np.testing.assert_array_equal(_decode(encode_png(picture, palette)), palette[picture])


def test_colours_are_absolute() -> None:
    """The same counts have the same colour whatever else is in the image; the residual's zero is white."""
    bright, dim = _frame(), _frame()
    raw = np.zeros(IMAGE_SHAPE, np.uint16)
    raw[10, 20] = 1000
    dim = replace(dim, raw=raw, cleaned=raw.astype(np.float32), residual_z=np.zeros(IMAGE_SHAPE, np.float32))
    raw = raw.copy()
    raw[50, 60] = 4092
    bright = replace(bright, raw=raw)
    first, second = _decode(evidence_png(dim)), _decode(evidence_png(bright))
    np.testing.assert_array_equal(_panel(first, 0)[10, 20], _panel(second, 0)[10, 20])
    np.testing.assert_array_equal(_panel(first, 0)[10, 20], _panel(first, 1)[10, 20])
    assert _panel(first, 0)[0, 0].tolist() == [68, 1, 84]
    assert _panel(second, 0)[50, 60].tolist() == [253, 231, 37]
    assert (_panel(first, 3) == 247).all()


def test_what_is_no_number_is_grey_and_infinity_is_the_end_of_the_scale() -> None:
    frame = _frame()
    residual = frame.residual_z.copy()
    residual[0, :3] = np.nan, np.inf, -np.inf
    panel = _panel(_decode(evidence_png(replace(frame, residual_z=residual))), 3)
    assert panel[0, :3].tolist() == [[128, 128, 128], [103, 0, 31], [5, 48, 97]]


def test_letters_are_the_dots_they_look_like() -> None:
    dots = text_dots("T")[:7, :5]
    assert ["".join("#" if dot else "." for dot in row) for row in dots] == [
        "#####",
        "#.#.#",
        "..#..",
        "..#..",
        "..#..",
        "..#..",
        "..#..",
    ]
    np.testing.assert_array_equal(text_dots("é"), text_dots("?"))
    assert text_dots("", 2).shape == (18, 0)
    assert text_dots("ab", 2).shape == (18, 24)


def test_long_names_are_cut_with_dots() -> None:
    frame = _frame()
    long = replace(frame, source=replace(frame.source, file="x" * 500))
    assert _decode(evidence_png(long)).shape == _decode(evidence_png(frame)).shape


def test_what_is_written_is_what_was_given(tmp_path: Path) -> None:
    frame = _frame()
    link = EvidenceStore(tmp_path).write(frame)
    assert link.png == "evidence/2022-07-01/0123456789abcdef-first.png"
    assert (tmp_path / link.png).read_bytes() == evidence_png(frame)
    with np.load(tmp_path / link.npz) as arrays:
        for name in ("raw", "cleaned", "reconstruction", "residual_z"):
            np.testing.assert_array_equal(arrays[name], getattr(frame, name))
        metadata = json.loads(str(arrays["metadata"]))
    assert metadata == {
        "alert": "0123456789abcdef",
        "role": "first",
        "event_time": "2022-07-01T09:34:00.100Z",
        "event_time_ns": SHOT_NS,
        "device": "LA_A3_32-Camera_1-Camera-1",
        "stage": "LA-A3-32",
        "file": "10Hz/2022-07-01/x.h5",
        "sha256": "ab" * 32,
        "path": "09-34-00-100/LA_A3_32-Camera_1-Camera-1",
    }
    assert link.as_kept(tmp_path) == link


def test_a_later_one_of_the_same_role_replaces_the_earlier_also_after_midnight(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    store.write(_frame(role="worst"))
    store.write(_frame(role="worst"))
    one = store.total_bytes
    link = store.write(_frame(role="worst", event_time_ns=SHOT_NS + DAY_NS))
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert files == sorted((link.png, link.npz))
    assert abs(store.total_bytes - one) < 1000
    assert EvidenceStore(tmp_path).total_bytes == store.total_bytes


def test_the_oldest_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    first = EvidenceStore(tmp_path).write(_frame("a" * 16))
    os.utime(tmp_path / first.png, ns=(5, 5))
    os.utime(tmp_path / first.npz, ns=(5, 5))
    size = EvidenceStore(tmp_path).total_bytes
    store = EvidenceStore(tmp_path, EvidenceSettings(keep_gib=2.5 * size / 2**30))
    links = [store.write(_frame(alert * 16)) for alert in "bcd"]
    kept = [link.as_kept(tmp_path) == link for link in (first, *links)]
    assert kept == [False, False, True, True]
    assert links[0].as_kept(tmp_path).png == "expired"
    assert store.total_bytes <= 2.5 * size
    tiny = EvidenceStore(tmp_path, EvidenceSettings(keep_gib=1e-9))
    last = tiny.write(_frame("e" * 16))
    assert last.as_kept(tmp_path) == last  # what was just written is never removed
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_the_old_go_by_age(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    link = store.write(_frame())
    written_ns = (tmp_path / link.npz).stat().st_mtime_ns
    store = EvidenceStore(tmp_path, EvidenceSettings(keep_days=2))
    assert store.expire(written_ns + 2 * DAY_NS) == 0
    assert store.expire(written_ns + 2 * DAY_NS + 1) == 1
    assert list((tmp_path / "evidence").iterdir()) == []
    assert store.total_bytes == 0


def test_a_day_that_was_removed_by_hand_is_gone(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, EvidenceSettings(keep_days=2))
    written_ns = (tmp_path / store.write(_frame()).npz).stat().st_mtime_ns
    shutil.rmtree(tmp_path / "evidence")
    assert store.expire(written_ns + 3 * DAY_NS) == 1
    link = store.write(_frame())
    assert link.as_kept(tmp_path) == link


def test_what_a_crash_left_half_written_goes(tmp_path: Path) -> None:
    link = EvidenceStore(tmp_path).write(_frame())
    half = tmp_path / f"{link.png}.tmp"
    half.write_bytes(b"half")
    EvidenceStore(tmp_path)
    assert not half.exists()
    assert (tmp_path / link.png).exists()


def test_a_place_that_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("")
    with pytest.raises(FatalError, match="can't be used"):
        EvidenceStore(tmp_path).write(_frame())


@pytest.mark.parametrize("wrong", [{"keep_days": 0.0}, {"keep_gib": -1.0}, {"keep_gib": float("nan")}])
def test_senseless_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        EvidenceSettings(**wrong)
