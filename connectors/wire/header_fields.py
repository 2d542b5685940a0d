"""What the headers of a message say, read as texts and numbers with checks: they may come from anyone."""

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import SupportsIndex, TypeVar

from connectors.wire.limits import MAX_HEADER_BYTES, MAX_INTEGER, MAX_TIME_NS, MIN_TIME_NS, shown
from connectors.wire.message import Headers, Incoming
from models.errors import RecordError
from models.records import SourceReference

Choice = TypeVar("Choice", bound=StrEnum)

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"nan|-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?", re.ASCII)


def place_of(incoming: Incoming) -> str:
    """Where a message stands, for people."""
    return f"{shown(incoming.topic)}/{incoming.partition} at offset {incoming.offset}"


class HeaderFields:
    """The headers of one message by name.

    Every method raises ``RecordError``: ``missing_header`` for one that is not there, ``damaged_header`` for one that
    comes twice or does not hold what it should, ``too_large`` for one that is too long.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._values: dict[str, bytes] = {}
        self._repeated: set[str] = set()
        for name, value in incoming.headers:
            if name in self._values:
                self._repeated.add(name)
            self._values[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """A text in UTF-8."""
        if name not in self._values:
            raise RecordError(
                f"the message in {place_of(self._incoming)} lacks the header {name}; was it written by Petawatch?",
                reason="missing_header",
            )
        value = self._values[name]
        if name in self._repeated:
            raise self.damaged(name, "it comes twice")
        if not isinstance(value, bytes):
            raise self.damaged(name, "it has no value")
        if len(value) > MAX_HEADER_BYTES:
            raise RecordError(
                f"the header {name} of the message in {place_of(self._incoming)} has {len(value)} bytes, more than "
                f"{MAX_HEADER_BYTES}",
                reason="too_large",
            )
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise self.damaged(name, "it is no UTF-8") from error

    def integer(self, name: str, *, minimum: int = -MAX_INTEGER - 1, maximum: int = MAX_INTEGER) -> int:
        """A whole number between two others, by default of 64 bits."""
        text = self.text(name)
        if _INTEGER.fullmatch(text) is None or not minimum <= int(text) <= maximum:
            raise self.damaged(name, f"{shown(text)!r} is no whole number between {minimum} and {maximum}")
        return int(text)

    def time_ns(self, name: str) -> int:
        """A time, ns since 1970."""
        return self.integer(name, minimum=MIN_TIME_NS, maximum=MAX_TIME_NS - 1)

    def flag(self, name: str) -> bool:
        """``1`` or ``0``."""
        return bool(self.integer(name, minimum=0, maximum=1))

    def rate_hz(self, name: str) -> float:
        """A number above 0, or NaN."""
        text = self.text(name)
        if _NUMBER.fullmatch(text) is None or float(text) <= 0 or float(text) == math.inf:
            raise self.damaged(name, f"{shown(text)!r} is no rate")
        return float(text)

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """One of several words."""
        text = self.text(name)
        try:
            return choices(text)
        except ValueError as error:
            raise self.damaged(name, f"{shown(text)!r} is none of {', '.join(choices)}") from error

    def source(self) -> SourceReference:
        """The file behind the message: ``file`` and ``sha256``."""
        return SourceReference(file=self.text("file"), sha256=self.text("sha256"))

    def damaged(self, name: str, why: str) -> RecordError:
        """The error that says that a header can't be used."""
        return RecordError(
            f"the header {name} of the message in {place_of(self._incoming)} is damaged: {why}", reason="damaged_header"
        )


def write_headers(values: Mapping[str, object]) -> Headers:
    """Headers from texts and numbers; floats are exact, flags ``1`` or ``0``."""
    return tuple((name, _written(value).encode()) for name, value in values.items())


def _written(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, SupportsIndex):
        return str(int(value))
    raise TypeError(f"a header is a text or a number, got {value!r}")
