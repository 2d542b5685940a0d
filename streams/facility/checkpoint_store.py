"""The store of checkpoints that the settings ask for."""

from connectors.checkpoints.directory import DirectoryCheckpointStore
from connectors.checkpoints.store import CheckpointStore
from connectors.checkpoints.topic import TopicCheckpointStore
from connectors.kafka.settings import KafkaSettings
from streams.facility.settings import CheckpointSettings, StoreKind
from streams.topology import AgentName, TopicSettings, checkpoint_topic


def open_checkpoint_store(settings: CheckpointSettings, kafka: KafkaSettings, topics: TopicSettings) -> CheckpointStore:
    """Make the store; nothing is contacted before the first partition is opened."""
    if settings.store is StoreKind.DIRECTORY and settings.directory is not None:
        return DirectoryCheckpointStore(settings.directory, topics.installation)
    return TopicCheckpointStore(kafka, _topic_names(topics), topics.installation)


def _topic_names(topics: TopicSettings) -> dict[str, str]:
    rows = {agent: checkpoint_topic(agent) for agent in AgentName}
    return {str(agent): topics.full_name(name) for agent, name in rows.items() if name is not None}
