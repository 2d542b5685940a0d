"""Shards in a folder: whole or not there, of the size that was asked for, and every damage of them is named."""

import errno
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.record_shards import ShardFolder
from connectors.tfrecord.example import encode_example
from connectors.tfrecord.framing import framed
from connectors.tfrecord.inspection import inspect_shards
from connectors.tfrecord.schema import RecordCounts, RecordSchema, read_schema, write_schema
from connectors.tfrecord.shard_writer import ShardSettings, ShardWriter
from connectors.tfrecord.triplet_record import TripletRecord, encode_triplet
from models.devices import parse_device
from models.errors import FatalError
from models.event_time import DAY_NS
from models.records import IMAGE_SHAPE
from models.triplets.triplet_features import stage_codes


def record(number: int, *, camera: str = "LA_A3_32-Camera_1-Camera-1", idle: bool = False) -> TripletRecord:
    return TripletRecord(
        camera=parse_device(camera),
        image=np.full(IMAGE_SHAPE, number, np.uint16),
        spectrum=np.arange(5.0) + number,
        spectrometer="LA_A3_32-Spectro_1-Spectro-1",
        energy_j=1.5,
        event_time_ns=number * DAY_NS,
        shot_ns=number * DAY_NS,
        interval_hz=10.0,
        idle=idle,
    )


def write_day(folder: Path, count: int = 7, *, shard_records: int = 3) -> ShardFolder:
    target, counts = ShardFolder(folder), RecordCounts()
    writer = ShardWriter(target, ShardSettings(shard_records=shard_records))
    for number in range(count):
        one = record(number, idle=number == 0)
        writer.write(encode_triplet(one, UTC))
        counts.add(
            stage=str(one.camera.stage),
            camera=one.camera.name,
            date=f"1970-01-{number + 1:02d}",
            event_time_ns=one.event_time_ns,
            idle=one.idle,
        )
    write_schema(target, RecordSchema(shards=writer.close(), counts=counts))
    return target


def test_what_was_written_is_found(tmp_path: Path) -> None:
    target = write_day(tmp_path / "day")
    told: list[tuple[int, int]] = []
    found = inspect_shards(target, lambda *at: told.append(at))
    assert [shard.records for shard in found.schema.shards] == [3, 3, 1]
    assert (found.problems, found.whole_shards) == ([], 3)
    assert found.counts == found.schema.counts
    assert (found.counts.triplets, found.counts.idle, found.counts.stages) == (6, 1, {"LA-A3-32": 7})
    assert (found.counts.first_ns, found.counts.last_ns) == (0, 6 * DAY_NS)
    assert told == [(0, 3), (1, 3), (2, 3)]
    assert target.names() == ["schema.json", *(f"triplets-{number:05d}.tfrecord" for number in range(3))]


def test_a_shard_ends_at_its_size(tmp_path: Path) -> None:
    target = ShardFolder(tmp_path / "day")
    writer = ShardWriter(target, ShardSettings(shard_mb=1))
    for _ in range(5):
        writer.write(bytes(400_000))
    assert [shard.records for shard in writer.close()] == [3, 2]


@pytest.mark.parametrize("wrong", [{"shard_mb": 0}, {"shard_mb": 1 << 30}, {"shard_records": -1}], ids=str)
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ShardSettings(**wrong)


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FatalError, match="is not empty; name another folder") as error:
        ShardWriter(ShardFolder(tmp_path), ShardSettings())
    assert error.value.reason == "tfrecord_not_empty"


def test_a_shard_that_is_being_written_has_not_its_name(tmp_path: Path) -> None:
    target = ShardFolder(tmp_path / "day")
    writer = ShardWriter(target, ShardSettings())
    writer.write(b"record")
    assert not [name for name in target.names() if name.endswith(".tfrecord")]
    with pytest.raises(FatalError, match="its export did not end") as error:
        read_schema(target)
    assert error.value.reason == "tfrecord_unfinished"
    writer.abort()
    assert target.names() == []


def spoil(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def truncate(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


FRAME = len(framed(encode_triplet(record(1), UTC)))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: spoil(path, FRAME + 100), f"is damaged in record 1, which begins at byte {FRAME}"),
        (
            lambda path: truncate(path, 2 * FRAME + 7),
            f"ends in the middle of record 2, which begins at byte {2 * FRAME}",
        ),
        (lambda path: truncate(path, 2 * FRAME), "has 2 records instead of 3"),
        (lambda path: truncate(path, 0), "has 0 records instead of 3"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(framed(b"no Example") * 3), "record 0 is no triplet"),
        (lambda path: path.write_bytes(framed(encode_example({})) * 3), "record 0 is no triplet: the feature amp is"),
        (
            lambda path: path.write_bytes(framed(encode_triplet(record(9), UTC)) * 3),
            "is whole, but not the file that the schema lists",
        ),
    ],
)
def test_every_damage_is_one_sentence(tmp_path: Path, damage: Any, sentence: str) -> None:
    target = write_day(tmp_path)
    damage(tmp_path / "triplets-00001.tfrecord")
    found = inspect_shards(target)
    assert len(found.problems) == 1
    assert "triplets-00001.tfrecord" in found.problems[0]
    assert sentence in found.problems[0]
    assert found.whole_shards == 2


def test_a_shard_that_nobody_listed(tmp_path: Path) -> None:
    target = write_day(tmp_path)
    (tmp_path / "more.tfrecord").write_bytes(framed(b""))
    assert inspect_shards(target).problems == ["more.tfrecord is not listed in the schema; remove it"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "tfrecord_schema"),
        (b"[]", "tfrecord_schema"),
        (b"{}", "tfrecord_schema"),
        (b"[" * 100_000, "tfrecord_schema"),
        (b'{"format_version": 2}', "tfrecord_format"),
        (b'{"format_version": 1, "shards": [{"name": "a"}]}', "tfrecord_schema"),
    ],
)
def test_a_schema_that_is_none(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "schema.json").write_bytes(content)
    with pytest.raises(FatalError) as error:
        read_schema(ShardFolder(tmp_path))
    assert error.value.reason == reason


def test_a_folder_without_anything(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="holds no triplets") as error:
        read_schema(ShardFolder(tmp_path / "nothing"))
    assert error.value.reason == "tfrecord_missing"


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = ShardWriter(ShardFolder(tmp_path), ShardSettings())
    writer.write(b"record")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FatalError, match=r"can't be written .No space left on device.; check the path") as error:
        writer.close()
    assert error.value.reason == "tfrecord_target"
    writer.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("device", "codes"),
    [
        ("LA_A3_31-Camera_1", (1, 3, 1)),
        ("LB_A3_32-Camera_1", (2, 3, 2)),
        ("F1_A1_11-Camera_1", (1, 1, 1)),
        ("F2_A1_12-Camera_1", (2, 1, 2)),
        ("LA_A2-Camera_1", (1, 2, 0)),
        ("LA_FE-Camera_1", (1, 0, 0)),
        ("LA_TW_DI-Camera_1", (1, -1, 0)),
    ],
)
def test_stages_as_numbers(device: str, codes: tuple[int, int, int]) -> None:
    assert stage_codes(parse_device(device).stage) == codes
