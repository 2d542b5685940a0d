"""Words about one device in line with its records: the device, kind and file in headers as with records."""

from connectors.wire.document import read_document, write_document
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.records import read_device, read_moment
from connectors.wire.schema import Format, Schema
from models.devices import parse_device
from models.messages import DeviceNotice, NoticeKind


def _write(message: DeviceNotice) -> tuple[bytes, Headers]:
    if parse_device(message.device.name) != message.device:
        raise ValueError(f"the name of {message.device!r} says another device")
    headers = {
        "file": message.source.file,
        "sha256": message.source.sha256,
        "device": message.device.name,
        "kind": str(message.device.kind),
        "notice": str(message.kind),
        "start_ns": message.moment.start_ns,
        "closed_ns": message.moment.closed_ns,
    }
    document: dict[str, object] = {
        "until_ns": message.until_ns,
        "records": message.records,
        "replaces": message.replaces,
        "stage_devices": list(message.stage_devices),
    }
    if message.known_devices:
        document["known_devices"] = list(message.known_devices)
    return write_document(document), write_headers(headers)


def _read(incoming: Incoming, fields: HeaderFields) -> DeviceNotice:
    device, kind = read_device(fields), fields.choice("notice", NoticeKind)
    source, moment = fields.source(), read_moment(fields)
    document = read_document(incoming.value or b"")
    return DeviceNotice(
        kind=kind,
        device=device,
        source=source,
        moment=moment,
        until_ns=document.optional_time_ns("until_ns"),
        records=document.integer("records", minimum=0),
        replaces=document.flag("replaces"),
        stage_devices=document.texts("stage_devices"),
        known_devices=document.texts("known_devices") if "known_devices" in document.values() else (),
    )


#: Version 1 of notices.
NOTICES: Format[DeviceNotice] = Format(Schema("notice", 1), _write, _read)
