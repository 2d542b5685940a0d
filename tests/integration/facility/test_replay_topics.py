"""On a real broker a replay removes its own topics and groups, and none of those that are called like them."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.kafka.admin import open_admin
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.model_files import default_model
from connectors.state.directory import StateDirectory
from connectors.wire.message import Outgoing
from models.errors import FatalError
from models.event_time import HOUR_NS, parse_iso
from servers.kafka_server import KafkaServer
from streams.connector.flow_limit import FlowLimit
from streams.connector.progress_follower import ProgressFollower
from streams.facility.settings import ConnectSettings
from streams.replay.mark import ReplayMark
from streams.replay.on_kafka.run import KafkaReplay
from streams.replay.on_kafka.seeds import first_record, write_seeds
from streams.replay.on_kafka.topics import ReplayTopics
from streams.replay.plan import ReplayPlan
from streams.replay.run import ReplayModels, ReplayOptions
from streams.settings import default_settings
from streams.topology import TOPICS, TopicName
from tests.support.kafka import kafka_settings, make_topic, own_installation
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until

ID = "0123456789ab"


@pytest.fixture
def own(kafka: KafkaServer) -> ReplayTopics:
    return ReplayTopics.of(kafka_settings(kafka), own_installation(), ID, 1 << 20)


def names(own: ReplayTopics) -> list[str]:
    with open_admin(own.kafka) as admin:
        return admin.names(own.topics.installation.removesuffix(f"-replay-{ID}"))


def test_they_are_made_empty_and_removed_and_nothing_else_is(own: ReplayTopics, kafka: KafkaServer) -> None:
    clock, installation = SystemClock(), own.topics.installation
    live = installation.removesuffix(f"-replay-{ID}")
    others = [
        *(f"{live}.images", f"{live}-replay.images", f"{live}-replay-{ID[:-1]}c.images"),
        *(f"{installation}0.images", f"{installation}-images", f"{installation}.mine"),
    ]
    for name in others:
        make_topic(kafka, name)
    own.make(clock)
    assert own.are_there()
    assert names(own) == sorted([*others, *own.names])
    with BlockProducer(own.kafka, installation) as producer:
        producer.send(Outgoing(topic=TopicName.IMAGES, key=b"of a replay", value=b"that was cut off"))
        producer.flush()
    own.make(clock)
    with open_admin(own.kafka) as admin:
        admin.remove([own.topics.full_name(TopicName.EVIDENCE)])
    wait_until(lambda: not own.are_there())
    own.remove(clock)
    own.remove(clock)
    assert names(own) == sorted(others)
    assert len(own.names) == len(TOPICS)


def test_the_connector_waits_for_partitions_of_which_no_worker_has_said_anything(own: ReplayTopics) -> None:
    clock, limit = ManualClock(), FlowLimit(ConnectSettings(dead_partition_after_s=math.inf), ManualClock())
    settings = default_settings().model_copy(update={"kafka": own.kafka, "topics": own.topics})
    own.make(clock)
    write_seeds({}, ReplayModels(in_use=default_model()), settings, clock)
    follower = ProgressFollower(lambda: TopicReader(own.kafka, own.topics.installation), limit)
    start_ns = parse_iso("2022-07-01")
    limit.sent(start_ns)
    assert not limit.holds(start_ns + HOUR_NS)
    with BlockProducer(own.kafka, own.topics.installation) as producer:
        producer.send(Outgoing(topic=TopicName.IMAGES, key=b"Camera", value=b"waits"))
        producer.flush()
    follower.start()
    wait_until(lambda: limit.holds(start_ns + HOUR_NS))
    follower.stop()
    own.remove(clock)


def test_a_replay_whose_topics_are_gone_is_told_and_nothing_is_made(own: ReplayTopics, tmp_path: Path) -> None:
    plan = ReplayPlan(from_ns=0, to_ns=1, state_file=None, state=None, files=(), changed_settings=())
    live = replace(own.topics, installation=own.topics.installation.removesuffix(f"-replay-{ID}"))
    settings = default_settings().model_copy(update={"kafka": own.kafka, "topics": live})
    ReplayMark(replay="one", topics=own.topics.installation).write(tmp_path)
    replay = KafkaReplay(
        plan,
        ReplayModels(in_use=default_model()),
        tmp_path,
        "one",
        settings,
        config=None,
        options=ReplayOptions(workers=1),
        clock=SystemClock(),
        tell=print,
    )
    with StateDirectory.open(tmp_path) as state:
        state.commit(first_record(plan, state, settings))
    with pytest.raises(FatalError, match=rf"topics of this replay are gone \({own.topics.installation}") as failure:
        replay.run(dict)
    assert failure.value.reason == "replay_topics"
    assert names(own) == []
