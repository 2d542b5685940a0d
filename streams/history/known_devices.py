"""Which devices and stages there are, and until when they have recorded."""

from collections.abc import Iterable

from connectors.state.reader import StateReader
from models.devices import NO_STAGE, Device, Stage, parse_device
from models.event_time import MINUTE_NS
from streams.device_stages import DEVICE_KEYS, device_of_key


def known_devices(reader: StateReader) -> list[Device]:
    """All devices of a watch, by name; of a facility's recorder, which keeps none, those of its latest minute."""
    watched = [device_of_key(key) for key in reader.state_keys() if key.startswith(DEVICE_KEYS)]
    span = None if watched else reader.triplet_span()
    if span is not None:
        watched = [parse_device(name) for name in reader.device_names_between(span[1], span[1] + MINUTE_NS)]
    return sorted(watched)


def stages_of(devices: Iterable[Device]) -> dict[Stage, list[Device]]:
    """The devices of each stage, both in order; those of no stage are left out."""
    found: dict[Stage, list[Device]] = {}
    for device in sorted(devices):
        if device.stage != NO_STAGE:
            found.setdefault(device.stage, []).append(device)
    return dict(sorted(found.items()))


def latest_minute_end(reader: StateReader) -> int | None:
    """The end of the latest minute with triplets, ns since 1970; where there are none, with rows; None without any."""
    span = reader.triplet_span()
    if span is not None:
        return span[1] + MINUTE_NS
    latest = reader.latest_row_ns()
    return None if latest is None else (latest // MINUTE_NS + 1) * MINUTE_NS
