"""Which store of checkpoints the settings ask for."""

import asyncio
from pathlib import Path

from connectors.checkpoints.directory import DirectoryCheckpointStore
from connectors.checkpoints.topic import TopicCheckpointStore
from connectors.kafka.settings import KafkaSettings
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.facility.settings import CheckpointSettings, StoreKind
from streams.topology import TopicSettings


def test_the_topic_is_the_default() -> None:
    store = open_checkpoint_store(CheckpointSettings(), KafkaSettings(), TopicSettings(installation="lab"))
    assert isinstance(store, TopicCheckpointStore)
    assert store.topics["join"] == "lab.checkpoints.join"
    assert "recorder" not in store.topics


def test_a_folder_holds_several_installations(tmp_path: Path) -> None:
    settings = CheckpointSettings(store=StoreKind.DIRECTORY, directory=tmp_path)
    store = open_checkpoint_store(settings, KafkaSettings(), TopicSettings(installation="lab"))
    assert isinstance(store, DirectoryCheckpointStore)
    asyncio.run(store.open("image", 3))
    assert (tmp_path / "lab" / "image" / "3").is_dir()
