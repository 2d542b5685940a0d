"""Rows of a stage's devices, as their device stages would give them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.alerts.alert import AlertEvent
from models.devices import Device, RecordKind, parse_device
from models.event_time import MILLISECOND_NS, parse_iso
from models.records import DeviceState, Refusal, SourceReference
from models.results import FEATURE_NAMES, Admission, Reason, ScoredBlock, Scoring
from models.triplets.decided import OUTCOMES, DecidedBlock
from models.triplets.stage_join import JoinOutput

CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
CAMERA_2 = parse_device("LA_A3_31-Camera_2-Camera-2")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
TRIO = (CAMERA, METER, SPECTROMETER)
STAGE = CAMERA.stage
START_NS = parse_iso("2022-07-01T09:34:00Z")

_EMPTY = {RecordKind.ENERGY_METER: Refusal.NO_ENERGY, RecordKind.SPECTROMETER: Refusal.EMPTY_SPECTRUM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record of a device at so many milliseconds after the start."""

    device: Device
    ms: float
    fires: bool = True
    refusal: Refusal = Refusal.NONE
    admission: Admission = Admission.ACCEPTED
    score: float = 0.0
    anomalous: bool = False
    strength: float = 1.0

    def dark(self) -> "Row":
        """The same without beam: a camera's record stays valid, the others are refused."""
        return replace(self, fires=False, refusal=_EMPTY.get(self.device.kind, Refusal.NONE))

    def refused(self, refusal: Refusal) -> "Row":
        """The same, refused."""
        return replace(self, fires=False, refusal=refusal)


def shots(count: int, devices: Sequence[Device] = TRIO, *, first: int = 0, period_ms: float = 100.0) -> list[Row]:
    """Complete shots of which all devices say the same time."""
    return [Row(device=d, ms=shot * period_ms) for shot in range(first, first + count) for d in devices]


def block(rows: Sequence[Row], *, file: str = "", hz: float = 10.0) -> ScoredBlock:
    """Rows of one device as a block."""
    device, count = rows[0].device, len(rows)
    state_off = [DeviceState.STANDBY if r.refusal is Refusal.STATE_NOT_ON else DeviceState.ON for r in rows]
    features = np.ones((count, len(FEATURE_NAMES[device.kind])))
    features[:, :1] = [[row.strength] for row in rows]
    return ScoredBlock(
        device=device,
        source=SourceReference(file=file or f"{device.name}.h5", sha256="0" * 64),
        event_time_ns=np.array([START_NS + round(row.ms * MILLISECOND_NS) for row in rows], np.int64),
        state=np.array(state_off, np.uint8),
        refusal=np.array([row.refusal for row in rows], np.uint8),
        admission=np.array([row.admission for row in rows], np.uint8),
        fires=np.array([row.fires for row in rows], np.bool_),
        scoring=np.full(count, Scoring.SCORED, np.uint8),
        score=np.array([row.score for row in rows], np.float32),
        anomalous=np.array([row.anomalous for row in rows], np.bool_),
        reasons=np.array([Reason.RESIDUAL if row.anomalous else 0 for row in rows], np.uint32),
        features=features,
        interval_hz=hz,
        hdf5_group=tuple(f"/{row.ms:g}/{device.name}" for row in rows),
    )


def blocks(rows: Iterable[Row], size: int = 10**9, *, hz: float = 10.0) -> list[ScoredBlock]:
    """Rows of several devices as blocks of at most ``size`` rows, device by device."""
    of_device: dict[Device, list[Row]] = {}
    for row in rows:
        of_device.setdefault(row.device, []).append(row)
    return [block(own[start : start + size], hz=hz) for own in of_device.values() for start in range(0, len(own), size)]


def outcomes(decided: Iterable[DecidedBlock]) -> dict[tuple[str, float], list[str]]:
    """The outcomes of each record, by device and milliseconds; several where its time came several times."""
    found: dict[tuple[str, float], list[str]] = {}
    for part in decided:
        for time_ns, code in zip(part.scored.event_time_ns.tolist(), part.outcome.tolist(), strict=True):
            whole_ms, rest_ns = divmod(time_ns - START_NS, MILLISECOND_NS)
            time_ms = whole_ms + rest_ns / MILLISECOND_NS
            found.setdefault((part.scored.device.name, time_ms), []).append(OUTCOMES[code].value)
    return {key: sorted(words) for key, words in found.items()}


def tally(decided: Iterable[DecidedBlock]) -> Counter[str]:
    """How many records ended how."""
    return Counter(OUTCOMES[code].value for part in decided for code in part.outcome.tolist())


def told(events: Iterable[AlertEvent]) -> list[tuple[str, str, str, int, int]]:
    """Openings and closings in an order of their own: kind, device, change, first shot in ms, shots."""
    return sorted(
        (
            event.alert.kind.value,
            event.alert.device,
            event.change.value,
            (event.alert.first_shot_ns - START_NS) // MILLISECOND_NS,
            event.alert.shots,
        )
        for event in events
        if event.change.value != "updated"
    )


def merged(outputs: Iterable[JoinOutput]) -> tuple[list[DecidedBlock], list[AlertEvent], list[tuple[Any, ...]]]:
    """The records, alerts and shots of several outputs."""
    decided: list[DecidedBlock] = []
    events: list[AlertEvent] = []
    rows: list[tuple[Any, ...]] = []
    for output in outputs:
        decided += output.decided
        events += output.alerts
        t = output.triplets
        rows += [
            (
                int(t.event_time_ns[i]),
                bool(t.idle[i]),
                bool(t.complete[i]),
                int(t.missing_kinds[i]),
                t.missing_devices[i],
                int(t.devices[i]),
                float(t.score[i]),
                bool(t.anomalous[i]),
                int(t.reasons[i]),
                float(t.energy_j[i]).hex(),
            )
            for i in range(len(t))
        ]
    return decided, events, rows
