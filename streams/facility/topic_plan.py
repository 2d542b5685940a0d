"""What the topics should be, what differs in the cluster, and making it so; nothing is ever deleted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.kafka.admin import ClusterAdmin, ClusterTopic, open_admin
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError
from streams.topology import (
    RESULT_BYTES,
    TOPICS,
    AgentName,
    Cleanup,
    Topic,
    TopicName,
    TopicSettings,
    inputs_of,
    partition_count,
)

#: The command that makes what is missing.
APPLY = "petawatch topics apply --config FILE"

_HOUR_MS = 3_600_000
_GIB = 1 << 30
_SEGMENT_BYTES = 256 << 20
# What a dead letter's headers add to its original.
_LETTER_HEADER_BYTES = 1 << 20
# Measured on checkpoints: with these a partition of eight cameras' states stays at some 16 MB.
_COMPACTION = {
    "segment.ms": "10000",
    "min.cleanable.dirty.ratio": "0.1",
    "max.compaction.lag.ms": "60000",
}
_PARTITIONS = "partitions"
_REPLICATION = "replication"
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTopic:
    """A topic as it should be.

    Attributes
    ----------
    row
        Its row in the table of topics.
    name
        Full name.
    options
        The options that are set, in Kafka's words.
    """

    row: Topic
    name: str
    partitions: int
    replication: int
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as it should be.

    Attributes
    ----------
    topic
        Full name.
    what
        ``topic`` (it is missing), ``partitions``, ``replication``, or the name of an option.
    wanted, found
        As texts; ``found`` is empty for what is missing.
    remedy
        The command that mends it, or what to do.
    """

    topic: str
    what: str
    wanted: str
    found: str
    remedy: str


def plan(settings: TopicSettings, block_bytes: int) -> tuple[PlannedTopic, ...]:
    """All topics as they should be; ``block_bytes`` is the connector's."""
    return tuple(
        PlannedTopic(
            row=row,
            name=settings.full_name(row.name),
            partitions=partition_count(row, settings),
            replication=settings.replication,
            options=_options(row, settings, largest_message_bytes(row, block_bytes)),
        )
        for row in TOPICS
    )


