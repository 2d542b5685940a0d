"""Both stores of checkpoints, as the tests see them: they can look behind the store and damage what is kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from aiokafka import AIOKafkaProducer

from connectors.checkpoints.directory import DirectoryCheckpointStore
from connectors.checkpoints.store import CheckpointStore
from connectors.checkpoints.topic import TopicCheckpointStore
from connectors.checkpoints.transactions import PartitionAddress, read_partition
from connectors.kafka.settings import KafkaSettings
from tests.support.crashes import crash_at

#: What a write does, step by step: where a process may die in it.
_DIRECTORY_STEPS = ("os.fsync", "pathlib.Path.replace", "connectors.checkpoints.directory.sync_folder")
_TOPIC_STEPS = tuple(
    f"aiokafka.AIOKafkaProducer.{step}" for step in ("begin_transaction", "send", "commit_transaction")
)


class Stores(Protocol):
    """One kind of store with an installation of its own."""

    #: Functions at whose calls a write may die.
    steps: tuple[str, ...]

    def new(self) -> CheckpointStore:
        """The store as another process has it."""
        ...

    async def kept(self, agent: str, partition: int) -> Mapping[str, bytes]:
        """All that is kept, documents included."""
        ...

    async def put(self, agent: str, partition: int, name: str, content: bytes | None) -> None:
        """Replace what is kept under a name; None removes it."""
        ...


class DirectoryStores:
    """Stores in a folder."""

    steps: tuple[str, ...] = _DIRECTORY_STEPS

    def __init__(self, root: Path) -> None:
        self._root = root

    def new(self) -> DirectoryCheckpointStore:
        return DirectoryCheckpointStore(self._root, "test")

    async def kept(self, agent: str, partition: int) -> dict[str, bytes]:
        folder = self._newest(agent, partition)
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "complete"}

    async def put(self, agent: str, partition: int, name: str, content: bytes | None) -> None:
        path = self._newest(agent, partition) / name
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)

    def _newest(self, agent: str, partition: int) -> Path:
        return max((self._root / "test" / agent / str(partition)).glob("epoch-*"))


class TopicStores:
    """Stores in topics."""

    steps: tuple[str, ...] = _TOPIC_STEPS

    def __init__(self, settings: KafkaSettings, topics: Mapping[str, str], patience_s: float = 15.0) -> None:
        self._settings = settings
        self._topics = topics
        self._patience_s = patience_s

    def new(self) -> TopicCheckpointStore:
        # The names of the topics are unique, so transactional ids that are made of them are, too.
        installation = next(iter(self._topics.values()))
        return TopicCheckpointStore(self._settings, self._topics, installation, self._patience_s)

    async def kept(self, agent: str, partition: int) -> dict[str, bytes]:
        address = PartitionAddress(
            settings=self._settings,
            topic=self._topics[agent],
            partition=partition,
            transactional_id="",
            patience_s=self._patience_s,
        )
        values, _ = await read_partition(address, None)
        return {name: value for name, value in values.items() if value is not None and name != "owner"}

    async def put(self, agent: str, partition: int, name: str, content: bytes | None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._settings.bootstrap_servers)
        await producer.start()
        try:
            await producer.send_and_wait(self._topics[agent], content, key=name.encode(), partition=partition)
        finally:
            await producer.stop()


@contextmanager
def dies_at(monkeypatch: pytest.MonkeyPatch, step: str, times: int) -> Iterator[None]:
    """Crash at the n-th call of a function, named in full."""
    module, _, name = step.partition(".")
    if module == "connectors":
        module, _, name = step.rpartition(".")
    with crash_at(monkeypatch, module, name, times):
        yield
