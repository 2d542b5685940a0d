"""Pictures of odd shots on their way to the recorder: a document with arrays."""

import numpy as np

from connectors.wire.alerts import read_alert_source
from connectors.wire.containers import checked_array, read_container, write_container
from connectors.wire.document import checked_text
from connectors.wire.header_fields import HeaderFields, write_headers
from connectors.wire.message import Headers, Incoming
from connectors.wire.rows import stage_values
from connectors.wire.schema import Format, Schema
from models.alerts.alert import EvidenceFrame
from models.devices import Device, RecordKind
from models.messages import EvidenceMessage

_ROLES = ("first", "worst", "last")


def _write(message: EvidenceMessage) -> tuple[bytes, Headers]:
    frame = message.frame
    values = {
        "alert_id": frame.alert_id,
        "role": frame.role,
        "event_time_ns": int(frame.event_time_ns),
        "device": [frame.device.name, str(frame.device.kind)],
        "stage": stage_values(frame.device.stage),
        "source": frame.source.to_json(),
        "raw": frame.raw,
        "cleaned": frame.cleaned,
        "reconstruction": frame.reconstruction,
        "residual_z": frame.residual_z,
    }
    return write_container(values), write_headers({"alert": frame.alert_id, "role": frame.role})


def _read(incoming: Incoming, _: HeaderFields) -> EvidenceMessage:
    document = read_container(incoming.value or b"")
    name, kind = (checked_text(item, "device") for item in document.items("device", 2))
    raw = checked_array(document, "raw", np.uint16, (None, None))
    if not raw.size or (role := document.text("role")) not in _ROLES:
        raise ValueError(f"evidence without pixels, or of no role among {', '.join(_ROLES)}")
    frame = EvidenceFrame(
        alert_id=document.text("alert_id"),
        role=role,
        event_time_ns=document.time_ns("event_time_ns"),
        device=Device(name, document.stage(), RecordKind(kind)),
        source=read_alert_source(document),
        raw=raw,
        cleaned=checked_array(document, "cleaned", np.float32, raw.shape),
        reconstruction=checked_array(document, "reconstruction", np.float32, raw.shape),
        residual_z=checked_array(document, "residual_z", np.float32, raw.shape),
    )
    return EvidenceMessage(frame=frame)


#: Version 1 of evidence.
EVIDENCE: Format[EvidenceMessage] = Format(Schema("evidence", 1), _write, _read)
