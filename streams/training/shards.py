"""Exported shards as training takes them, wherever they lie."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from connectors.file_hash import file_sha256
from connectors.record_shards import ShardTarget
from connectors.tfrecord.inspection import inspect_shard
from connectors.tfrecord.schema import RecordCounts, ShardEntry
from models.training.shard import Shard


@dataclass(frozen=True, slots=True)
class ExportedShard:
    """One shard of an export, and where that lies."""

    target: ShardTarget
    entry: ShardEntry

    @property
    def name(self) -> str:
        """Its whole address."""
        return f"{self.target.address}/{self.entry.name}"

    @contextmanager
    def on_disk(self) -> Iterator[Shard]:
        """The shard as a file of this computer; a copy from elsewhere lasts as long as the context.

        Raises
        ------
        RecordError
            When it is missing, or not the file that the schema lists.
        """
        with self.target.on_disk(self.entry.name) as path:
            if file_sha256(path) != self.entry.sha256:
                inspect_shard(self.target, self.entry, RecordCounts())  # says where, and raises
            yield Shard(str(path), self.entry.records, self.entry.sha256)
