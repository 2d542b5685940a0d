"""The table of topics says one thing of each topic, and nothing that another part contradicts."""

import pytest

from models.devices import RecordKind
from streams.facility.topic_plan import largest_message_bytes, plan
from streams.topology import (
    CONNECTOR,
    OPERATOR,
    RECORD_TOPICS,
    TOPICS,
    AgentName,
    Cleanup,
    TopicName,
    TopicSettings,
    checkpoint_topic,
    inputs_of,
    partition_count,
    topic,
)


def test_every_topic_has_one_row() -> None:
    assert [row.name for row in TOPICS] == list(TopicName)


def test_every_topic_is_written_and_read_by_someone_who_exists() -> None:
    known = {CONNECTOR, OPERATOR, *AgentName}
    for row in TOPICS:
        assert row.writers, row.name
        assert row.readers, row.name
        assert known.issuperset((*row.writers, *row.readers)), row.name


def test_no_stage_writes_an_earlier_topic() -> None:
    for agent in AgentName:
        written = {row.name for row in TOPICS if agent in row.writers} - {TopicName.PROGRESS, TopicName.DEAD_LETTERS}
        assert written.isdisjoint(inputs_of(agent)), agent


def test_every_kind_of_device_has_the_topic_of_its_agent() -> None:
    assert set(RECORD_TOPICS) == set(RecordKind)
    readers = [topic(name).readers for name in RECORD_TOPICS.values()]
    assert len(set(readers)) == len(readers)


def test_all_inputs_of_an_agent_and_its_checkpoints_have_as_many_partitions() -> None:
    settings = TopicSettings(
        image_partitions=5, energy_partitions=6, spectrum_partitions=7, other_partitions=8, join_partitions=9
    )
    for agent in AgentName:
        names = [*inputs_of(agent), *([checkpoint] if (checkpoint := checkpoint_topic(agent)) else [])]
        assert len({partition_count(topic(name), settings) for name in names}) == 1, agent
    assert partition_count(topic(TopicName.IMAGES), settings) == 5
    assert {partition_count(topic(name), settings) for name in inputs_of(AgentName.RECORDER)} == {1}


def test_compacted_topics_keep_the_latest_of_a_key_and_the_others_end() -> None:
    for planned in plan(TopicSettings(), 1 << 20):
        compacted = planned.row.cleanup is Cleanup.COMPACT
        assert planned.options["cleanup.policy"] == ("compact" if compacted else "delete")
        assert compacted == ("retention.ms" not in planned.options)
        assert compacted == (not planned.row.retention)


@pytest.mark.parametrize("block_bytes", [1024, 1 << 20, 10 << 20, 64 << 20])
def test_a_message_fits_into_its_topic_and_into_a_segment(block_bytes: int) -> None:
    for planned in plan(TopicSettings(records_retention_gib=0.01), block_bytes):
        largest = int(planned.options["max.message.bytes"])
        # What brokers take in one request, 100 MB.
        assert largest < 100_000_000, planned.name
        assert largest <= int(planned.options.get("segment.bytes", 1 << 30)), planned.name
    records = largest_message_bytes(topic(TopicName.IMAGES), block_bytes)
    assert records >= block_bytes * 1.25
    # Whatever an agent reads must fit into a dead letter, with what is said of it.
    letters = largest_message_bytes(topic(TopicName.DEAD_LETTERS), block_bytes)
    inputs = {name for agent in AgentName for name in inputs_of(agent)} - {TopicName.DEAD_LETTERS}
    assert letters == max(largest_message_bytes(topic(name), block_bytes) for name in inputs) + (1 << 20)
    assert letters >= (17 << 20)


def test_options_follow_the_settings() -> None:
    settings = TopicSettings(
        installation="lab-2", replication=3, records_retention_h=1.5, results_retention_h=2, records_retention_gib=0.5
    )
    planned = {row.row.name: row for row in plan(settings, 1 << 20)}
    images = planned[TopicName.IMAGES]
    assert (images.name, images.partitions, images.replication) == ("lab-2.images", 8, 3)
    assert images.options["retention.ms"] == "5400000"
    assert images.options["retention.bytes"] == str(1 << 29)
    assert images.options["segment.bytes"] == str(1 << 27)
    assert images.options["min.insync.replicas"] == "2"
    assert planned[TopicName.SCORED].options["retention.ms"] == "7200000"
    assert "retention.bytes" not in planned[TopicName.SCORED].options


@pytest.mark.parametrize(
    "wrong", [{"image_partitions": 0}, {"replication": 0}, {"installation": "a b"}, {"results_retention_h": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        TopicSettings(**wrong)  # type: ignore[arg-type]
