"""Who gets which partitions: evenly, and the recorder's topics together."""

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from streams.topology import AgentName, TopicSettings, inputs_of, partition_count, topic
from streams.worker.group_assignment import AgentAssignor

SETTINGS = TopicSettings()
TOPICS = [SETTINGS.full_name(name) for agent in AgentName for name in inputs_of(agent)]
COUNTS = {SETTINGS.full_name(name): partition_count(topic(name), SETTINGS) for a in AgentName for name in inputs_of(a)}


class Cluster(ClusterMetadata):  # type: ignore[misc]  # aiokafka has no types for it
    """A cluster with the default partitions."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(COUNTS[topic])) if topic in COUNTS else None


def assign(*members: str, topics: list[str] = TOPICS) -> dict[str, dict[str, list[int]]]:
    metadata = {member: ConsumerProtocolMemberMetadata(0, topics, b"") for member in members}
    found = AgentAssignor.assign(Cluster(), metadata)
    return {member: dict(assignment.assignment) for member, assignment in found.items()}


def numbers(assignment: dict[str, list[int]], agent: AgentName) -> int:
    return len(assignment.get(SETTINGS.full_name(inputs_of(agent)[0]), []))


def test_one_worker_gets_everything() -> None:
    (everything,) = assign("a").values()
    assert {name: len(of_topic) for name, of_topic in everything.items()} == COUNTS


def test_every_partition_goes_to_exactly_one_worker_and_each_agent_is_shared_evenly() -> None:
    for count in (2, 3, 5):
        dealt = assign(*(f"worker-{number}" for number in range(count)))
        for name, partitions in COUNTS.items():
            assert sorted(number for each in dealt.values() for number in each.get(name, [])) == list(range(partitions))
        for agent in AgentName:
            shares = [numbers(each, agent) for each in dealt.values()]
            assert max(shares) - min(shares) <= 1
        totals = [sum(numbers(each, agent) for agent in AgentName) for each in dealt.values()]
        assert max(totals) - min(totals) <= 1


def test_all_topics_of_the_recorder_go_to_the_same_worker() -> None:
    dealt = assign("a", "b", "c")
    wanted = {SETTINGS.full_name(name) for name in inputs_of(AgentName.RECORDER)}
    assert [wanted & set(each) for each in dealt.values()].count(wanted) == 1
    assert [wanted & set(each) for each in dealt.values()].count(set()) == 2


def test_it_depends_on_the_names_alone() -> None:
    assert assign("a", "b") == assign("b", "a")
    again = assign("a-7f", "b-01")
    assert list(again["a-7f"].items()) == list(assign("a-02", "b-09")["a-02"].items())


def test_topics_that_are_not_there_yet_are_left_out() -> None:
    (found,) = assign("a", topics=["elsewhere.energies", *TOPICS[:1]]).values()
    assert list(found) == TOPICS[:1]
