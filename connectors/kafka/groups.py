"""Consumer groups of the cluster: who is in them, taking one out, and removing groups."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove

from connectors.kafka.client_options import client_options
from connectors.kafka.failures import clear_failures
from connectors.kafka.reachability import require_reachable
from connectors.kafka.settings import KafkaSettings

_CONNECT_MS = 30_000
_RECONNECT_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """A member of a group, as the cluster knows it.

    Attributes
    ----------
    member
        Given by the cluster, anew at every start.
    instance
        Its own name, kept over restarts; empty when it has none.
    client
        What it calls itself.
    """

    member: str
    instance: str
    client: str


class GroupAdmin:
    """Looks at groups; made by `open_group_admin`."""

    def __init__(self, settings: KafkaSettings, client: Any) -> None:
        self._settings = settings
        self._client = client

    def names(self, prefix: str) -> list[str]:
        """All groups whose names begin so."""
        with clear_failures(self._settings, "consumer groups"):
            found = self._client.list_groups()
        return sorted(group["group_id"] for group in found if group["group_id"].startswith(prefix))

    def delete(self, groups: Iterable[str]) -> None:
        """Remove groups with what they have committed; one that has members stays until it has none, and expires."""
        names = list(groups)
        if names:
            with clear_failures(self._settings, "consumer groups"):
                self._client.delete_groups(names)

    def members(self, prefix: str) -> dict[str, list[GroupMember]]:
        """The members of all groups whose names begin so, by group; groups without any are left out."""
        names = self.names(prefix)
        with clear_failures(self._settings, "consumer groups"):
            described = self._client.describe_groups(names) if names else {}
        members = {name: [_member(member) for member in group["members"]] for name, group in described.items()}
        return {name: of_group for name, of_group in members.items() if of_group}

    def remove(self, group: str, instance: str) -> None:
        """Take a member out, so that the others get its partitions at once."""
        with clear_failures(self._settings, f"the consumer group {group}"):
            self._client.remove_group_members(group, [MemberToRemove(group_instance_id=instance)])


@contextmanager
def open_group_admin(settings: KafkaSettings, *, answer_within_s: float = 30.0) -> Iterator[GroupAdmin]:
    """A connection for looking at groups; raises as `connectors.kafka.admin.open_admin`."""
    require_reachable(settings)
    with clear_failures(settings):
        client = KafkaAdminClient(
            client_id="petawatch",
            request_timeout_ms=int(answer_within_s * 1000),
            bootstrap_timeout_ms=_CONNECT_MS,
            reconnect_backoff_max_ms=_RECONNECT_MS,
            **client_options(settings),
        )
    try:
        yield GroupAdmin(settings, client)
    finally:
        client.close()


def _member(described: dict[str, Any]) -> GroupMember:
    return GroupMember(
        member=described["member_id"],
        instance=described.get("group_instance_id") or "",
        client=described.get("client_id") or "",
    )
