"""One message of every kind with literal values, as Kafka would give it, and a comparison that sees every bit."""

import dataclasses
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from connectors.state.commit import FileRecord, FileStatus
from connectors.wire.announcement import Announcement
from connectors.wire.codec import Encoded, Message, encode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming
from connectors.wire.progress import Progress
from models.alerts.alert import (
    Alert,
    AlertChange,
    AlertEvent,
    AlertKind,
    AlertSource,
    AlertStatus,
    EvidenceFrame,
    Severity,
)
from models.alerts.explanation import Explanation
from models.baseline import AcceptedBaseline
from models.devices import Device, parse_device
from models.live_reading import LiveReading
from models.messages import (
    AlertMessage,
    DecidedMessage,
    DeviceNotice,
    EvidenceMessage,
    FileMoment,
    ModelFiles,
    ModelPromotion,
    ModelRole,
    NoticeKind,
    Origin,
    RecordMessage,
    ReplacementPart,
    ScoredMessage,
    ShadowPromotion,
)
from models.records import IMAGE_SHAPE, RecordBlock, Refusal, SourceReference
from models.results import FEATURE_NAMES, ScoredBlock, Scoring
from models.triplets.decided import DecidedBlock, TripletTable

CAMERA = parse_device("LA_A3_31-Camera_1-Camera-1")
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
PUMP = parse_device("LA_A1_11-Saga_1-Saga-1")
STRANGER = parse_device("Pompe à vide n° 1")
SOURCE = SourceReference(file="10Hz/2022-07-01/LA_R1_60s_snapshot_2022-07-01_09-34-00-000.h5", sha256="0123abcd" * 8)
OTHER_SOURCE = SourceReference(file="10Hz/2022-07-01/mesuré à la main.h5", sha256="fedc9876" * 8)
START_NS = 1_656_668_040_000_000_000  # 2022-07-01T09:34:00Z
MOMENT = FileMoment(start_ns=START_NS, closed_ns=START_NS + 60_123_456_789)
ORIGIN = Origin("images", 3, 4711, 2)
TIMES_NS = (START_NS, START_NS + 100_000_001, START_NS + 100_000_001)


def _frozen(values: Any, dtype: Any) -> Any:
    array = np.array(values, dtype)
    array.setflags(write=False)
    return array


def _block(device: Device, payload: Any, **changes: Any) -> RecordBlock:
    count = len(payload)
    fields: dict[str, Any] = {
        "device": device,
        "source": SOURCE,
        "event_time_ns": _frozen(TIMES_NS[:count], np.int64),
        "state": _frozen([0, 4, 7][:count], np.uint8),
        "refusal": _frozen([0, 0, 10][:count], np.uint8),
        "payload": payload,
        "hdf5_group": tuple(f"09-34-00-{number:03d}/{device.name}" for number in range(0, 100 * count, 100)),
        "interval_hz": 10.0,
    }
    return RecordBlock(**(fields | changes))


CAMERA_BLOCK = _block(CAMERA, _frozen(np.arange(24).reshape(2, 3, 4) * 178, np.uint16))
RECORD_MESSAGE = RecordMessage(block=CAMERA_BLOCK, block_number=7, first_record=224, moment=MOMENT)
METER_MESSAGE = RecordMessage(
    block=_block(METER, _frozen([[0.1, -0.0], [np.nan, 5e-324], [np.inf, 1e300]], np.float64), interval_hz=0.1),
    block_number=0,
    first_record=0,
    moment=MOMENT,
)
SPECTRUM_MESSAGE = RecordMessage(
    block=_block(
        SPECTROMETER,
        _frozen([[0.5, 1.25, 2.125, 0.0, 7.0]], np.float64),
        source=OTHER_SOURCE,
        interval_hz=float("nan"),
        replacement=True,
        hdf5_group=("Spectres/été",),
    ),
    block_number=0,
    first_record=1,
    moment=MOMENT,
)
OTHER_MESSAGE = RecordMessage(
    block=_block(STRANGER, _frozen(np.zeros((3, 0)), np.float64)), block_number=1, first_record=2, moment=MOMENT
)
NOTICE = DeviceNotice(
    kind=NoticeKind.SNAPSHOT_END,
    device=METER,
    source=SOURCE,
    moment=MOMENT,
    until_ns=START_NS + 60_000_000_000,
    records=600,
    replaces=True,
    stage_devices=(CAMERA.name, METER.name),
)


def scored_block(device: Device = CAMERA, source: SourceReference = SOURCE) -> ScoredBlock:
    """Three rows of one device."""
    width = len(FEATURE_NAMES[device.kind])
    features = np.arange(3 * width, dtype=np.float64).reshape(3, width) / 3
    features[1:, 1:2] = np.nan
    return ScoredBlock(
        device=device,
        source=source,
        event_time_ns=_frozen(TIMES_NS, np.int64),
        state=_frozen([0, 4, 7], np.uint8),
        refusal=_frozen([0, 1, 10], np.uint8),
        admission=_frozen([0, 1, 2], np.uint8),
        fires=_frozen([True, False, True], np.bool_),
        scoring=_frozen([2, 0, 3], np.uint8),
        score=_frozen([0.1, 15.0, np.inf], np.float32),
        anomalous=_frozen([False, True, False], np.bool_),
        reasons=_frozen([0, 1 << 16, 3], np.uint32),
        features=_frozen(features, np.float64),
        interval_hz=10.0,
        model="default-1",
        replacement=False,
        hdf5_group=("/a", "/b", "/ç"),
    )


