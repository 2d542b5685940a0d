"""What the wall shows: readings with their pictures as one message, and the incidents of each stage."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.aside_words import aside_words, brief_maintenance_words
from dashboards.reason_words import why
from dashboards.words import plain_words
from models.alarms.incident import Incident, IncidentState
from models.alarms.put_aside import PutAside
from models.alarms.suppression import Cause, Suppression
from models.alerts.alert import Alert, AlertKind
from models.live_reading import LiveReading

_LENGTH = struct.Struct("<I")
_MS_NS = 1_000_000


def frames_message(readings: Sequence[LiveReading]) -> bytes:
    """Readings for a script: the length of what follows as 4 bytes (little-endian), JSON, then the pictures' pixels.

    The JSON is a list of readings; those with ``picture`` have their uint8 pixels, 102 rows of 128, one after the
    other, as ``models.images.thumbnail`` makes them. What is not known is null; times are in ms since 1970.
    """
    header = json.dumps([_reading(reading) for reading in readings], separators=(",", ":"), allow_nan=False).encode()
    pictures = [reading.thumbnail.tobytes() for reading in readings if reading.thumbnail is not None]
    return b"".join([_LENGTH.pack(len(header)), header, *pictures])


def wall_incidents(
    incidents: Sequence[Incident],
    worst_alerts: Mapping[str, Alert],
    of_stages: Mapping[str, Sequence[Alert]],
    suppressed: Sequence[Suppression],
    aside: Mapping[str, PutAside],
) -> dict[str, Any]:
    """Incidents, and which stages are idle or under maintenance.

    Incidents keep their order, but what calls somebody comes before what people have put aside, and that before what
    was acknowledged.

    Parameters
    ----------
    worst_alerts, of_stages
        What each incident is headed by, as a whole and on the card of each of its stages; by the incident's id.
    aside
        What people have put aside of each, by its id.
    """
    maintenance = [each for each in suppressed if each.cause is Cause.MAINTENANCE]
    rows = [
        _incident(incident, worst_alerts.get(incident.id), of_stages.get(incident.id, ()))
        | _aside(incident, aside.get(incident.id), maintenance)
        for incident in incidents
    ]
    return {
        "incidents": sorted(rows, key=lambda row: (bool(row["acknowledged_by"]), row["put_aside"] != "")),
        "suppressed": {each.stage: _suppression(each) for each in suppressed},
    }


def _reading(reading: LiveReading) -> dict[str, Any]:
    return {
        "device": reading.device.name,
        "kind": reading.device.kind.value,
        "stage": reading.device.stage.name,
        "number": reading.number,
        "event_ms": reading.event_time_ns // _MS_NS,
        "score": reading.known_score,
        "scoring": reading.scoring.label,
        "anomalous": reading.anomalous,
        "striking": reading.striking,
        "refusal": "" if reading.valid else plain_words(reading.refusal.label),
        "values": {name: _known(value) for name, value in reading.values.items()},
        "picture": reading.thumbnail is not None,
    }


def _suppression(found: Suppression) -> dict[str, Any]:
    words = brief_maintenance_words(found) if found.cause is Cause.MAINTENANCE else plain_words(found.cause)
    return {"cause": found.cause.value, "words": words, "why": found.why}


def _aside(incident: Incident, aside: PutAside | None, maintenance: Sequence[Suppression]) -> dict[str, Any]:
    """What of it is put aside; it is as urgent as the rest of it."""
    if aside is None:
        return {"priority": incident.priority.value, "put_aside": "", "aside_words": ""}
    return {
        "priority": (aside.left or incident.priority).value,
        "put_aside": aside.cause.value if aside.is_whole else "",
        "aside_words": aside_words(aside, incident.stages, maintenance),
    }


def _incident(incident: Incident, worst: Alert | None, of_stages: Sequence[Alert]) -> dict[str, Any]:
    return {
        "id": incident.id,
        "open": incident.state is IncidentState.OPEN,
        "acknowledged_by": incident.acknowledged_by if incident.is_acknowledged else "",
        "stages": [stage.name for stage in incident.stages],
        "subjects": list(incident.subjects),
        "what": why(worst) if worst is not None else ", ".join(map(plain_words, incident.kinds)),
        "at": {alert.stage.name: {"what": why(alert), "device": alert.device} for alert in of_stages},
        "origin": incident.origin,
        "episodes": incident.episodes,
        # Where data had ended: a wall that shows later ones says so, minutes before the alert closes.
        "data_ended_ms": incident.last_shot_ns // _MS_NS if _is_data_stop(incident) else None,
        "first_ms": incident.first_shot_ns // _MS_NS,
    }


def _is_data_stop(incident: Incident) -> bool:
    """Whether the watch's own data have stopped; those of a connector come to no wall of its own."""
    stopped = AlertKind.DATA_STOPPED in incident.kinds and incident.subjects == ("recorders",)
    return stopped and incident.state is IncidentState.OPEN


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