def largest_message_bytes(row: Topic, block_bytes: int) -> int:
    """Most bytes that a message of a topic may have, with its key and headers."""
    if row.largest_bytes:
        return row.largest_bytes
    if row.name is TopicName.DEAD_LETTERS:
        # Any message that an agent reads may be refused; a letter is that message with more headers.
        inputs = {name for agent in AgentName for name in inputs_of(agent)} - {TopicName.DEAD_LETTERS}
        largest = max(largest_message_bytes(each, block_bytes) for each in TOPICS if each.name in inputs)
        return largest + _LETTER_HEADER_BYTES
    # Records are one block or one large record.
    return max(RESULT_BYTES, block_bytes + block_bytes // 4)


def differences(
    planned: Iterable[PlannedTopic], found: Mapping[str, ClusterTopic], *, options_too: bool = True
) -> list[Difference]:
    """What is not as it should be, topic by topic."""
    return [
        difference
        for topic in planned
        for difference in _of_topic(topic, found.get(topic.name))
        if options_too or difference.what not in topic.options
    ]


def check_topics(kafka: KafkaSettings, planned: Sequence[PlannedTopic]) -> list[Difference]:
    """What differs in the cluster.

    Raises
    ------
    RetryableError
        ``kafka_away``.
    FatalError
        ``kafka_login``, ``kafka_tls``, ``kafka_address``, ``kafka_forbidden`` or ``kafka_refused``.
    """
    with open_admin(kafka) as admin:
        return differences(planned, _found(admin, planned))


def apply_topics(
    kafka: KafkaSettings, planned: Sequence[PlannedTopic], tell: Callable[[str], None]
) -> list[Difference]:
    """Make topics that are missing and set options that differ.

    Parameters
    ----------
    tell
        Gets a sentence for each thing done.

    Returns
    -------
    list
        What still differs, because it can't be mended here.

    Raises
    ------
    RetryableError
        ``kafka_away``.
    FatalError
        ``kafka_partitions``: a topic has another number of partitions; nothing was changed. Or as `check_topics`.
    """
    with open_admin(kafka) as admin:
        found = _found(admin, planned)
        _refuse_other_partitions(differences(planned, found))
        missing = [topic for topic in planned if topic.name not in found]
        if missing:
            admin.create(missing)
        for topic in missing:
            tell(f"made {topic.name} ({topic.partitions} partition{'s' * (topic.partitions != 1)})")
        for topic in planned:
            _set_options(admin, topic, found.get(topic.name), tell)
        return [left for left in differences(planned, _found(admin, planned)) if left.what == _REPLICATION]


def require_topics(
    kafka: KafkaSettings, settings: TopicSettings, names: Iterable[TopicName], *, partitions_too: bool = True
) -> None:
    """Refuse to start when topics are missing or have other numbers of partitions.

    Parameters
    ----------
    partitions_too
        Whether it matters how many partitions they have: not to messages whose key finds their own.

    Raises
    ------
    RetryableError
        ``kafka_away``.
    FatalError
        ``kafka_topic_missing`` or ``kafka_partitions``, with the command that mends it. Or as `check_topics`.
    """
    wanted = {settings.full_name(name) for name in names}
    planned = [topic for topic in plan(settings, block_bytes=0) if topic.name in wanted]
    with open_admin(kafka) as admin:
        found = differences(planned, _found(admin, planned), options_too=False)
    missing = [difference.topic for difference in found if difference.what == "topic"]
    if missing:
        some = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise FatalError(
            f"topics are missing at {kafka.bootstrap_servers} ({some}); mend it by: {APPLY}",
            reason="kafka_topic_missing",
        )
    if partitions_too:
        _refuse_other_partitions(found)


def _set_options(
    admin: ClusterAdmin, planned: PlannedTopic, found: ClusterTopic | None, tell: Callable[[str], None]
) -> None:
    if found is None:
        return
    changed = {name: value for name, value in planned.options.items() if _differs(planned, found, name)}
    if changed:
        admin.set_options(planned.name, changed)
        tell(f"set {planned.name} {', '.join(f'{name}={value}' for name, value in changed.items())}")


def _refuse_other_partitions(found: Iterable[Difference]) -> None:
    other = [difference for difference in found if difference.what == _PARTITIONS]
    if other:
        first = other[0]
        raise FatalError(
            f"{first.topic} has {first.found} partitions, not the {first.wanted} of the configuration; {first.remedy}",
            reason="kafka_partitions",
        )


def _of_topic(planned: PlannedTopic, found: ClusterTopic | None) -> list[Difference]:
    if found is None:
        missing = Difference(topic=planned.name, what="topic", wanted="present", found="", remedy=APPLY)
        return [missing]
    result = []
    if found.partitions != planned.partitions:
        result.append(_difference(planned, _PARTITIONS, str(found.partitions), _partitions_remedy(planned, found)))
    if found.replication != planned.replication:
        remedy = f"set topics.replication to {found.replication}, or move the copies with kafka-reassign-partitions"
        result.append(_difference(planned, _REPLICATION, str(found.replication), remedy))
    return result + [
        _difference(planned, name, found.options.get(name, ""), APPLY)
        for name in planned.options
        if _differs(planned, found, name)
    ]


def _difference(planned: PlannedTopic, what: str, found: str, remedy: str) -> Difference:
    plain = {_PARTITIONS: planned.partitions, _REPLICATION: planned.replication}
    wanted = str(plain[what]) if what in plain else planned.options[what]
    return Difference(topic=planned.name, what=what, wanted=wanted, found=found, remedy=remedy)


def _partitions_remedy(planned: PlannedTopic, found: ClusterTopic) -> str:
    # With another number a device's records go to another partition than its state.
    afresh = "begin afresh with another topics.installation"
    option = planned.row.partitions
    return f"set topics.{option} to {found.partitions}, or {afresh}" if option else afresh


def _differs(planned: PlannedTopic, found: ClusterTopic, option: str) -> bool:
    # Whoever may not see the options of a topic can't say that they differ.
    return bool(found.options) and found.options.get(option) != planned.options[option]


def _found(admin: ClusterAdmin, planned: Iterable[PlannedTopic]) -> dict[str, ClusterTopic]:
    return admin.topics([topic.name for topic in planned])


def _options(row: Topic, settings: TopicSettings, largest: int) -> dict[str, str]:
    options = {
        "cleanup.policy": str(row.cleanup),
        "max.message.bytes": str(largest),
        # A recorder computer's clock may be wrong: messages of the future would be refused, old ones deleted at once.
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2" if settings.replication >= 3 else "1",
    }
    if row.cleanup is Cleanup.COMPACT:
        return options | _COMPACTION | {"segment.bytes": str(largest)}
    options["retention.ms"] = str(int(getattr(settings, row.retention) * _HOUR_MS))
    if row.retention == "records_retention_h":
        most = int(settings.records_retention_gib * _GIB)
        options["retention.bytes"] = str(most)
        # What is kept is whole segments: they must be small beside it, but hold the largest message.
        options["segment.bytes"] = str(max(largest, min(_SEGMENT_BYTES, most // 4)))
    return options
