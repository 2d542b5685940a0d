"""What the wall is to show of a device, on its way to the recorder's computer: a document with a picture.

The message's key is the device's name: the topic keeps the latest of each.
"""

from typing import Any

import numpy as np

from connectors.wire.containers import checked_array, read_container, write_container
from connectors.wire.document import checked_text
from connectors.wire.header_fields import HeaderFields
from connectors.wire.message import Headers, Incoming
from connectors.wire.rows import stage_values
from connectors.wire.schema import Format, Schema
from models.devices import Device, RecordKind
from models.live_reading import SHOWN_FEATURES, LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring

_PICTURE = "thumbnail"


def _write(reading: LiveReading) -> tuple[bytes, Headers]:
    values: dict[str, Any] = {
        "device": [reading.device.name, str(reading.device.kind)],
        "stage": stage_values(reading.device.stage),
        "event_time_ns": reading.event_time_ns,
        "scoring": int(reading.scoring),
        "refusal": int(reading.refusal),
        "score": reading.score,
        "anomalous": reading.anomalous,
        "values": np.array([reading.values[name] for name in SHOWN_FEATURES[reading.device.kind]]),
    }
    if reading.thumbnail is not None:
        values[_PICTURE] = reading.thumbnail
    return write_container(values), ()


def _read(incoming: Incoming, _: HeaderFields) -> LiveReading:
    document = read_container(incoming.value or b"")
    name, kind = (checked_text(item, "device") for item in document.items("device", 2))
    device = Device(name, document.stage(), RecordKind(kind))
    names = SHOWN_FEATURES[device.kind]
    values = checked_array(document, "values", np.float64, (len(names),))
    return LiveReading(
        device=device,
        event_time_ns=document.time_ns("event_time_ns"),
        scoring=Scoring(document.integer("scoring")),
        refusal=Refusal(document.integer("refusal")),
        score=document.number("score"),
        anomalous=document.flag("anomalous"),
        values=dict(zip(names, values.tolist(), strict=True)),
        thumbnail=checked_array(document, _PICTURE, np.uint8, IMAGE_SHAPE) if _PICTURE in document else None,
    )


#: Version 1 of live readings.
LIVE: Format[LiveReading] = Format(Schema("live", 1), _write, _read)
