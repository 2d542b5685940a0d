"""The schema beside the shards: what a record holds, which shards there are, and what they were made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.record_shards import ShardTarget
from models.errors import FatalError
from models.triplets.triplet_features import TRIPLET_FEATURES

#: The file that is written last: shards without it are of an export that did not end.
SCHEMA_NAME = "schema.json"
#: How the names of shards end.
SHARD_SUFFIX = ".tfrecord"
FORMAT_VERSION = 1

_MAX_BYTES = 1 << 30


@dataclass(slots=True)
class RecordCounts:
    """How many records there are, and of what.

    Attributes
    ----------
    triplets, idle
        Records of shots with beam and of those without.
    stages, cameras, dates
        Records by stage, by camera, and by date.
    first_ns, last_ns
        Earliest and latest time of an image, ns since 1970; None without records.
    """

    triplets: int = 0
    idle: int = 0
    stages: dict[str, int] = field(default_factory=dict)
    cameras: dict[str, int] = field(default_factory=dict)
    dates: dict[str, int] = field(default_factory=dict)
    first_ns: int | None = None
    last_ns: int | None = None

    @property
    def records(self) -> int:
        """All of them."""
        return self.triplets + self.idle

    def add(self, *, stage: str, camera: str, date: str, event_time_ns: int, idle: bool) -> None:
        """Count one record."""
        if idle:
            self.idle += 1
        else:
            self.triplets += 1
        for counts, name in ((self.stages, stage), (self.cameras, camera), (self.dates, date)):
            counts[name] = counts.get(name, 0) + 1
        self.first_ns = event_time_ns if self.first_ns is None else min(self.first_ns, event_time_ns)
        self.last_ns = event_time_ns if self.last_ns is None else max(self.last_ns, event_time_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEntry:
    """One shard: its name, how many records and bytes it has, and the sha256 of the file."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSchema:
    """What the schema file says.

    Attributes
    ----------
    sources
        The snapshots that were read: ``file`` and ``sha256`` each.
    unread
        Those that could not be read to their end: ``file`` and ``reason`` each.
    made_with
        Versions and options that the records depend on.
    """

    shards: tuple[ShardEntry, ...]
    counts: RecordCounts
    sources: tuple[Mapping[str, str], ...] = ()
    unread: tuple[Mapping[str, str], ...] = ()
    made_with: Mapping[str, Any] = field(default_factory=dict)


def write_schema(target: ShardTarget, schema: RecordSchema) -> None:
    """Write the schema file; what lies in the target is whole from then on."""
    document = {
        "format_version": FORMAT_VERSION,
        "features": [asdict(feature) for feature in TRIPLET_FEATURES],
        **asdict(schema),
    }
    file = target.create(SCHEMA_NAME)
    try:
        file.write(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
        file.commit()
    finally:
        file.abort()


def read_schema(target: ShardTarget) -> RecordSchema:
    """Read the schema file.

    Raises
    ------
    FatalError
        With one sentence when it is missing (``tfrecord_unfinished``, ``tfrecord_missing``), damaged
        (``tfrecord_schema``), or of another version (``tfrecord_format``).
    """
    names = target.names()
    if SCHEMA_NAME not in names:
        raise _without_schema(target.address, shards=any(SHARD_SUFFIX in name for name in names))
    where = f"{target.address}: {SCHEMA_NAME}"
    with target.open(SCHEMA_NAME) as stream:
        data = stream.read(_MAX_BYTES + 1)
    try:
        document = json.loads(data)
        version = document["format_version"]
        if version != FORMAT_VERSION:
            raise FatalError(
                f"{where} has format {version}, this version reads {FORMAT_VERSION}; export again",
                reason="tfrecord_format",
            )
        return RecordSchema(
            shards=tuple(ShardEntry(**entry) for entry in document["shards"]),
            counts=RecordCounts(**document["counts"]),
            sources=tuple(document["sources"]),
            unread=tuple(document["unread"]),
            made_with=document["made_with"],
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FatalError(
            f"{where} is damaged ({type(error).__name__}: {error}); copy it or export again", reason="tfrecord_schema"
        ) from error


def _without_schema(address: str, *, shards: bool) -> FatalError:
    if shards:
        return FatalError(
            f"{address} has shards but no {SCHEMA_NAME}: its export did not end; remove it and export again",
            reason="tfrecord_unfinished",
        )
    return FatalError(
        f"{address} holds no triplets; name the folder that petawatch tfrecord export wrote", reason="tfrecord_missing"
    )
