"""The topics of an installation for eyes: what they should be, and what differs in the cluster."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.table import Table

_HOUR_MS = 3_600_000
_MIB = 1 << 20


class ShownRow(Protocol):
    """What is shown of a topic's part in the way of the data."""

    @property
    def key(self) -> str:
        """What the messages of one partition have in common."""
        ...

    @property
    def carries(self) -> tuple[str, ...]:
        """The message types."""
        ...

    @property
    def writers(self) -> tuple[str, ...]:
        """Who writes it."""
        ...

    @property
    def readers(self) -> tuple[str, ...]:
        """Who reads it."""
        ...


class ShownTopic(Protocol):
    """What is shown of a topic."""

    @property
    def row(self) -> ShownRow:
        """Its part in the way of the data."""
        ...

    @property
    def name(self) -> str:
        """Full name."""
        ...

    @property
    def partitions(self) -> int:
        """How many."""
        ...

    @property
    def replication(self) -> int:
        """Copies of each."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """In Kafka's words."""
        ...


class ShownDifference(Protocol):
    """What is shown of something that is not as it should be."""

    @property
    def topic(self) -> str:
        """Full name."""
        ...

    @property
    def what(self) -> str:
        """What of it."""
        ...

    @property
    def wanted(self) -> str:
        """As it should be."""
        ...

    @property
    def found(self) -> str:
        """As it is; empty for what is missing."""
        ...

    @property
    def remedy(self) -> str:
        """The command that mends it, or what to do."""
        ...


def print_topics(topics: Sequence[ShownTopic], console: Console) -> None:
    """A table on a terminal, one line per topic elsewhere."""
    if not console.is_terminal:
        for topic in topics:
            options = " ".join(f"{name}={value}" for name, value in sorted(topic.options.items()))
            console.out(f"{topic.name} partitions={topic.partitions} replication={topic.replication} {options}")
        return
    table = Table(title="Topics")
    for column in ("topic", "partitions", "copies", "kept", "largest", "key", "written by", "read by"):
        table.add_column(column, justify="right" if column in {"partitions", "copies", "largest"} else "left")
    for topic in topics:
        largest = f"{int(topic.options['max.message.bytes']) / _MIB:.3g} MiB"
        numbers = (str(topic.partitions), str(topic.replication), _kept(topic), largest)
        table.add_row(topic.name, *numbers, topic.row.key, ", ".join(topic.row.writers), ", ".join(topic.row.readers))
    console.print(table)


def print_differences(differences: Sequence[ShownDifference], console: Console) -> None:
    """One line for each."""
    for difference in differences:
        if difference.what == "topic":
            sentence = f"{difference.topic} is missing"
        else:
            sentence = f"{difference.topic} {difference.what}: {difference.found or '?'}, not {difference.wanted}"
        console.out(f"{sentence}; mend it by: {difference.remedy}", highlight=False)
    if not differences:
        console.out("all topics are as they should be", highlight=False)


def _kept(topic: ShownTopic) -> str:
    if "retention.ms" not in topic.options:
        return "the latest of a key"
    hours = int(topic.options["retention.ms"]) / _HOUR_MS
    return f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} hours"
