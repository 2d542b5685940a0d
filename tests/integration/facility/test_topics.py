"""``petawatch topics`` against a real broker: what is missing is made, what differs is set, nothing is deleted."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.kafka.admin import open_admin
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.wire.message import Outgoing
from models.errors import FatalError
from servers.kafka_server import KafkaServer, free_port
from streams.command_line import run
from streams.facility.agent_connection import agents_of
from streams.facility.model_announcement import (
    tell_workers_of_no_shadow,
    workers_to_tell,
    workers_to_tell_of_shadow,
)
from streams.facility.topic_plan import apply_topics, check_topics, plan, require_topics
from streams.settings import load_settings
from streams.topology import RECORD_TOPICS, TOPICS, TopicName, TopicSettings
from tests.support.kafka import PATIENCE_S, kafka_settings, make_topic, make_topics, own_installation


def _config(folder: Path, server: KafkaServer, topics: TopicSettings) -> list[str]:
    lines = [
        "[kafka]",
        f'bootstrap_servers = "{server.address}"',
        "[topics]",
        f'installation = "{topics.installation}"',
    ]
    options = ("image", "energy", "spectrum", "other", "join")
    lines += [f"{name}_partitions = {getattr(topics, f'{name}_partitions')}" for name in options]
    (folder / "petawatch.toml").write_text("\n".join(lines) + "\n")
    return ["--config", str(folder / "petawatch.toml")]


def _eventually(holds: Callable[[], bool]) -> None:
    # A broker hears of changed options a moment after they were accepted.
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_topics_are_planned_made_and_checked(
    kafka: KafkaServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    topics = own_installation()
    config = _config(tmp_path, kafka, topics)
    assert run(["topics", "plan", *config]) == 0
    planned = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in planned] == [topics.full_name(row.name) for row in TOPICS]
    assert f"{topics.installation}.images partitions=2 replication=1 cleanup.policy=delete" in planned[0]

    assert run(["topics", "check", *config]) == 1
    said = capfd.readouterr().out
    assert f"{topics.installation}.images is missing; mend it by: petawatch topics apply --config FILE" in said

    assert run(["topics", "apply", *config]) == 0
    said = capfd.readouterr().out
    assert f"made {topics.installation}.images (2 partitions)" in said
    assert "all topics are as they should be" in said

    assert run(["topics", "check", *config]) == 0
    assert run(["topics", "apply", *config]) == 0
    assert capfd.readouterr().out == "all topics are as they should be\n" * 2


def test_options_that_differ_are_shown_and_set_and_messages_stay(kafka: KafkaServer) -> None:
    settings, topics = kafka_settings(kafka), own_installation()
    make_topics(kafka, topics)
    with BlockProducer(settings, topics.installation) as producer:
        producer.send(Outgoing(topic="images", key=b"device", value=b"kept"))
        producer.flush()
    images = topics.full_name(TopicName.IMAGES)
    with open_admin(settings) as admin:
        admin.set_options(images, {"retention.ms": "1000000", "max.message.bytes": "1000"})
    planned = plan(topics, 1 << 20)
    _eventually(lambda: len(check_topics(settings, planned)) == 2)
    found = {difference.what: (difference.topic, difference.found) for difference in check_topics(settings, planned)}
    assert found == {"retention.ms": (images, "1000000"), "max.message.bytes": (images, "1000")}

    said: list[str] = []
    assert apply_topics(settings, planned, said.append) == []
    assert said == [f"set {images} max.message.bytes=4194304, retention.ms=86400000"]
    _eventually(lambda: not check_topics(settings, planned))
    with TopicReader(settings, topics.installation) as reader:
        assert [message.value for message in reader.read(["images"])] == [b"kept"]


def test_options_that_are_not_ours_stay(kafka: KafkaServer) -> None:
    settings, topics = kafka_settings(kafka), own_installation()
    make_topics(kafka, topics)
    images = topics.full_name(TopicName.IMAGES)
    with open_admin(settings) as admin:
        admin.set_options(images, {"file.delete.delay.ms": "12345", "retention.ms": "1000000"})
        _eventually(lambda: admin.topics([images])[images].options["retention.ms"] == "1000000")
        apply_topics(settings, plan(topics, 1 << 20), lambda _: None)
        _eventually(lambda: admin.topics([images])[images].options["retention.ms"] == "86400000")
        assert admin.topics([images])[images].options["file.delete.delay.ms"] == "12345"


@pytest.mark.parametrize("partitions", [1, 3])
def test_other_numbers_of_partitions_are_refused_before_anything_is_changed(
    kafka: KafkaServer, partitions: int
) -> None:
    settings, topics = kafka_settings(kafka), own_installation()
    images = make_topic(kafka, topics.full_name(TopicName.IMAGES), partitions)
    sentence = (
        rf"{images} has {partitions} partitions, not the 2 of the configuration; "
        rf"set topics\.image_partitions to {partitions}, or begin afresh"
    )
    with pytest.raises(FatalError, match=sentence) as refused:
        apply_topics(settings, plan(topics, 1 << 20), lambda _: None)
    assert refused.value.reason == "kafka_partitions"
    with open_admin(settings) as admin:
        assert admin.names(f"{topics.installation}.") == [images]
    with pytest.raises(FatalError, match=sentence):
        require_topics(settings, topics, [TopicName.IMAGES])


def test_nothing_is_promoted_where_the_settings_know_of_fewer_partitions(kafka: KafkaServer, tmp_path: Path) -> None:
    topics = own_installation()
    make_topic(kafka, topics.full_name(TopicName.IMAGES), 3)
    make_topic(kafka, topics.full_name(TopicName.MODELS))
    settings = load_settings(Path(_config(tmp_path, kafka, topics)[1]))
    for connect in (workers_to_tell, workers_to_tell_of_shadow):
        with pytest.raises(FatalError, match="has 3 partitions, not the 2"), connect(tmp_path, settings, SystemClock()):
            pytest.fail("a promotion may begin")
    with pytest.raises(FatalError, match="has 3 partitions, not the 2"):
        tell_workers_of_no_shadow(settings, SystemClock())


def test_baselines_need_all_record_topics_and_no_number_of_partitions(kafka: KafkaServer, tmp_path: Path) -> None:
    topics = own_installation()
    settings = load_settings(Path(_config(tmp_path, kafka, topics)[1]))
    first, *others = (topics.full_name(name) for name in RECORD_TOPICS.values())
    make_topic(kafka, first, 3)
    with pytest.raises(FatalError, match=r"topics are missing .*; mend it by: petawatch topics apply") as missing:
        agents_of(settings).__enter__()
    assert missing.value.reason == "kafka_topic_missing"
    for name in others:
        make_topic(kafka, name, 3)
    with agents_of(settings) as agents:
        agents.flush()


def test_another_number_of_copies_is_shown_and_left(
    kafka: KafkaServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings, topics = kafka_settings(kafka), own_installation()
    make_topics(kafka, topics)
    wanted = replace(topics, replication=2)
    left = apply_topics(settings, plan(wanted, 1 << 20), lambda _: None)
    assert {difference.what for difference in left} == {"replication"}
    assert len(left) == len(TOPICS)
    assert "kafka-reassign-partitions" in left[0].remedy
    require_topics(settings, wanted, list(TopicName))


def test_a_start_without_topics_names_the_command(kafka: KafkaServer) -> None:
    settings, topics = kafka_settings(kafka), own_installation()
    with pytest.raises(
        FatalError, match=r"topics are missing .*, \.\.\.\); mend it by: petawatch topics apply"
    ) as missing:
        require_topics(settings, topics, list(TopicName))
    assert missing.value.reason == "kafka_topic_missing"
    make_topics(kafka, topics)
    require_topics(settings, topics, list(TopicName))


def test_more_copies_than_brokers_are_refused_with_a_sentence(kafka: KafkaServer) -> None:
    topics = own_installation(replication=3)
    with pytest.raises(FatalError, match="refuses what was asked") as refused:
        make_topics(kafka, topics)
    assert refused.value.reason == "kafka_refused"


def test_an_absent_broker_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "petawatch.toml").write_text(f'[kafka]\nbootstrap_servers = "{address}"\n')
    assert run(["topics", "check", "--config", str(tmp_path / "petawatch.toml")]) == 1
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert f"petawatch: Kafka at {address} does not answer" in output.err
