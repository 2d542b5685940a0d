"""Shards of triplets, read with ``tf.data``: shuffled batches for a network, or camera blocks in the order of time."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.devices import Device, RecordKind, parse_device
from models.errors import RecordError
from models.records import IMAGE_SHAPE, DeviceState, RecordBlock, Refusal, SourceReference
from models.training.shard import Shard
from models.triplets.triplet_features import TRIPLET_FEATURES, FeatureType

_TF_TYPES = {FeatureType.BYTES: tf.string, FeatureType.FLOAT32: tf.float32, FeatureType.INT64: tf.int64}
_FRAMES_AT_ONCE = 64
# How TensorFlow's record reader says where.
_DAMAGED_AT = re.compile(r"(corrupted|truncated) record at (\d+)")
# Damaged, of another content, gone, or of fewer records than it should have.
_READ_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.FailedPreconditionError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletReading:
    """How shards are read.

    Attributes
    ----------
    batch_records
        Records of a batch; the last one of all may have fewer.
    parallel_files
        Shards that are read at once; 1 keeps the order of the records.
    shuffle_records
        Records among which the next one is drawn, and the shards are shuffled, too; 0: nothing is shuffled.
    seed
        Of the shuffling: each pass over the data has another order, each run of the program the same ones.
    deterministic
        False gives up the order for speed: whichever shard is read first comes first.
    idle
        Whether images without beam come, too.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    batch_records: int = 64
    parallel_files: int = 4
    shuffle_records: int = 2048
    seed: int = 0
    deterministic: bool = True
    idle: bool = False

    def __post_init__(self) -> None:
        if self.batch_records < 1 or self.parallel_files < 1:
            raise ValueError("batch_records and parallel_files must be 1 or more")
        if self.shuffle_records < 0:
            raise ValueError("shuffle_records must not be negative")


def triplet_dataset(shards: Sequence[Shard], reading: TripletReading | None = None) -> tf.data.Dataset:
    """Batches of triplets, read ahead while the network works on others.

    Returns
    -------
    tf.data.Dataset
        Dictionaries with a feature each (``TRIPLET_FEATURES``), shape (n,), except ``image`` (uint16, shape (n, 102,
        128), raw counts: what ``DarkTracker.clean`` takes) and ``spectra`` (float32, shape (n, longest spectrum of the
        batch), zeros behind the shorter ones). A damaged shard raises TensorFlow's own errors where the batches are
        taken: take them inside ``damage_named``.
    """
    reading = reading or TripletReading()
    files = tf.data.Dataset.from_tensor_slices(
        ([shard.path for shard in shards], np.array([shard.records for shard in shards], np.int64))
    )
    if reading.shuffle_records:
        files = files.shuffle(len(shards), seed=reading.seed)
    records = files.interleave(
        _records_of,
        cycle_length=reading.parallel_files,
        num_parallel_calls=reading.parallel_files,
        deterministic=reading.deterministic,
    )
    triplets = records.map(_parsed, num_parallel_calls=reading.parallel_files, deterministic=reading.deterministic)
    if not reading.idle:
        triplets = triplets.filter(lambda triplet: triplet["idle"] == 0)
    if reading.shuffle_records:
        triplets = triplets.shuffle(reading.shuffle_records, seed=reading.seed)
    return triplets.padded_batch(reading.batch_records).prefetch(tf.data.AUTOTUNE)


@contextmanager
def damage_named(shards: Sequence[Shard]) -> Iterator[None]:
    """Turn TensorFlow's errors about unreadable records into one sentence that names the shard and the place.

    Raises
    ------
    RecordError
        ``shard_damaged``.
    """
    try:
        yield
    except _READ_ERRORS as error:
        where = _first_damaged(shards)
        if where is None:
            raise
        raise RecordError(f"{where}; copy or export it again", reason="shard_damaged") from error


def frames_of_shards(shards: Sequence[Shard]) -> Iterator[RecordBlock]:
    """The camera images of shards as blocks, each camera's in the order in which they were recorded.

    Of each camera all images of whole triplets come, and of pauses without beam what was exported; all are valid.

    Parameters
    ----------
    shards
        In their order.

    Raises
    ------
    RecordError
        ``shard_damaged``, when a record can't be read.
    """
    reading = TripletReading(batch_records=_FRAMES_AT_ONCE, parallel_files=1, shuffle_records=0, idle=True)
    for shard in shards:
        with damage_named([shard]):
            for batch in triplet_dataset([shard], reading).as_numpy_iterator():
                yield from _blocks_of(batch, SourceReference(file=shard.path, sha256=shard.sha256))


def _blocks_of(batch: Mapping[str, NDArray[Any]], source: SourceReference) -> Iterator[RecordBlock]:
    names = batch["camera"]
    for name in sorted(set(names.tolist())):
        rows = np.flatnonzero(names == name)
        images, text = batch["image"][rows], name.decode()
        images.setflags(write=False)
        yield RecordBlock(
            device=Device(text, parse_device(text).stage, RecordKind.CAMERA),
            source=source,
            event_time_ns=batch["timestamp"][rows],
            state=np.full(len(rows), DeviceState.ON, np.uint8),
            refusal=np.full(len(rows), Refusal.NONE, np.uint8),
            payload=images,
            hdf5_group=("",) * len(rows),
            interval_hz=float(batch["interval"][rows[0]]),
        )


def _parsed(record: tf.Tensor) -> dict[str, tf.Tensor]:
    shapes = {feature.name: [] if feature.values == 1 else [feature.values] for feature in TRIPLET_FEATURES}
    wanted = {
        feature.name: tf.io.FixedLenFeature(shapes[feature.name], _TF_TYPES[feature.type])
        for feature in TRIPLET_FEATURES
    }
    values: dict[str, tf.Tensor] = tf.io.parse_single_example(record, wanted)
    pixels = tf.io.decode_raw(values["image"], tf.uint16, little_endian=True)
    values["image"] = tf.reshape(pixels, IMAGE_SHAPE)
    values["spectra"] = tf.io.decode_raw(values["spectra"], tf.float32, little_endian=True)
    return values


def _records_of(path: tf.Tensor, records: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path).apply(tf.data.experimental.assert_cardinality(records))


def _first_damaged(shards: Sequence[Shard]) -> str | None:
    """The first shard that can't be read, and why; None when each can be by itself."""
    for shard in shards:
        number = 0
        try:
            for _ in tf.data.TFRecordDataset(shard.path).map(_parsed):
                number += 1
        except tf.errors.NotFoundError:
            return f"{shard.path} is missing"
        except tf.errors.InvalidArgumentError:
            return f"{shard.path}: record {number} is no triplet"
        except tf.errors.DataLossError as error:
            at = _DAMAGED_AT.search(str(error.message))
            place = f", at byte {at[2]}" if at else ""
            return (
                f"{shard.path} is {'cut off' if at and at[1] == 'truncated' else 'damaged'} in record {number}{place}"
            )
        if number != shard.records:
            return f"{shard.path} has {number} records instead of {shard.records}"
    return None
