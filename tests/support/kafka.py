"""What tests need of a real Kafka: an installation of their own on the broker that all share."""

import uuid
from collections.abc import Mapping
from typing import Any

from connectors.kafka.admin import ClusterTopic, open_admin
from connectors.kafka.settings import KafkaSettings
from servers.kafka_server import KafkaServer
from streams.facility.topic_plan import apply_topics, plan
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


def make_topic(server: KafkaServer, name: str, partitions: int = 1, options: Mapping[str, str] | None = None) -> str:
    """A topic by its full name."""
    topic = ClusterTopic(name=name, partitions=partitions, replication=1, options=options or {})
    with open_admin(kafka_settings(server)) as admin:
        admin.create([topic])
    return name


def make_topics(server: KafkaServer, topics: TopicSettings, block_bytes: int = 1 << 20) -> None:
    """All topics of an installation."""
    apply_topics(kafka_settings(server), plan(topics, block_bytes), tell=lambda _: None)
