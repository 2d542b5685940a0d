"""Topics of the cluster: what there is, making them and setting their options."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from connectors.kafka.client_options import client_options
from connectors.kafka.failures import clear_failures
from connectors.kafka.reachability import require_reachable
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError

_ANSWER_MS = 30_000
_RECONNECT_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTopic:
    """A topic as the cluster has it.

    Attributes
    ----------
    name
        Full name.
    replication
        The fewest copies that a partition has.
    options
        All options by name, defaults of the cluster included; empty when this user may not see them.
    """

    name: str
    partitions: int
    replication: int
    options: Mapping[str, str]


class NewTopic(Protocol):
    """A topic that is to be made."""

    @property
    def name(self) -> str:
        """Full name."""
        ...

    @property
    def partitions(self) -> int:
        """How many."""
        ...

    @property
    def replication(self) -> int:
        """Copies of each."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """Those that are not the cluster's defaults."""
        ...


class ClusterAdmin:
    """Looks at topics and changes them; made by `open_admin`."""

    def __init__(self, settings: KafkaSettings, client: Any) -> None:
        self._settings = settings
        self._client = client

    def topics(self, names: Iterable[str]) -> dict[str, ClusterTopic]:
        """Those of the named topics that are there, by name."""
        with clear_failures(self._settings, "topics"):
            wanted = sorted(set(self._client.list_topics()).intersection(names))
            if not wanted:
                return {}
            described = self._client.describe_topics(wanted)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
            options = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        return {
            topic["name"]: ClusterTopic(
                name=topic["name"],
                partitions=len(topic["partitions"]),
                replication=min((len(partition["replica_nodes"]) for partition in topic["partitions"]), default=0),
                options={name: str(option["value"]) for name, option in options.get(topic["name"], {}).items()},
            )
            for topic in described
            if topic["name"] in wanted
        }

    def names(self, prefix: str) -> list[str]:
        """All topics whose full names begin so."""
        with clear_failures(self._settings, "topics"):
            return sorted(name for name in self._client.list_topics() if name.startswith(prefix))

    def create(self, topics: Iterable[NewTopic]) -> None:
        """Make topics, and return when they can be written to."""
        new = {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication,
                "configs": dict(topic.options),
            }
            for topic in topics
        }
        with clear_failures(self._settings, ", ".join(new)):
            self._client.create_topics(new, wait_for_metadata=True)

    def set_options(self, name: str, options: Mapping[str, str]) -> None:
        """Change options of a topic; the others stay."""
        with clear_failures(self._settings, name):
            answer = self._client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, dict(options))])
        said = answer.get("topic", {}).get(name, "no answer")
        if said != "OK":
            raise FatalError(
                f"Kafka at {self._settings.bootstrap_servers} refuses the options of {name}: {said}",
                reason="kafka_forbidden" if "AUTHORIZATION" in said.upper() else "kafka_refused",
            )

    def remove(self, names: Iterable[str]) -> None:
        """Delete topics with all that they hold."""
        with clear_failures(self._settings, "topics"):
            self._client.delete_topics(list(names))


@contextmanager
def open_admin(settings: KafkaSettings) -> Iterator[ClusterAdmin]:
    """A connection for looking at topics and changing them.

    Raises
    ------
    RetryableError
        ``kafka_away``.
    FatalError
        ``kafka_address``, ``kafka_login``, ``kafka_tls``, ``kafka_forbidden`` or ``kafka_refused``.
    """
    require_reachable(settings)
    with clear_failures(settings):
        client = KafkaAdminClient(
            client_id="petawatch",
            request_timeout_ms=_ANSWER_MS,
            bootstrap_timeout_ms=_ANSWER_MS,
            reconnect_backoff_max_ms=_RECONNECT_MS,
            **client_options(settings),
        )
    try:
        yield ClusterAdmin(settings, client)
    finally:
        client.close()


def remove_topics(settings: KafkaSettings, prefix: str) -> None:
    """Delete all topics whose full names begin with a prefix, as drills do with their own installation."""
    with open_admin(settings) as admin:
        if names := admin.names(prefix):
            admin.remove(names)
