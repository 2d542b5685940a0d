"""How far a worker's partition or a connector has come: JSON, the latest word of each in a compacted topic.

The message's key is ``agent/partition`` or ``connect/NAME``.
"""

from dataclasses import dataclass

from connectors.wire.document import read_document, write_document
from connectors.wire.header_fields import HeaderFields
from connectors.wire.message import Headers, Incoming
from connectors.wire.schema import Format, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one partition's work, or one connector, has come.

    Attributes
    ----------
    name
        The worker's or the connector's.
    next_offset
        The first message that no checkpoint covers; None for a connector.
    snapshot_start_ns
        Begin of the newest snapshot that was worked on or sent; None before the first.
    model
        Id of the worker's model; empty for connectors and where none scores.
    at_ns
        When this was written, ns since 1970, by the writer's clock.
    oldest_unsent_s
        Connectors: age of the oldest complete file that was not sent; None without one.
    ended
        Connectors: this one has ended in order, and is not to be missed.
    """

    name: str
    at_ns: int
    next_offset: int | None = None
    snapshot_start_ns: int | None = None
    model: str = ""
    oldest_unsent_s: float | None = None
    ended: bool = False


def _write(message: Progress) -> tuple[bytes, Headers]:
    document: dict[str, object] = {
        "name": message.name,
        "at_ns": message.at_ns,
        "next_offset": message.next_offset,
        "snapshot_start_ns": message.snapshot_start_ns,
        "model": message.model,
        "oldest_unsent_s": message.oldest_unsent_s,
    }
    if message.ended:
        document["ended"] = True
    return write_document(document), ()


def _read(incoming: Incoming, _: HeaderFields) -> Progress:
    document = read_document(incoming.value or b"")
    return Progress(
        name=document.text("name"),
        at_ns=document.time_ns("at_ns"),
        next_offset=document.optional_integer("next_offset", minimum=0),
        snapshot_start_ns=document.optional_time_ns("snapshot_start_ns"),
        model=document.text("model"),
        oldest_unsent_s=None if document.is_null("oldest_unsent_s") else document.number("oldest_unsent_s"),
        ended="ended" in document.values() and document.flag("ended"),
    )


#: Version 1 of progress.
PROGRESS: Format[Progress] = Format(Schema("progress", 1), _write, _read)
