"""Shards read with ``tf.data``: bit for bit what was written, in an order that repeats, and damage is named."""

from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from connectors.record_shards import ShardFolder
from connectors.tfrecord.framing import framed
from connectors.tfrecord.shard_writer import ShardSettings, ShardWriter
from connectors.tfrecord.triplet_record import TripletRecord, encode_triplet
from models.devices import parse_device
from models.errors import RecordError
from models.records import IMAGE_SHAPE
from models.training.shard import Shard

pytestmark = pytest.mark.training
pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
tfrecords = pytest.importorskip("models.training.tfrecords")

CAMERAS = ("LA_A3_31-Camera_1-Camera-1", "LB_A2-Camera_1-Camera-1")
COUNT = 40


def record(number: int) -> TripletRecord:
    """Every fifth is without beam; the spectra of the second camera's stage are shorter, every seventh is missing."""
    random = np.random.default_rng(number)
    samples = 0 if number % 7 == 0 else (2047, 9)[number % 2]
    return TripletRecord(
        camera=parse_device(CAMERAS[number % 2]),
        image=random.integers(0, 4093, IMAGE_SHAPE).astype(np.uint16),
        spectrum=random.random(samples),
        spectrometer="",
        energy_j=float("nan") if number % 5 == 0 else random.random(),
        event_time_ns=1_656_668_040_000_000_000 + number,
        shot_ns=1_656_668_040_000_000_000,
        interval_hz=10.0,
        idle=number % 5 == 0,
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Shard]:
    target = ShardFolder(tmp_path_factory.mktemp("shards"))
    writer = ShardWriter(target, ShardSettings(shard_records=12))
    for number in range(COUNT):
        writer.write(encode_triplet(record(number), UTC))
    return [Shard(f"{target.address}/{entry.name}", entry.records, entry.sha256) for entry in writer.close()]


def numbers(shards: list[Shard], **reading: object) -> list[int]:
    batches = tfrecords.triplet_dataset(shards, tfrecords.TripletReading(**reading)).as_numpy_iterator()
    return [int(time) % 1_000_000_000 for batch in batches for time in batch["timestamp"]]


def test_values_are_bit_for_bit_what_was_written(shards: list[Shard]) -> None:
    reading = tfrecords.TripletReading(batch_records=7, parallel_files=1, shuffle_records=0, idle=True)
    number = 0
    for batch in tfrecords.triplet_dataset(shards, reading).as_numpy_iterator():
        assert batch["image"].dtype == np.uint16
        for row in range(len(batch["image"])):
            expected = record(number)
            length = batch["spectra_length"][row]
            np.testing.assert_array_equal(batch["image"][row], expected.image)
            assert length == len(expected.spectrum)
            np.testing.assert_array_equal(batch["spectra"][row, :length], expected.spectrum.astype(np.float32))
            assert not batch["spectra"][row, length:].any()
            np.testing.assert_array_equal(batch["energymeter"][row], np.float32(expected.energy_j))
            assert batch["camera"][row].decode() == expected.camera.name
            assert (batch["timestamp"][row], batch["idle"][row]) == (expected.event_time_ns, expected.idle)
            number += 1
    assert number == COUNT


def test_the_order_repeats_with_the_seed_and_nothing_is_lost(shards: list[Shard]) -> None:
    with_beam = [number for number in range(COUNT) if number % 5]
    first = numbers(shards, seed=1)
    assert first == numbers(shards, seed=1)
    assert first != numbers(shards, seed=2)
    assert first != with_beam
    assert sorted(first) == with_beam
    assert sorted(numbers(shards, deterministic=False, batch_records=3)) == with_beam
    assert numbers(shards, shuffle_records=0, parallel_files=1) == with_beam


def test_camera_blocks_in_the_order_of_time(shards: list[Shard]) -> None:
    found: dict[str, list[int]] = {}
    for block in tfrecords.frames_of_shards(shards):
        assert block.source.sha256 in {shard.sha256 for shard in shards}
        assert not block.payload.flags.writeable
        for row, time in enumerate(block.event_time_ns.tolist()):
            number = time % 1_000_000_000
            np.testing.assert_array_equal(block.payload[row], record(number).image)
            found.setdefault(block.device.name, []).append(number)
    assert found == {name: list(range(place, COUNT, 2)) for place, name in enumerate(CAMERAS)}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (lambda data: data[: len(data) // 2], r" is cut off in record 6, at byte \d+"),
        (lambda data: data[:50_000] + b"!" + data[50_001:], r" is damaged in record 1, at byte \d+"),
        (lambda data: data[:5], " has 0 records instead of 12"),
        (lambda data: framed(b"no Example"), ": record 0 is no triplet"),
        (lambda data: None, " is missing"),
    ],
)
def test_damage_is_one_sentence_that_names_the_shard(
    shards: list[Shard], tmp_path: Path, data: object, sentence: str
) -> None:
    spoiled = data(Path(shards[1].path).read_bytes())  # type: ignore[operator]
    bad = Shard(str(tmp_path / "bad.tfrecord"), shards[1].records, "")
    if spoiled is not None:
        Path(bad.path).write_bytes(spoiled)
    together = [shards[0], bad, shards[2]]
    with pytest.raises(RecordError, match=f"bad.tfrecord{sentence}.*; copy or export it again"):
        list(tfrecords.frames_of_shards(together))
    with pytest.raises(RecordError, match=f"bad.tfrecord{sentence}"), tfrecords.damage_named(together):
        list(tfrecords.triplet_dataset(together).as_numpy_iterator())


@pytest.mark.parametrize("wrong", [{"batch_records": 0}, {"parallel_files": 0}, {"shuffle_records": -1}], ids=str)
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        tfrecords.TripletReading(**wrong)
