"""What the lines of the archive's outbox are, and what is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Sink(StrEnum):
    """Where a file has to go; a line waits for one of them."""

    STORE = "store"
    CATALOG = "catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A line to be put into the outbox.

    Attributes
    ----------
    name
        Of the version of the file: a second line of it takes the place of the first.
    document
        What the sink needs to know, as JSON values.
    """

    name: str
    document: Mapping[str, Any]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that waits.

    Attributes
    ----------
    since_ns
        When the version began to wait for the archive, by the clock, ns since 1970.
    attempts
        That failed.
    """

    id: int
    sink: Sink
    name: str
    document: Mapping[str, Any]
    size_bytes: int
    since_ns: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkLag:
    """What waits for a sink.

    Attributes
    ----------
    oldest_ns
        When the oldest began to wait, ns since 1970; None when nothing waits.
    reason, error
        Of the latest failure of what waits; empty when none of it has failed.
    """

    files: int = 0
    size_bytes: int = 0
    oldest_ns: int | None = None
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a state directory was followed (``connectors.state.file_changes``).

    Attributes
    ----------
    number
        Of the latest change that is in the outbox.
    version, content
        The greatest version among all of them, and what it is: it never changes, unless an earlier copy of the
        directory took its place.
    """

    number: int = 0
    version: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A version of a file that could not be archived any more, with its bounded reason.

    Attributes
    ----------
    line
        What waited for the store.
    """

    path: str
    reason: str
    sentence: str
    at_ns: int
    line: NewLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one transaction changes.

    Attributes
    ----------
    done
        Lines by their ids that wait no longer.
    added
        Lines that wait from now on, by sink, each with the time since when.
    left_out
        Versions that are given up.
    found
        Names of versions that were, and are there again.
    counts
        Events to be counted.
    notes
        Small things to be remembered.
    """

    done: list[int] = field(default_factory=list)
    added: list[tuple[Sink, NewLine, int]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
