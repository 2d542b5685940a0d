"""The topics, checkpoints and consumer groups of one replay: made for it, removed after it, and nobody else's."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from connectors.clock import Clock
from connectors.kafka.admin import open_admin
from connectors.kafka.groups import GroupMember, open_group_admin
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError
from streams.facility.topic_plan import apply_topics, plan
from streams.topology import TOPICS, TopicSettings
from streams.worker.membership import group_prefix

# What no installation is called by chance.
_REPLAY = "-replay-"
_ID = re.compile(r"[0-9a-f]{12}")
_GONE_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayTopics:
    """What one replay has on the cluster.

    Attributes
    ----------
    topics
        Of an installation of its own: ``<installation>-replay-<id>``.
    block_bytes
        Of the connector's messages.

    Raises
    ------
    ValueError
        The installation's name is not that of a replay.
    """

    kafka: KafkaSettings
    topics: TopicSettings
    block_bytes: int

    def __post_init__(self) -> None:
        live, found, id_ = self.topics.installation.rpartition(_REPLAY)
        if not live or not found or not _ID.fullmatch(id_):
            raise ValueError(f"{self.topics.installation!r} is no replay's installation: nothing of it may be removed")

    @classmethod
    def of(cls, kafka: KafkaSettings, live: TopicSettings, id_: str, block_bytes: int) -> Self:
        """Those of the replay with this id (12 hexadecimal digits) beside a live installation."""
        own = replace(live, installation=f"{live.installation}{_REPLAY}{id_}")
        return cls(kafka=kafka, topics=own, block_bytes=block_bytes)

    def named(self, installation: str) -> Self:
        """Those of a replay beside the same live installation that was begun under this name.

        Raises
        ------
        FatalError
            ``replay_other`` when it is no such name.
        """
        live, _, id_ = installation.rpartition(_REPLAY)
        if live != self.topics.installation.rpartition(_REPLAY)[0] or not _ID.fullmatch(id_):
            raise FatalError(
                f"this replay was begun on the topics {installation}.*, which are none of this installation; use its "
                "settings, or another folder with --into",
                reason="replay_other",
            )
        return replace(self, topics=replace(self.topics, installation=installation))

    @property
    def names(self) -> tuple[str, ...]:
        """The full names: of these topics, and of no others, any may be removed."""
        return tuple(self.topics.full_name(row.name) for row in TOPICS)

    def own_groups(self, found: Iterable[str]) -> list[str]:
        """Those of some consumer groups that are the replay's."""
        return [name for name in found if name == self._group or name.startswith(f"{self._group}.")]

    def are_there(self) -> bool:
        """Whether all of them are there.

        Raises
        ------
        RetryableError, FatalError
            As ``open_admin``, as all methods do.
        """
        return self._present() == set(self.names)

    def make(self, clock: Clock) -> None:
        """Make them, empty: what is left of an earlier replay goes first."""
        self.remove(clock)
        apply_topics(self.kafka, plan(self.topics, self.block_bytes), lambda _: None)

    def remove(self, clock: Clock) -> None:
        """Remove them, and the consumer groups that have no member; returns when they are gone.

        Raises
        ------
        FatalError
            ``kafka_refused`` when they do not go.
        """
        present = self._present()
        if present:
            with open_admin(self.kafka) as admin:
                admin.remove(sorted(present))
        until_s = clock.monotonic_s() + _GONE_WITHIN_S
        while self._present():
            if clock.monotonic_s() >= until_s:
                raise FatalError(
                    f"the topics {self.topics.installation}.* do not go away; remove them by hand",
                    reason="kafka_refused",
                )
            clock.sleep(_LOOK_EVERY_S)
        with open_group_admin(self.kafka) as groups:
            groups.delete(self.own_groups(groups.names(self._group)))

    def wait_for_no_members(self, clock: Clock, tell: Callable[[str], None]) -> None:
        """Wait until nobody works for the replay any more; those elsewhere are to be stopped by whoever started them.

        Topics that are removed under a worker may be made anew by its client.
        """
        told: set[str] = set()
        while members := self._members():
            names = {member.instance for member in members}
            if not names <= told:
                told |= names
                tell(
                    f"the replay is finished: stop its workers elsewhere ({', '.join(sorted(names))}); its topics are "
                    "removed when they have ended"
                )
            clock.sleep(_LOOK_EVERY_S)

    @property
    def _group(self) -> str:
        return group_prefix(self.topics.installation)

    def _members(self) -> list[GroupMember]:
        with open_group_admin(self.kafka) as groups:
            members = groups.members(self._group)
        return [member for name in self.own_groups(members) for member in members[name]]

    def _present(self) -> set[str]:
        with open_admin(self.kafka) as admin:
            return set(self.names).intersection(admin.names(f"{self.topics.installation}."))
