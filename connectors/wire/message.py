"""A message as Kafka carries it."""

from dataclasses import dataclass

#: Headers of a message: names and bytes, in order; a name may come twice.
Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as it was read.

    Attributes
    ----------
    topic
        Short name, without the installation's prefix.
    timestamp_ms
        When it was written, by the broker or its writer, ms since 1970; no result depends on it.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to be written; the key chooses the partition.

    Attributes
    ----------
    topic
        Short name, without the installation's prefix.
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()
