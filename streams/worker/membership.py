"""Which group a worker joins, under which name, and whether it may."""

import hashlib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from connectors.clock import Clock
from connectors.kafka.groups import GroupMember
from models.errors import FatalError
from streams.topology import AgentName

_LOOK_EVERY_S = 0.5
#: After the session timeout the cluster takes a while to notice that a member is gone.
_NOTICED_WITHIN_S = 3.0
_SEPARATOR = "+"

Members = Mapping[str, Sequence[GroupMember]]


def group_name(installation: str, agents: Iterable[AgentName]) -> str:
    """The consumer group of workers that run these agents."""
    chosen = set(agents)
    prefix = group_prefix(installation)
    if chosen == set(AgentName):
        return prefix
    return f"{prefix}.{_SEPARATOR.join(agent.value for agent in AgentName if agent in chosen)}"


def group_prefix(installation: str) -> str:
    """What the names of all groups of an installation's workers begin with."""
    return f"{installation}.worker"


def client_id(host: str) -> str:
    """What a worker's connections are called."""
    return f"petawatch-worker@{host}"


def refuse_shared_agents(members: Members, installation: str, agents: Iterable[AgentName]) -> None:
    """No agent may be run by two groups: each would get all of its messages.

    Raises
    ------
    FatalError
        ``agents_shared``.
    """
    mine = set(agents)
    own_group = group_name(installation, mine)
    for group, of_group in sorted(members.items()):
        shared = mine & _agents_of(group, installation)
        if group != own_group and shared and of_group:
            raise FatalError(
                f"the {', '.join(sorted(shared))} agents run already, in workers of the group {group} "
                f"({', '.join(sorted(member.instance or member.client for member in of_group))}); start every worker "
                "of an agent with the same --agents, or stop those first",
                reason="agents_shared",
            )


def wait_for_own_name(
    look: Callable[[], Members], group: str, instance: str, *, host: str, clock: Clock, session_timeout_s: float
) -> None:
    """Make sure that nobody alive has this worker's name: two with one name would push each other out for ever.

    A worker of this computer that has the name is dead (see `held_name`) and its place is taken at once. Of another
    computer nothing is known: if it is dead, the cluster drops it within the session timeout.

    Raises
    ------
    FatalError
        ``instance_in_use``.
    """
    until_s = clock.monotonic_s() + session_timeout_s + _NOTICED_WITHIN_S
    while True:
        others = [
            member
            for member in look().get(group, ())
            if member.instance == instance and member.client != client_id(host)
        ]
        if not others:
            return
        if clock.monotonic_s() >= until_s:
            raise FatalError(
                f"a worker named {instance} is alive in the group {group} ({others[0].client}); give each worker "
                "a name of its own by worker.instance",
                reason="instance_in_use",
            )
        clock.sleep(_LOOK_EVERY_S)


@contextmanager
def held_name(group: str, instance: str) -> Iterator[None]:
    """Hold a worker's name on this computer, for as long as this process lives: the kernel gives it back.

    Raises
    ------
    FatalError
        ``instance_in_use`` when another process has it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(f"\0petawatch/{_short(group, instance)}")
        except OSError as error:
            raise FatalError(
                f"a worker named {instance} runs on this computer already, in the group {group}; give each worker a "
                "name of its own by worker.instance",
                reason="instance_in_use",
            ) from error
        yield


def _short(group: str, instance: str) -> str:
    """A text that fits into a Unix socket's address."""
    return hashlib.sha256(f"{group}/{instance}".encode()).hexdigest()[:32]


def _agents_of(group: str, installation: str) -> set[AgentName]:
    prefix = group_prefix(installation)
    if group == prefix:
        return set(AgentName)
    names = group.removeprefix(f"{prefix}.").split(_SEPARATOR)
    return {agent for agent in AgentName if agent.value in names}
