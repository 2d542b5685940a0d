"""State directories as a watch leaves them, small: for tests of what the console shows of them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from connectors.clock import Clock, SystemClock
from connectors.evidence_store import EvidenceStore
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, EvidenceFrame, alert_id
from models.devices import Device, parse_device
from models.event_time import MINUTE_NS, SECOND_NS
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.image_scores import FrameBuffers
from models.results import Outcome
from models.state import encode_state
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.device_stages import device_key
from streams.settings import load_settings
from tests.support.beam_camera import ProjectionNetwork, beam_frames, camera_block, dark_frames, with_hot_spot
from tests.unit.connectors.state.examples import (
    CAMERA,
    METER,
    SPECTROMETER,
    START_NS,
    alert_event,
    decided,
    file_record,
    source,
    triplets,
)

DEVICES = (CAMERA, METER, SPECTROMETER)
OTHER_CAMERA = parse_device("LA_A3_31-Camera_2-Camera-1")
#: The first is in the one incident, the other two, of another camera, in one that begins minutes later.
FIRST_SHOTS_NS = (START_NS, START_NS + 20 * MINUTE_NS, START_NS + 20 * MINUTE_NS + 5 * SECOND_NS)


def write_state(state: Path, clock: Clock | None = None) -> list[Alert]:
    """Two minutes of a stage, with three open episodes in two incidents; the first has evidence."""
    alerts = [_alert(CAMERA if n == 0 else OTHER_CAMERA, at_ns) for n, at_ns in enumerate(FIRST_SHOTS_NS)]
    events = [AlertEvent(change=AlertChange.OPENED, alert=alert) for alert in alerts]
    with StateDirectory.open(state) as directory:
        for minute in range(2):
            of, start_ns = source(f"m{minute}"), START_NS + minute * MINUTE_NS
            blocks = [decided(each, 600, of=of, start_ns=start_ns, outcome=Outcome.TRIPLET) for each in DEVICES]
            directory.commit(
                Commit(
                    decided=blocks,
                    triplets=[triplets(600, start_ns=start_ns)],
                    files=[file_record(of, 1_800)],
                    stage_states={device_key(each): b"state" for each in DEVICES}
                    | {device_key(CAMERA): camera_state()},
                )
            )
        links = [EvidenceStore(state).write(evidence_frame(alerts[0], role)) for role in ("first", "worst")]
        directory.commit(Commit(alerts=events, evidence=links))
    take_alerts(state, clock)
    return alerts


def write_alerts(state: Path, count: int, *, every_s: float, clock: Clock | None = None) -> list[Alert]:
    """So many open episodes, one every so many seconds, on the cameras of four stages in turn."""
    cameras = [parse_device(f"LA_A3_3{arm}-Camera_{number}-Camera-1") for arm in (1, 2) for number in (1, 2)]
    alerts = [_alert(cameras[n % len(cameras)], START_NS + round(n * every_s * SECOND_NS)) for n in range(count)]
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(alerts=[AlertEvent(change=AlertChange.OPENED, alert=alert) for alert in alerts]))
    take_alerts(state, clock)
    return alerts


def take_alerts(state: Path, clock: Clock | None = None) -> None:
    """What the commits said becomes alarms and incidents, as beside a watch that has ended."""
    keeper = AlarmKeeper(state, load_settings(None), clock or SystemClock(), lambda: None)
    keeper.drain()
    keeper.stop()


def evidence_frame(alert: Alert, role: str) -> EvidenceFrame:
    """A hot spot on a beam, as it is kept."""
    raw = with_hot_spot(beam_frames(1)[0])
    usual = beam_frames(1, seed=1)[0].astype(np.float32) - 40
    cleaned = raw.astype(np.float32) - 40
    return EvidenceFrame(
        alert_id=alert.id,
        role=role,
        event_time_ns=alert.first_shot_ns,
        device=CAMERA,
        source=alert.source,
        raw=raw,
        cleaned=cleaned,
        reconstruction=usual,
        residual_z=(cleaned - usual) / 50,
    )


@cache
def camera_state() -> bytes:
    """Of a camera that has seen dark frames and learned from beams."""
    stage = CameraStage(CAMERA, CameraSettings(), ProjectionNetwork(), {}, FrameBuffers())
    dark, beam = dark_frames(60), beam_frames(320)
    dark[:, 20, 30] = 3_000  # a hot pixel
    for start in range(0, len(dark), 20):
        stage.process(replace(camera_block(dark[start : start + 20], start), device=CAMERA))
    for start in range(0, len(beam), 40):
        stage.process(replace(camera_block(beam[start : start + 40], 60 + start), device=CAMERA))
    return encode_state(stage.state())


def _alert(camera: Device, first_ns: int) -> Alert:
    alert = alert_event(first_ns, device=camera).alert
    return replace(alert, id=alert_id(camera, AlertKind.IMAGE_ANOMALY, first_ns), last_shot_ns=first_ns + SECOND_NS)
