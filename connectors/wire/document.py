"""JSON documents in messages, read with checks: they may come from anyone."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from connectors.wire.limits import (
    MAX_DOCUMENT_BYTES,
    MAX_INTEGER,
    MAX_TEXT_BYTES,
    MAX_TIME_NS,
    MAX_VALUE_BYTES,
    MIN_TIME_NS,
    TooLargeError,
    shown,
)
from models.devices import Stage
from models.messages import FileMoment
from models.records import SourceReference

Choice = TypeVar("Choice", bound=StrEnum)


class Document:
    """One JSON object; what it lacks is a ``ValueError``, what it holds wrongly that or a ``TypeError``.

    Entries that nobody asks for are passed over, so that a later program of the same version may add some.
    """

    def __init__(self, value: object, name: str = "the document") -> None:
        if not isinstance(value, dict):
            raise TypeError(f"{name} is no object")
        self._values: dict[str, Any] = value
        self._name = name

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        """An entry as JSON gives it."""
        if name not in self._values:
            raise ValueError(f"{self._name} lacks {name}")
        return self._values[name]

    def values(self) -> dict[str, Any]:
        """All entries."""
        return self._values

    def is_null(self, name: str) -> bool:
        """Whether an entry is null."""
        return self.raw(name) is None

    def text(self, name: str) -> str:
        """A text that can be stored."""
        return checked_text(self.raw(name), name)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(checked_text(item, name) for item in self.items(name))

    def items(self, name: str, length: int | None = None) -> list[Any]:
        """A list, of so many entries where a length is given."""
        return checked_list(self.raw(name), name, length)

    def integer(self, name: str, *, minimum: int = -MAX_INTEGER - 1) -> int:
        """A whole number of 64 bits."""
        return checked_integer(self.raw(name), name, minimum=minimum)

    def optional_integer(self, name: str, *, minimum: int = -MAX_INTEGER - 1) -> int | None:
        """A whole number of 64 bits or null."""
        return None if self.is_null(name) else self.integer(name, minimum=minimum)

    def time_ns(self, name: str) -> int:
        """A time, ns since 1970."""
        return checked_time(self.raw(name), name)

    def optional_time_ns(self, name: str) -> int | None:
        """A time, ns since 1970, or null."""
        return None if self.is_null(name) else self.time_ns(name)

    def number(self, name: str) -> float:
        """A number; NaN and infinities are kept."""
        value = self.raw(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} is no number: {shown(value)}")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.raw(name)
        if not isinstance(value, bool):
            raise TypeError(f"{name} is neither true nor false: {shown(value)}")
        return value

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """One of several words."""
        return choices(self.text(name))

    def counts(self, name: str) -> dict[str, int]:
        """Numbers of at least 0 by names."""
        value = self.raw(name)
        if not isinstance(value, dict):
            raise TypeError(f"{name} is no object: {shown(value)}")
        return {checked_text(key, name): checked_integer(count, name, minimum=0) for key, count in value.items()}

    def inner(self, name: str) -> "Document":
        """An object inside this one."""
        return Document(self.raw(name), name)

    def stage(self, name: str = "stage") -> Stage:
        """A laser stage as a list of its three parts."""
        front_end, amp, arm = (checked_text(item, name) for item in self.items(name, 3))
        return Stage(front_end, amp, arm)

    def moment(self, name: str = "moment") -> FileMoment:
        """The times of a file as a list of its start and its closing."""
        start_ns, closed_ns = (checked_time(item, name) for item in self.items(name, 2))
        return FileMoment(start_ns=start_ns, closed_ns=closed_ns)

    def source(self, name: str = "source") -> SourceReference:
        """A file as a list of its path and sha256."""
        return checked_source(self.raw(name), name)


def read_document(value: bytes) -> Document:
    """The JSON object in a message's value.

    Raises
    ------
    ValueError, TypeError
        In one sentence, when it is none, or too large.
    """
    if len(value) > MAX_DOCUMENT_BYTES:
        raise TooLargeError(f"a document of {len(value)} bytes is larger than {MAX_DOCUMENT_BYTES} bytes")
    return Document(json.loads(value.decode(), parse_int=_bounded_integer))


def write_document(values: Mapping[str, Any]) -> bytes:
    """A JSON object: keys in the order given, floats exact, everything but ASCII escaped."""
    return check_size(json.dumps(values, separators=(",", ":")).encode(), MAX_DOCUMENT_BYTES)


def check_size(data: bytes, limit: int = MAX_VALUE_BYTES) -> bytes:
    """Refuse to write what no reader would read."""
    if len(data) > limit:
        raise ValueError(f"a message of {len(data)} bytes would be refused by its readers: at most {limit}, split it")
    return data


def checked_text(value: object, name: str) -> str:
    """The value, if it is a text of bounded length that can be written as UTF-8."""
    if not isinstance(value, str) or len(value.encode()) > MAX_TEXT_BYTES:
        raise ValueError(f"{name} is no text of at most {MAX_TEXT_BYTES} bytes: {shown(value)}")
    return value


def checked_list(value: object, name: str, length: int | None = None) -> list[Any]:
    """The value, if it is a list, of so many entries where a length is given."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError(f"{name} is no list{'' if length is None else f' of {length}'}: {shown(value)}")
    return value


def checked_integer(value: object, name: str, *, minimum: int = -MAX_INTEGER - 1) -> int:
    """The value, if it is a whole number of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= MAX_INTEGER:
        raise ValueError(f"{name} is no whole number of 64 bits from {minimum} on: {shown(value)}")
    return value


def checked_time(value: object, name: str) -> int:
    """The value, if it is a time, ns since 1970."""
    if not MIN_TIME_NS <= (time_ns := checked_integer(value, name)) < MAX_TIME_NS:
        raise ValueError(f"{name} is no time: {time_ns}")
    return time_ns


def checked_source(value: object, name: str) -> SourceReference:
    """The value, if it is a list of path and sha256."""
    file, sha256 = (checked_text(item, name) for item in checked_list(value, name, 2))
    return SourceReference(file=file, sha256=sha256)


def _bounded_integer(text: str) -> int:
    # A number of thousands of digits takes long to read, and nobody means it.
    if len(text) > 20:
        raise ValueError(f"the number {shown(text)} has more than 64 bits")
    return int(text)
