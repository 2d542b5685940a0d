"""What tests need of a real Kafka: an installation of their own on the broker that all share."""

import uuid
from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient

from connectors.kafka.settings import KafkaSettings
from servers.kafka_server import KafkaServer
from streams.topology import TopicSettings

#: No test waits longer for an answer of the broker.
PATIENCE_S = 30.0


def kafka_settings(server: KafkaServer, **options: Any) -> KafkaSettings:
    """How the broker is reached."""
    return KafkaSettings(bootstrap_servers=server.address, **options)


def own_installation(prefix: str = "test", **options: Any) -> TopicSettings:
    """Topics that no other test uses; few partitions."""
    few = {"image_partitions": 2, "energy_partitions": 2, "spectrum_partitions": 2, "other_partitions": 1}
    name = f"{prefix}-{uuid.uuid4().hex[:8]}"
    return TopicSettings(**{"installation": name, "join_partitions": 2, **few, **options})


def make_topic(server: KafkaServer, name: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
    """A topic by its full name."""
    client = KafkaAdminClient(bootstrap_servers=server.address)
    try:
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": dict(configs or {})}
        client.create_topics({name: options}, wait_for_metadata=True)
    finally:
        client.close()
    return name
