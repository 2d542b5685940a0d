"""Accepted baselines in line with the records of their device, which stands in headers as with records."""

from connectors.wire.document import read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.records import read_device
from connectors.wire.schema import Format, Schema
from models.baseline import AcceptedBaseline
from models.devices import parse_device


def _write(message: AcceptedBaseline) -> tuple[bytes, Headers]:
    if parse_device(message.device.name) != message.device:
        raise ValueError(f"the name of {message.device!r} says another device")
    headers = {"device": message.device.name, "kind": str(message.device.kind)}
    return write_document({"id": message.id, "from_ns": message.from_ns}), write_headers(headers)


def _read(incoming: Incoming, fields: HeaderFields) -> AcceptedBaseline:
    device = read_device(fields)
    document = read_document(incoming.value or b"")
    return AcceptedBaseline(id=document.integer("id", minimum=1), device=device, from_ns=document.time_ns("from_ns"))


#: Version 1 of accepted baselines.
BASELINES: Format[AcceptedBaseline] = Format(Schema("baseline", 1), _write, _read)
