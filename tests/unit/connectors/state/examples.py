"""Decided rows, triplets, files and alerts to put into commits."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from connectors.state.commit import Commit, FileRecord, FileStatus
from models.alerts.alert import (
    Alert,
    AlertChange,
    AlertEvent,
    AlertKind,
    AlertSource,
    AlertStatus,
    Severity,
    alert_id,
)
from models.alerts.explanation import Explanation
from models.devices import Device, Stage, parse_device
from models.event_time import parse_iso
from models.records import SourceReference
from models.results import FEATURE_NAMES, Admission, Outcome, Reason, ScoredBlock, Scoring
from models.triplets.decided import OUTCOME_CODES, DecidedBlock, TripletTable

CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
PUMP = parse_device("LA_A1_11-Saga_1-Saga-1")
STAGE = CAMERA.stage
START_NS = parse_iso("2022-07-01T09:34:00Z")
STEP_NS = 100_000_000


def source(name: str, version: int = 1) -> SourceReference:
    return SourceReference(file=f"10Hz/2022-07-01/{name}.h5", sha256=f"{name}{version}".encode().hex().ljust(64, "0"))


def decided(
    device: Device = CAMERA,
    n: int = 10,
    *,
    of: SourceReference | None = None,
    start_ns: int = START_NS,
    step_ns: int = STEP_NS,
    outcome: Outcome = Outcome.TRIPLET,
    seed: int = 0,
) -> DecidedBlock:
    rng = np.random.default_rng(seed)
    features = rng.normal(1000, 10, (n, len(FEATURE_NAMES[device.kind])))
    features[rng.random(features.shape) < 0.1] = np.nan
    own = rng.random(n) < 0.2
    reasons = np.where(own, Reason.RESIDUAL | Reason.LATENT, 0).astype(np.uint32)
    refusal = np.where(rng.random(n) < 0.1, rng.integers(1, 11, n), 0).astype(np.uint8)
    times = start_ns + step_ns * np.arange(n, dtype=np.int64)
    admission = {Outcome.DUPLICATE: Admission.DUPLICATE, Outcome.LATE: Admission.LATE}.get(outcome, Admission.ACCEPTED)
    scored = ScoredBlock(
        device=device,
        source=of or source("a"),
        event_time_ns=times,
        state=rng.integers(0, 8, n).astype(np.uint8),
        refusal=refusal,
        admission=np.full(n, admission, np.uint8),
        fires=rng.random(n) < 0.9,
        scoring=rng.integers(0, len(Scoring), n).astype(np.uint8),
        score=rng.random(n).astype(np.float32),
        anomalous=own,
        reasons=reasons,
        features=features,
        interval_hz=10.0,
        model="default-1",
        hdf5_group=tuple(f"group-{number}/{device.name}" for number in range(n)),
    )
    joined = rng.random(n) < 0.1
    return DecidedBlock(
        scored,
        np.full(n, OUTCOME_CODES[outcome], np.uint8),
        np.where(joined, reasons | Reason.INCOMPLETE, reasons).astype(np.uint32),
        own | joined,
    )


def triplets(n: int = 10, *, start_ns: int = START_NS, step_ns: int = STEP_NS, stage: Stage = STAGE) -> TripletTable:
    """Of ten shots one is idle, one lacks its spectrum and is anomalous, eight are complete."""
    number = np.arange(n)
    idle, incomplete = number % 10 == 3, number % 10 == 7
    return TripletTable(
        stage=stage,
        event_time_ns=start_ns + step_ns * number.astype(np.int64),
        idle=idle,
        complete=~idle & ~incomplete,
        missing_kinds=np.where(incomplete, 4, 0).astype(np.uint8),
        missing_devices=tuple(SPECTROMETER.name if missing else "" for missing in incomplete),
        devices=np.where(incomplete, 2, 3).astype(np.uint16),
        score=np.zeros(n, np.float32),
        anomalous=incomplete,
        reasons=np.where(incomplete, Reason.INCOMPLETE, 0).astype(np.uint32),
        energy_j=np.where(idle, np.nan, 12.5),
        interval_hz=np.full(n, 10.0),
    )


def file_record(of: SourceReference | None = None, records: int = 10, **changes: object) -> FileRecord:
    of = of or source("a")
    record = FileRecord(
        path=of.file,
        root="/data",
        sha256=of.sha256,
        size_bytes=1000,
        mtime_ns=5,
        status=FileStatus.ACCEPTED,
        series="LA_Recorder",
        first_ns=START_NS,
        last_ns=START_NS + STEP_NS * records,
        records_read=records,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def alert_event(
    first_ns: int = START_NS, *, change: AlertChange = AlertChange.OPENED, shots: int = 1, device: Device = CAMERA
) -> AlertEvent:
    closed = change is AlertChange.CLOSED
    alert = Alert(
        id=alert_id(device, AlertKind.IMAGE_ANOMALY, first_ns),
        kind=AlertKind.IMAGE_ANOMALY,
        severity=Severity.HIGH,
        status=AlertStatus.CLOSED if closed else AlertStatus.OPEN,
        stage=device.stage,
        device=device.name,
        first_shot_ns=first_ns,
        last_shot_ns=first_ns + shots * STEP_NS,
        opened_ns=first_ns + STEP_NS,
        shots=shots,
        score=6.25,
        reasons=("residual", "latent"),
        model="default-1",
        source=AlertSource(file=source("a").file, sha256=source("a").sha256, path=f"09-34-00-100/{device.name}"),
        explanation=Explanation(
            text=f"hot spot at (61, 40) px, {30 + shots} % above its surroundings",
            cause="hot_spot",
            cause_probability=0.9300000000000001,
        ),
    )
    return AlertEvent(change=change, alert=alert)


def commit_of(number: int, *, rows: int = 30) -> Commit:
    """The commit of one file: its camera's, meter's and spectrometer's rows, triplets, a state, an alert."""
    of = source(f"file{number}")
    start_ns = START_NS + number * rows * STEP_NS
    blocks = [
        decided(device, rows, of=of, start_ns=start_ns, seed=10 * number + kind)
        for kind, device in enumerate((CAMERA, METER, SPECTROMETER))
    ]
    return Commit(
        stage_states={"device/camera": bytes([number]) * 1000, "position": str(number).encode()},
        files=[file_record(of, 3 * rows)],
        alerts=[alert_event(start_ns)],
        decided=blocks,
        triplets=[triplets(rows, start_ns=start_ns)],
        pending={},
    )


def assert_same_rows(first: DecidedBlock, second: DecidedBlock) -> None:
    """Bit for bit, NaN included."""
    for name, array in first.scored.arrays().items():
        np.testing.assert_array_equal(array, getattr(second.scored, name), err_msg=name)
        assert array.dtype == getattr(second.scored, name).dtype, name
    for name in ("device", "source", "interval_hz", "model", "hdf5_group"):
        assert getattr(first.scored, name) == getattr(second.scored, name), name
    _assert_same(first.outcome, second.outcome)
    _assert_same(first.reasons, second.reasons)
    _assert_same(first.anomalous, second.anomalous)


def _assert_same(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    np.testing.assert_array_equal(first, second)
    assert first.dtype == second.dtype
