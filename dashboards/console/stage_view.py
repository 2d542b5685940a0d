"""Rows of the lists of stages and cameras."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.state.triplet_minutes import TripletMinute
from dashboards.aside_words import brief_maintenance_words
from dashboards.words import count_words, counted, plain_words, time_words
from models.alarms.alarm import Alarm
from models.alarms.priority import highest
from models.alarms.put_aside import aside_cause
from models.alarms.suppression import Suppression
from models.alerts.alert import Alert
from models.devices import TRIPLET_KINDS, Device, RecordKind, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of all stages and cameras when a list is made.

    Attributes
    ----------
    unseen
        Of each incident, by its id, the alarms of which something was announced that nobody has acknowledged.
    open_alerts
        Episodes that go on.
    maintenance
        Where people work.
    current
        Names of the stages and devices whose latest shot is recent; empty where incidents are not known.
    now_ns
        By the clock, ns since 1970.
    """

    unseen: Mapping[str, Sequence[Alarm]] = field(default_factory=dict)
    open_alerts: Collection[Alert] = ()
    maintenance: Collection[Suppression] = ()
    current: Collection[str] = ()
    now_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a stage or a camera stands.

    Attributes
    ----------
    maintenance
        Until when and by whom; empty when the stage is not under it.
    urgent, priority
        Incidents that call somebody, in words, and the highest priority of what they have here; empty without any.
    notes
        What else is to be known.
    is_normal
        Shots come, and nothing is open, unacknowledged or put aside.
    """

    maintenance: str
    urgent: str
    priority: str
    notes: str
    is_normal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """A stage in the list; shots are those of the latest hour that was recorded."""

    name: str
    devices: str
    complete: str
    incomplete: str
    idle: str
    anomalous: str
    completeness: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRow:
    """A camera in the list."""

    name: str
    stage: str
    standing: Standing


def maintenance_words(found: Suppression) -> str:
    """Since when a stage is under maintenance, until when, by whom and why."""
    until = "until somebody ends it" if found.until_ns is None else f"until {time_words(found.until_ns, seconds=True)}"
    return (
        f"Under maintenance since {time_words(found.from_ns, seconds=True)}, {until} (UTC), by {found.by}: {found.why}"
    )


def stage_rows(
    stages: Mapping[Stage, Sequence[Device]], minutes: Iterable[TripletMinute], known: Known
) -> list[StageRow]:
    """All stages with devices."""
    counts: dict[Stage, Counter[str]] = {}
    for minute in minutes:
        counts.setdefault(minute.stage, Counter()).update(
            complete=minute.complete, incomplete=minute.incomplete, idle=minute.idle, anomalous=minute.anomalous
        )
    return [
        _stage_row(stage, devices, counts.get(stage, Counter()), _standing(known, stage))
        for stage, devices in stages.items()
    ]


def _stage_row(stage: Stage, devices: Sequence[Device], shots: Counter[str], standing: Standing) -> StageRow:
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
        standing=standing,
    )


def camera_rows(devices: Iterable[Device], known: Known) -> list[CameraRow]:
    """All cameras."""
    return [
        CameraRow(name=device.name, stage=str(device.stage), standing=_standing(known, device.stage, device.name))
        for device in devices
        if device.kind is RecordKind.CAMERA
    ]


def _standing(known: Known, stage: Stage, device: str = "") -> Standing:
    """Of a stage, or of one of its devices."""

    def is_here(what: Alarm | Alert) -> bool:
        return what.stage == stage and device in {"", what.device}

    here = {each: [alarm for alarm in alarms if is_here(alarm)] for each, alarms in known.unseen.items()}
    calling = [
        [alarm.priority for alarm in alarms if aside_cause(alarm, known.now_ns) is None] for alarms in here.values()
    ]
    urgent = sum(map(bool, calling))
    aside = sum(map(bool, here.values())) - urgent
    odd = sum(map(is_here, known.open_alerts))
    worked_at = [each for each in known.maintenance if each.stage == str(stage)]
    is_current = (device or str(stage)) in known.current
    notes = [
        f"{count_words(aside)} put aside" if aside else "",
        f"{counted(odd, 'episode')} open" if odd else "",
        "" if is_current else "no current data",
    ]
    return Standing(
        maintenance=brief_maintenance_words(worked_at[0]) if worked_at else "",
        urgent=f"{count_words(urgent)} unacknowledged" if urgent else "",
        priority=highest(priority for each in calling for priority in each).value if urgent else "",
        notes=", ".join(filter(None, notes)),
        is_normal=is_current and not (urgent or aside or odd),
    )
