"""The Faust application of a worker: the topics of its agents, and where their messages go."""

import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

from connectors.kafka.client_options import client_options
from connectors.kafka.faust_options import faust_broker_options
from connectors.kafka.settings import KafkaSettings
from streams.facility.settings import WorkerSettings
from streams.topology import AgentName, TopicSettings, inputs_of, partition_count, topic
from streams.worker.faust_consumer import PartitionTransport, ReadMessage, WorkerApp, incoming
from streams.worker.group_assignment import AgentAssignor
from streams.worker.ownership import Ownership

#: So long a rebalance waits for the last checkpoints of its members.
REBALANCE_TIMEOUT_S = 30.0
_REQUEST_TIMEOUT_S = 45.0
_NEVER_S = 86_400.0
# The client asks a broker for one thing at a time: what comes meanwhile in other partitions waits for so long.
_FETCH_WAIT_MS = 50
_LEAST_FETCH_BYTES = 1 << 20
_MOST_FETCH_BYTES = 8 << 20
# What waits is bounded by bytes before it comes to Faust's queues.
_QUEUE_MESSAGES = 1 << 20


def make_app(
    *,
    kafka: KafkaSettings,
    topics: TopicSettings,
    settings: WorkerSettings,
    agents: Iterable[AgentName],
    group: str,
    instance: str,
    client_id: str,
    ownership: Ownership,
) -> WorkerApp:
    """An application that is not started yet; ``on_failure`` is for the caller to set.

    Raises
    ------
    FatalError
        The settings of Kafka can't be used.
    """
    quiet_libraries()
    app = WorkerApp(
        group,
        **faust_broker_options(kafka),
        autodiscover=False,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_buffer_maxsize=_QUEUE_MESSAGES,
        broker_commit_interval=_NEVER_S,
        broker_session_timeout=settings.session_timeout_s,
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, settings.session_timeout_s),
        key_serializer="raw",
        value_serializer="raw",
    )
    app.transport = PartitionTransport(app.conf.broker, app, loop=app.loop)
    app.ownership = ownership
    app.kafka = kafka
    app.client_options = _client_options(kafka, topics, settings, agents, group, instance, client_id)
    for agent in agents:
        _add_agent(app, agent, topics)
    return app


def quiet_libraries() -> None:
    """Faust, mode and aiokafka tell every step and every repeated try; what matters is said by the worker itself.

    So does asyncio, of tasks that aiokafka has left behind.
    """
    for name in ("faust", "mode", "aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _add_agent(app: WorkerApp, agent: AgentName, topics: TopicSettings) -> None:
    names = [topics.full_name(name) for name in inputs_of(agent)]
    source = app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def hand_over(stream: Any) -> AsyncIterator[None]:
        # Never raises: Faust would pass over the message and go on with the next.
        ownership = app.ownership
        async for event in stream.noack().events():
            message = cast(ReadMessage, event.message)
            ownership.offer(message.topic, incoming(message, ownership.short_name(message.topic)), message.epoch)
        return
        yield

    app.agent(source, name=f"petawatch.{agent}")(hand_over)


def _client_options(
    kafka: KafkaSettings,
    topics: TopicSettings,
    settings: WorkerSettings,
    agents: Iterable[AgentName],
    group: str,
    instance: str,
    client_id: str,
) -> dict[str, Any]:
    partitions = sum(partition_count(topic(name), topics) for agent in agents for name in inputs_of(agent))
    # A fetched part may wait in the client, and another on its way to its agent.
    fetch_bytes = min(max(settings.buffer_bytes // (4 * partitions), _LEAST_FETCH_BYTES), _MOST_FETCH_BYTES)
    return {
        **client_options(kafka),
        "client_id": client_id,
        "group_id": group,
        "group_instance_id": instance,
        "partition_assignment_strategy": [AgentAssignor],
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": fetch_bytes,
        "fetch_max_bytes": max(settings.buffer_bytes // 4, fetch_bytes),
        "fetch_max_wait_ms": _FETCH_WAIT_MS,
        "request_timeout_ms": int(max(_REQUEST_TIMEOUT_S, settings.session_timeout_s) * 1000),
        "session_timeout_ms": int(settings.session_timeout_s * 1000),
        "heartbeat_interval_ms": int(settings.session_timeout_s * 1000 / 4),
        "rebalance_timeout_ms": int(REBALANCE_TIMEOUT_S * 1000),
        # A worker that has no room asks for nothing meanwhile, and is alive.
        "max_poll_interval_ms": int(_NEVER_S * 1000),
    }