SCORED = ScoredMessage(scored=scored_block(), moment=MOMENT, retried=True)
DECIDED_BLOCK = DecidedBlock(
    scored_block(),
    _frozen([0, 1, 8], np.uint8),
    _frozen([1 << 12, 1 << 16, 3], np.uint32),
    _frozen([True, True, False], np.bool_),
)
UNJOINED_BLOCK = DecidedBlock(
    dataclasses.replace(scored_block(PUMP, OTHER_SOURCE), hdf5_group=(), model="", interval_hz=float("nan")),
    _frozen([3, 3, 3], np.uint8),
    _frozen([0, 0, 0], np.uint32),
    _frozen([False, False, False], np.bool_),
)
TRIPLETS = TripletTable(
    stage=CAMERA.stage,
    event_time_ns=_frozen(TIMES_NS[:2], np.int64),
    idle=_frozen([False, True], np.bool_),
    complete=_frozen([True, False], np.bool_),
    missing_kinds=_frozen([0, 6], np.uint8),
    missing_devices=("", f"{METER.name} {SPECTROMETER.name}"),
    devices=_frozen([3, 1], np.uint16),
    score=_frozen([0.1, 15.0], np.float32),
    anomalous=_frozen([False, True], np.bool_),
    reasons=_frozen([0, 1 << 12], np.uint32),
    energy_j=_frozen([0.1, np.nan], np.float64),
    interval_hz=_frozen([10.0, np.nan], np.float64),
)
DECIDED = DecidedMessage(
    stage=CAMERA.stage,
    moment=MOMENT,
    decided=(DECIDED_BLOCK, UNJOINED_BLOCK),
    triplets=TRIPLETS,
    pending={SOURCE: 12, OTHER_SOURCE: 0},
    ended=((SOURCE, METER.name),),
    replacement=ReplacementPart(
        source=OTHER_SOURCE, stage=CAMERA.stage, scored=(scored_block(METER),), join_state=b"PWST\0\xff any bytes"
    ),
    retried={OTHER_SOURCE: 3},
)
NOTHING_DECIDED = DecidedMessage(stage=CAMERA.stage, moment=MOMENT)
ALERT = AlertMessage(
    event=AlertEvent(
        change=AlertChange.OPENED,
        alert=Alert(
            id="0011223344556677",
            kind=AlertKind.IMAGE_ANOMALY,
            severity=Severity.HIGH,
            status=AlertStatus.OPEN,
            stage=CAMERA.stage,
            device=CAMERA.name,
            first_shot_ns=TIMES_NS[0],
            last_shot_ns=TIMES_NS[1],
            shots=2,
            score=14.000000000000002,
            reasons=("residual", "latent"),
            model="default-1",
            source=AlertSource(file=OTHER_SOURCE.file, sha256=OTHER_SOURCE.sha256, path="09-34-00-000/été"),
        ),
    ),
    moment=MOMENT,
)
EXPLAINED_ALERT = AlertMessage(
    event=AlertEvent(
        change=AlertChange.CLOSED,
        alert=dataclasses.replace(
            ALERT.event.alert,
            status=AlertStatus.CLOSED,
            explanation=Explanation(
                text="hot spot at (61, 40) px, 34 % above its surroundings",
                cause="hot_spot",
                cause_probability=0.9300000000000001,
            ),
        ),
    ),
)
OPENED_ALERT = dataclasses.replace(
    EXPLAINED_ALERT,
    event=dataclasses.replace(
        EXPLAINED_ALERT.event, alert=dataclasses.replace(EXPLAINED_ALERT.event.alert, opened_ns=TIMES_NS[1])
    ),
)
EVIDENCE = EvidenceMessage(
    frame=EvidenceFrame(
        alert_id="0011223344556677",
        role="worst",
        event_time_ns=TIMES_NS[1],
        device=CAMERA,
        source=AlertSource(file=SOURCE.file, sha256=SOURCE.sha256, path="/b"),
        raw=_frozen([[0, 4092], [65535, 7]], np.uint16),
        cleaned=_frozen([[0.1, -0.0], [np.nan, np.inf]], np.float32),
        reconstruction=_frozen([[1e-45, 2.0], [3.0, 4.0]], np.float32),
        residual_z=_frozen([[0.0, 0.0], [0.0, 0.0]], np.float32),
    )
)
ANNOUNCEMENT = Announcement(
    record=FileRecord(
        path=SOURCE.file,
        root="/data/recorders",
        sha256=SOURCE.sha256,
        size_bytes=29_000_000,
        mtime_ns=MOMENT.closed_ns,
        status=FileStatus.ACCEPTED,
        reason="truncated",
        series="10Hz/LA_R1",
        first_ns=TIMES_NS[0],
        last_ns=None,
        records_read=1801,
        dead_letters={"no_time": 1},
        replaced_sha256="77" * 32,
    ),
    file_counts={"skipped": 2},
    devices={CAMERA.name: 600, STRANGER.name: 0},
    ends=(CAMERA.name, METER.name),
    connector="recorder-1",
    moment=MOMENT,
)
COUNTS_ONLY = Announcement(connector="recorder-1", file_counts={"skipped": 1})
WORKER_PROGRESS = Progress(
    name="worker-a", at_ns=MOMENT.closed_ns, next_offset=4712, snapshot_start_ns=START_NS, model="default-1"
)
PROMOTION = ModelPromotion(model="ae-72f621640a20", at_ns=MOMENT.closed_ns)
MODEL_FILES = ModelFiles(
    model="ae-72f621640a20", files={"model.json": b'{"name": "ae-72f621640a20"}\n', "model.onnx": b"\0\xff network"}
)
SHADOW = ShadowPromotion(model="ae-72f621640a20", at_ns=MOMENT.closed_ns)
NO_SHADOW = ShadowPromotion(model="", at_ns=MOMENT.closed_ns)
SHADOW_FILES = dataclasses.replace(MODEL_FILES, role=ModelRole.SHADOW)
BASELINE = AcceptedBaseline(id=MOMENT.closed_ns + 1, device=CAMERA, from_ns=START_NS)
LIVE = LiveReading(
    device=CAMERA,
    event_time_ns=TIMES_NS[1],
    scoring=Scoring.SCORED,
    refusal=Refusal.NONE,
    score=6.75,
    anomalous=True,
    values={"centroid_x_px": 63.5, "centroid_y_px": 50.25},
    thumbnail=_frozen(np.arange(IMAGE_SHAPE[0] * IMAGE_SHAPE[1]).reshape(IMAGE_SHAPE) % 256, np.uint8),
)
LIVE_METER = LiveReading(
    device=METER,
    event_time_ns=TIMES_NS[0],
    scoring=Scoring.NONE,
    refusal=Refusal.STATE_NOT_ON,
    score=0.0,
    anomalous=False,
    values={"energy_j": float("nan")},
)
CONNECTOR_PROGRESS = Progress(name="recorder-1", at_ns=MOMENT.closed_ns, oldest_unsent_s=0.1)


