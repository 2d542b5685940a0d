"""Which worker of a group gets which partitions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from streams.topology import AgentName, inputs_of


class AgentAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types for it
    """Deals out the agents' partitions: those of one number of all inputs of an agent go to the same worker.

    The recorder works on several topics in one state directory, so none of them may go elsewhere. Every agent's
    partitions are dealt to those workers that have the fewest of this agent, then the fewest of all. The result depends
    on nothing but the members' names (a static member keeps its name's beginning over restarts), topics and partitions.
    """

    name = "petawatch-agents"
    version = 0

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The partitions of each member, by the names of the members."""
        names = sorted(members)
        topics = sorted({topic for member in members.values() for topic in member.subscription})
        dealt: dict[str, dict[str, list[int]]] = {name: defaultdict(list) for name in names}
        total: dict[str, int] = dict.fromkeys(names, 0)
        for inputs in _by_agent(topics):
            wanting = [name for name in names if inputs[0] in members[name].subscription]
            of_agent: dict[str, int] = dict.fromkeys(wanting, 0)
            counts = {topic: cluster.partitions_for_topic(topic) or set() for topic in inputs}
            for partition in sorted(set().union(*counts.values())):
                name = min(wanting, key=lambda member: (of_agent[member], total[member], member))
                of_agent[name] += 1
                total[name] += 1
                for topic in inputs:
                    if partition in counts[topic]:
                        dealt[name][topic].append(partition)
        return {
            name: ConsumerProtocolMemberAssignment(cls.version, sorted(of_member.items()), b"")
            for name, of_member in dealt.items()
        }

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What a member says of itself."""
        return ConsumerProtocolMemberMetadata(cls.version, sorted(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is remembered."""


def _by_agent(topics: Iterable[str]) -> list[list[str]]:
    """The full names of topics, those of one agent together, in the order of the agents."""
    short = {topic: topic.partition(".")[2] for topic in topics}
    grouped = [[topic for topic, name in short.items() if name in inputs_of(agent)] for agent in AgentName]
    return [inputs for inputs in grouped if inputs]
