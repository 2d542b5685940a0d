"""Reads shards and says what is in them, and what is wrong with them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from connectors.record_shards import ShardTarget
from connectors.tfrecord.framing import read_frames
from connectors.tfrecord.schema import SHARD_SUFFIX, RecordCounts, RecordSchema, ShardEntry, read_schema
from connectors.tfrecord.triplet_record import label_of
from models.errors import RecordError

_PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class Inspection:
    """What was found.

    Attributes
    ----------
    counts
        Of the records that could be read.
    whole_shards
        Shards that are what the schema says.
    problems
        One sentence for each shard that is not, naming the byte where that can be said.
    """

    schema: RecordSchema
    counts: RecordCounts = field(default_factory=RecordCounts)
    whole_shards: int = 0
    problems: list[str] = field(default_factory=list)


def inspect_shards(target: ShardTarget, progress: Callable[[int, int], None] | None = None) -> Inspection:
    """Read every record of every shard, checking each against its checksum and each file against its sha256.

    Parameters
    ----------
    progress
        Called with shards done and shards in all.

    Raises
    ------
    FatalError
        Without a readable schema, or when the target can't be read.
    """
    found = Inspection(read_schema(target))
    names = set(target.names())
    for done, shard in enumerate(found.schema.shards):
        if progress:
            progress(done, len(found.schema.shards))
        if shard.name not in names:
            found.problems.append(f"{shard.name} is missing; copy or export it again")
            continue
        try:
            inspect_shard(target, shard, found.counts)
        except RecordError as error:
            found.problems.append(str(error))
        else:
            found.whole_shards += 1
    listed = {shard.name for shard in found.schema.shards}
    for name in sorted(names - listed):
        if name.endswith(SHARD_SUFFIX):
            found.problems.append(f"{name} is not listed in the schema; remove it")
    return found


def inspect_shard(target: ShardTarget, shard: ShardEntry, counts: RecordCounts) -> None:
    """Read every record of a shard and count it.

    Raises
    ------
    RecordError
        With one sentence when the shard is not what the schema says, naming the byte where that can be said.
    FatalError, RetryableError
        When the target can't be read.
    """
    with target.open(shard.name) as stream:
        number = 0
        for data in read_frames(stream, shard.name):
            try:
                label = label_of(data)
            except ValueError as error:
                raise RecordError(
                    f"{shard.name}: record {number} is no triplet: {error}; export it again", reason="shard_record"
                ) from error
            counts.add(
                stage=str(label.stage),
                camera=label.camera,
                date=label.date,
                event_time_ns=label.event_time_ns,
                idle=label.idle,
            )
            number += 1
        if number != shard.records:
            raise RecordError(
                f"{shard.name} has {number} records instead of {shard.records}; copy or export it again",
                reason="shard_truncated",
            )
        stream.seek(0)
        if _sha256(stream) != shard.sha256:
            raise RecordError(
                f"{shard.name} is whole, but not the file that the schema lists; copy or export it again",
                reason="shard_changed",
            )


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