def incoming_of(encoded: Encoded, topic: str = "images", offset: int = 4711) -> Incoming:
    """An encoded message as Kafka would give it."""
    return Incoming(
        topic=topic,
        partition=3,
        offset=offset,
        key=b"key",
        value=encoded.value,
        headers=encoded.headers,
        timestamp_ms=1,
    )


_REFUSED = incoming_of(encode(RECORD_MESSAGE))
DEAD_LETTER = DeadLetterMessage(
    original=dataclasses.replace(_REFUSED, value=b"\0\xffno da00", headers=(*_REFUSED.headers, ("schema", b"\xff"))),
    reason="damaged_payload",
    agent="image",
    error="the message in images/3 at offset 4711 is no records/1: été",
    at_ns=MOMENT.closed_ns,
)
DEAD_TOMBSTONE = DeadLetterMessage(
    original=Incoming(topic="scored", partition=0, offset=0, key=None, value=None, headers=()),
    reason="missing_header",
    agent="join",
    error="no header",
)

#: Every kind of message, by the name of its golden file.
EXAMPLES: dict[str, Message] = {
    "records-1-camera": RECORD_MESSAGE,
    "records-1-energy-meter": METER_MESSAGE,
    "records-1-spectrometer": SPECTRUM_MESSAGE,
    "records-1-other": OTHER_MESSAGE,
    "notice-1": NOTICE,
    "scored-1": SCORED,
    "decided-1": DECIDED,
    "decided-1-nothing": NOTHING_DECIDED,
    "alert-1": ALERT,
    "alert-1-explained": EXPLAINED_ALERT,
    "alert-1-opened": OPENED_ALERT,
    "evidence-1": EVIDENCE,
    "announcement-1": ANNOUNCEMENT,
    "announcement-1-counts": COUNTS_ONLY,
    "progress-1-worker": WORKER_PROGRESS,
    "progress-1-connector": CONNECTOR_PROGRESS,
    "dead-letter-1": DEAD_LETTER,
    "dead-letter-1-tombstone": DEAD_TOMBSTONE,
    "promotion-1": PROMOTION,
    "model-files-1": MODEL_FILES,
    "model-files-1-shadow": SHADOW_FILES,
    "shadow-1": SHADOW,
    "shadow-1-none": NO_SHADOW,
    "baseline-1": BASELINE,
    "live-1": LIVE,
    "live-1-no-picture": LIVE_METER,
}


def bits(value: Any) -> Any:
    """A value in a form that is equal only when every bit is: arrays with type and shape, floats as bytes."""
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return (type(value).__name__, *((name, bits(getattr(value, name))) for name in names))
    if isinstance(value, Mapping):
        return ("mapping", *((bits(key), bits(item)) for key, item in value.items()))
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, *(bits(item) for item in value))
    return (type(value).__name__, value)
