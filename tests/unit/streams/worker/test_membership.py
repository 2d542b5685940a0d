"""Which group a worker joins, and whether it may."""

import pytest

from connectors.kafka.groups import GroupMember
from models.errors import FatalError
from streams.topology import AgentName
from streams.worker.membership import (
    client_id,
    group_name,
    held_name,
    refuse_shared_agents,
    wait_for_own_name,
)
from tests.support.manual_clock import ManualClock


def member(instance: str, host: str) -> GroupMember:
    return GroupMember(member=f"{instance}-1", instance=instance, client=client_id(host))


def test_workers_of_all_agents_and_of_some_are_different_groups() -> None:
    assert group_name("hpls", AgentName) == "hpls.worker"
    assert group_name("hpls", [AgentName.JOIN, AgentName.IMAGE]) == "hpls.worker.image+join"


@pytest.mark.parametrize(
    ("group", "agents", "shared"),
    [
        ("hpls.worker", [AgentName.IMAGE], "image"),
        ("hpls.worker.image+join", list(AgentName), "image, join"),
        ("hpls.worker.image", [AgentName.IMAGE], ""),
        ("hpls.worker.image", [AgentName.ENERGY], ""),
        ("hpls.worker.anything", list(AgentName), ""),
    ],
)
def test_an_agent_belongs_to_one_group(group: str, agents: list[AgentName], shared: str) -> None:
    members = {group: [member("a", "host")]}
    if not shared:
        refuse_shared_agents(members, "hpls", agents)
        return
    with pytest.raises(FatalError, match=f"the {shared} agents run already, in workers of the group") as raised:
        refuse_shared_agents(members, "hpls", agents)
    assert raised.value.reason == "agents_shared"


def test_a_name_of_this_computer_is_taken_over_at_once() -> None:
    clock = ManualClock()
    begun_s = clock.monotonic_s()
    members = {"g": [member("a", "here"), member("b", "there")]}
    wait_for_own_name(lambda: members, "g", "a", host="here", clock=clock, session_timeout_s=10)
    assert clock.monotonic_s() == begun_s


def test_a_dead_worker_of_another_computer_is_waited_out() -> None:
    clock = ManualClock()
    begun_s = clock.monotonic_s()

    def look() -> dict[str, list[GroupMember]]:
        return {"g": [member("a", "there")]} if clock.monotonic_s() - begun_s < 9 else {}

    wait_for_own_name(look, "g", "a", host="here", clock=clock, session_timeout_s=10)
    assert clock.monotonic_s() - begun_s == pytest.approx(9, abs=0.6)


def test_a_living_worker_of_another_computer_keeps_its_name() -> None:
    members = {"g": [member("a", "there")]}
    with pytest.raises(FatalError, match="a worker named a is alive in the group g") as raised:
        wait_for_own_name(lambda: members, "g", "a", host="here", clock=ManualClock(), session_timeout_s=10)
    assert raised.value.reason == "instance_in_use"


def test_a_name_is_held_once_on_a_computer_and_given_back() -> None:
    with held_name("test-group", "a"):
        with held_name("test-group", "b"), held_name("another-group", "a"):
            pass
        with pytest.raises(FatalError, match="runs on this computer already"), held_name("test-group", "a"):
            pass
    with held_name("test-group", "a"):
        pass
