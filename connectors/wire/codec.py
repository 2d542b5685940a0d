"""Every message to bytes and headers, and back."""

import struct
from dataclasses import dataclass
from typing import Any

from connectors.wire.alerts import ALERTS
from connectors.wire.announcement import ANNOUNCEMENTS, Announcement
from connectors.wire.baselines import BASELINES
from connectors.wire.dead_letter import DEAD_LETTERS, DeadLetterMessage
from connectors.wire.evidence import EVIDENCE
from connectors.wire.header_fields import HeaderFields, place_of
from connectors.wire.limits import MAX_INTEGER, MAX_VALUE_BYTES, TooLargeError, shown
from connectors.wire.live import LIVE
from connectors.wire.message import Headers, Incoming
from connectors.wire.notices import NOTICES
from connectors.wire.progress import PROGRESS, Progress
from connectors.wire.promotions import MODEL_FILES, PROMOTIONS, SHADOWS
from connectors.wire.records import RECORDS
from connectors.wire.results import DECIDED, SCORED
from connectors.wire.schema import SCHEMA_HEADER, Format, Schema, read_schema
from models.baseline import AcceptedBaseline
from models.errors import FatalError, RecordError
from models.live_reading import LiveReading
from models.messages import (
    AlertMessage,
    DecidedMessage,
    DeviceNotice,
    EvidenceMessage,
    ModelFiles,
    ModelPromotion,
    Origin,
    RecordMessage,
    ScoredMessage,
    ShadowPromotion,
)

__all__ = ["ORIGIN_HEADER", "SCHEMAS", "SCHEMA_HEADER", "Encoded", "Message", "decode", "encode", "origin_of"]

#: The header that says from which input message an output follows: ``topic/partition/offset/part``.
ORIGIN_HEADER = "origin"

#: All that travels.
Message = (
    RecordMessage
    | DeviceNotice
    | ScoredMessage
    | DecidedMessage
    | AlertMessage
    | EvidenceMessage
    | Announcement
    | Progress
    | DeadLetterMessage
    | ModelPromotion
    | ShadowPromotion
    | ModelFiles
    | AcceptedBaseline
    | LiveReading
)

_WRITTEN: dict[type, Format[Any]] = {
    RecordMessage: RECORDS,
    DeviceNotice: NOTICES,
    ScoredMessage: SCORED,
    DecidedMessage: DECIDED,
    AlertMessage: ALERTS,
    EvidenceMessage: EVIDENCE,
    Announcement: ANNOUNCEMENTS,
    Progress: PROGRESS,
    DeadLetterMessage: DEAD_LETTERS,
    ModelPromotion: PROMOTIONS,
    ShadowPromotion: SHADOWS,
    ModelFiles: MODEL_FILES,
    AcceptedBaseline: BASELINES,
    LiveReading: LIVE,
}
#: The layout that each kind of message is written in.
SCHEMAS: dict[type, Schema] = {kind: layout.schema for kind, layout in _WRITTEN.items()}
# All that can be read; an old version of a kind is one more entry.
_READ: dict[Schema, Format[Any]] = {layout.schema: layout for layout in _WRITTEN.values()}
_NAMES = {schema.name for schema in _READ}

# What reading damaged bytes raises, in NumPy, in FlatBuffers' generated classes and here.
_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
    MemoryError,
    struct.error,
    FatalError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A message as it is written."""

    value: bytes
    headers: Headers


def encode(message: Message, origin: Origin | None = None) -> Encoded:
    """The bytes and headers of a message: the same message gives the same ones.

    Raises
    ------
    ValueError
        If it holds what no reader would accept, or too much.
    """
    layout = _WRITTEN[type(message)]
    value, headers = layout.write(message)
    first: Headers = ((SCHEMA_HEADER, str(layout.schema).encode()),)
    if origin is not None:
        text = f"{origin.topic}/{origin.partition}/{origin.offset}/{origin.part}"
        first = (*first, (ORIGIN_HEADER, text.encode()))
    return Encoded(value=value, headers=(*first, *headers))


def decode(incoming: Incoming) -> Message:
    """The message that ``encode`` wrote; its arrays are read-only.

    The payload of a ``RecordMessage`` is a view of the value's bytes.

    Raises
    ------
    RecordError
        ``missing_header``, ``damaged_header``, ``unknown_schema``, ``unknown_version``, ``damaged_payload`` or
        ``too_large``, whatever the bytes are.
    """
    fields = HeaderFields(incoming)
    schema = read_schema(fields)
    layout = _READ.get(schema)
    if layout is None:
        raise _unknown(incoming, schema)
    if len(incoming.value or b"") > MAX_VALUE_BYTES:
        raise RecordError(
            f"the message in {place_of(incoming)} has more than {MAX_VALUE_BYTES} bytes", reason="too_large"
        )
    try:
        message: Message = layout.read(incoming, fields)
    except _DAMAGE as error:
        raise RecordError(
            f"the message in {place_of(incoming)} is no {schema}: {shown(str(error), 200) or type(error).__name__}",
            reason="too_large" if isinstance(error, TooLargeError) else "damaged_payload",
        ) from error
    return message


def origin_of(incoming: Incoming) -> Origin | None:
    """The input message that a message follows from; None where it names none.

    Raises
    ------
    RecordError
        ``damaged_header`` or ``too_large``.
    """
    fields = HeaderFields(incoming)
    if ORIGIN_HEADER not in fields:
        return None
    text = fields.text(ORIGIN_HEADER)
    topic, *numbers = text.split("/")
    if not topic or len(numbers) != 3 or not all(_is_position(number) for number in numbers):
        raise fields.damaged(ORIGIN_HEADER, f"{shown(text)!r} is not topic/partition/offset/part")
    partition, offset, part = (int(number) for number in numbers)
    return Origin(topic, partition, offset, part)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= MAX_INTEGER


def _unknown(incoming: Incoming, schema: Schema) -> RecordError:
    if schema.name in _NAMES:
        return RecordError(
            f"the message in {place_of(incoming)} is {schema}, a version that this program does not read: it was "
            "written by a newer one",
            reason="unknown_version",
        )
    return RecordError(
        f"the message in {place_of(incoming)} is {schema}, which is no kind of message that this program knows",
        reason="unknown_schema",
    )
