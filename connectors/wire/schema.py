"""Which layout a message has: the name and the version in its header ``schema``, for example ``records/1``."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.wire.header_fields import HeaderFields
from connectors.wire.message import Headers, Incoming

#: The header that every message of Petawatch carries.
SCHEMA_HEADER = "schema"

Kind = TypeVar("Kind")

_SYNTAX = re.compile(r"([a-z][a-z-]{0,31})/([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True)
class Schema:
    """The layout of a kind of message; a version is never changed, another layout is another version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Format(Generic[Kind]):
    """How one kind of message is written, and how it is read again."""

    schema: Schema
    write: Callable[[Kind], tuple[bytes, Headers]]
    read: Callable[[Incoming, HeaderFields], Kind]


def read_schema(fields: HeaderFields) -> Schema:
    """The schema that a message names.

    Raises
    ------
    RecordError
        ``missing_header`` or ``damaged_header``.
    """
    match = _SYNTAX.fullmatch(text := fields.text(SCHEMA_HEADER))
    if match is None:
        raise fields.damaged(SCHEMA_HEADER, f"{text!r} is no name with a version such as records/1")
    return Schema(match[1], int(match[2]))
