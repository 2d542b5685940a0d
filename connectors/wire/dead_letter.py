"""Messages that were refused: the original value as it was, its headers behind a prefix, and why in further headers.

Any Kafka tool shows all of it.
"""

from dataclasses import dataclass, replace

from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.limits import MAX_INTEGER, MAX_RECORDS
from connectors.wire.message import Headers, Incoming, Outgoing
from connectors.wire.schema import Format, Schema
from models.errors import RecordError
from models.records import SourceReference

#: Before the names of the original headers.
ORIGINAL_PREFIX = "original."

_ERROR = "error"
_MAX_ERROR = 500
_MAX_WORD = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterMessage:
    """A message that an agent refused.

    Attributes
    ----------
    original
        As it was read, byte for byte.
    reason
        Bounded: the metric label.
    agent
        Who refused it.
    error
        What was wrong, in one sentence.
    at_ns
        When it was refused, ns since 1970, by the agent's clock.
    records
        How many records the original holds. This and the following are read from the headers of the original where they
        are not given; None or empty where it does not say.
    source
        The file that they came from.
    device
        The name of their device.
    first_record
        Position of the first among the device's records in the file: tells a message that came again.
    """

    original: Incoming
    reason: str
    agent: str
    error: str
    at_ns: int = 0
    records: int | None = None
    source: SourceReference | None = None
    device: str = ""
    first_record: int | None = None

    def __post_init__(self) -> None:
        fields = HeaderFields(self.original)
        known = {
            "reason": _bounded(self.reason, _MAX_WORD),
            "agent": _bounded(self.agent, _MAX_WORD),
            "error": _bounded(self.error, _MAX_ERROR),
            "records": _integer(fields, "records", MAX_RECORDS) if self.records is None else self.records,
            "source": _source(fields) if self.source is None else self.source,
            "device": self.device or _text(fields, "device"),
            "first_record": (
                _integer(fields, "first_record", MAX_INTEGER) if self.first_record is None else self.first_record
            ),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)


def without_value(letter: Outgoing) -> Outgoing:
    """An encoded dead letter that its topic does not take, with all but the original value.

    Reason and records stay, so that the letter is counted; its error says what became of the value.
    """
    error = dict(letter.headers).get(_ERROR, b"").decode()
    told = f"the value of {len(letter.value or b'')} bytes was too large to keep; {error}"
    headers = tuple(
        (name, _bounded(told, _MAX_ERROR).encode() if name == _ERROR else value) for name, value in letter.headers
    )
    return replace(letter, value=b"", headers=headers)


def _write(message: DeadLetterMessage) -> tuple[bytes, Headers]:
    original = message.original
    values: dict[str, object] = {
        "reason": message.reason,
        "agent": message.agent,
        _ERROR: message.error,
        "at_ns": message.at_ns,
        "topic": original.topic,
        "partition": original.partition,
        "offset": original.offset,
        "timestamp_ms": original.timestamp_ms,
    }
    if original.value is None:
        values["null_value"] = True
    own = write_headers(values)
    if original.key is not None:
        own = (*own, ("key", original.key))
    return original.value or b"", (*own, *((ORIGINAL_PREFIX + name, value) for name, value in original.headers))


def _read(incoming: Incoming, fields: HeaderFields) -> DeadLetterMessage:
    own = dict(incoming.headers)
    start = len(ORIGINAL_PREFIX)
    original = Incoming(
        topic=fields.text("topic"),
        partition=fields.integer("partition", minimum=0),
        offset=fields.integer("offset", minimum=0),
        key=own.get("key"),
        value=None if "null_value" in fields else incoming.value,
        headers=tuple((name[start:], value) for name, value in incoming.headers if name.startswith(ORIGINAL_PREFIX)),
        timestamp_ms=fields.integer("timestamp_ms"),
    )
    return DeadLetterMessage(
        original=original,
        reason=fields.text("reason"),
        agent=fields.text("agent"),
        error=fields.text(_ERROR),
        at_ns=fields.time_ns("at_ns"),
    )


def _bounded(text: str, length: int) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _text(fields: HeaderFields, name: str) -> str:
    try:
        return fields.text(name)
    except RecordError:  # what can't be read is not known: the letter keeps the bytes
        return ""


def _integer(fields: HeaderFields, name: str, maximum: int) -> int | None:
    try:
        return fields.integer(name, minimum=0, maximum=maximum)
    except RecordError:
        return None


def _source(fields: HeaderFields) -> SourceReference | None:
    try:
        return fields.source()
    except RecordError:
        return None


#: Version 1 of dead letters.
DEAD_LETTERS: Format[DeadLetterMessage] = Format(Schema("dead-letter", 1), _write, _read)
