"""Rows of the lists of stages and cameras."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.state.triplet_minutes import TripletMinute
from dashboards.aside_words import brief_maintenance_words
from dashboards.words import count_words, counted, plain_words, time_words
from models.alarms.suppression import Suppression
from models.alerts.alert import Alert
from models.devices import TRIPLET_KINDS, Device, RecordKind, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """A stage in the list; shots are those of the latest hour that was recorded.

    Attributes
    ----------
    maintenance
        Until when and by whom; empty when the stage is not under it.
    """

    name: str
    devices: str
    complete: str
    incomplete: str
    idle: str
    anomalous: str
    completeness: str
    open_episodes: str
    maintenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """A camera in the list; ``maintenance`` is that of its stage."""

    name: str
    stage: str
    open_episodes: str
    maintenance: str


def maintenance_words(found: Suppression) -> str:
    """Since when a stage is under maintenance, until when, by whom and why."""
    until = "until somebody ends it" if found.until_ns is None else f"until {time_words(found.until_ns, seconds=True)}"
    return (
        f"Under maintenance since {time_words(found.from_ns, seconds=True)}, {until} (UTC), by {found.by}: {found.why}"
    )


def stage_rows(
    stages: Mapping[Stage, Sequence[Device]],
    minutes: Iterable[TripletMinute],
    open_alerts: Iterable[Alert],
    maintenance: Iterable[Suppression],
) -> list[StageRow]:
    """All stages with devices."""
    covered = {each.stage: brief_maintenance_words(each) for each in maintenance}
    counts: dict[Stage, Counter[str]] = {}
    for minute in minutes:
        counts.setdefault(minute.stage, Counter()).update(
            complete=minute.complete, incomplete=minute.incomplete, idle=minute.idle, anomalous=minute.anomalous
        )
    odd = Counter(alert.stage for alert in open_alerts)
    return [
        _stage_row(stage, devices, counts.get(stage, Counter()), odd[stage], covered.get(str(stage), ""))
        for stage, devices in stages.items()
    ]


def _stage_row(stage: Stage, devices: Sequence[Device], shots: Counter[str], odd: int, maintenance: str) -> StageRow:
    kinds = Counter(device.kind for device in devices)
    named = [counted(kinds[kind], plain_words(kind)) for kind in (*TRIPLET_KINDS, RecordKind.OTHER) if kinds[kind]]
    fired = shots["complete"] + shots["incomplete"]
    return StageRow(
        name=str(stage),
        devices=", ".join(named),
        complete=count_words(shots["complete"]),
        incomplete=count_words(shots["incomplete"]),
        idle=count_words(shots["idle"]),
        anomalous=count_words(shots["anomalous"]),
        completeness=f"{100 * shots['complete'] / fired:.2f} %" if fired else "-",
        open_episodes=count_words(odd) if odd else "",
        maintenance=maintenance,
    )


def camera_rows(
    devices: Iterable[Device], open_alerts: Iterable[Alert], maintenance: Iterable[Suppression]
) -> list[CameraRow]:
    """All cameras."""
    covered = {each.stage: brief_maintenance_words(each) for each in maintenance}
    odd = Counter(alert.device for alert in open_alerts)
    return [
        CameraRow(
            name=device.name,
            stage=str(device.stage),
            open_episodes=count_words(odd[device.name]) if odd[device.name] else "",
            maintenance=covered.get(str(device.stage), ""),
        )
        for device in devices
        if device.kind is RecordKind.CAMERA
    ]
