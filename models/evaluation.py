"""How good the watch is on labelled data: what it found, what it raised for nothing, and how sure that is."""

import math
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.devices import NO_STAGE, RecordKind, Stage, parse_device
from models.event_time import SECOND_NS
from models.results import Scoring

#: The severities of labels: mild below 1/3, strong above 2/3.
SEVERITIES = ("mild", "medium", "strong")
#: What a false episode may be about besides a kind of device: a whole stage, or a file or another part of the
#: installation.
STAGE, INSTALLATION = "stage", "installation"
_CONFIDENCE = 0.95
# A fault that lasts this many shots or more is to be told within them.
_EARLY_SHOTS = 3


def severity_word(severity: float) -> str:
    """``mild`` below 1/3, ``strong`` above 2/3, else ``medium``."""
    if severity < 1 / 3:
        return "mild"
    return "strong" if severity > 2 / 3 else "medium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How many out of how many, with the exact 95 % interval of Clopper and Pearson (1934); NaN and 0..1 for none."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The fraction."""
        return self.count / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end."""
        tail = (1 - _CONFIDENCE) / 2
        low = special.betaincinv(self.count, self.total - self.count + 1, tail) if self.count else 0.0
        high = special.betaincinv(self.count + 1, self.total - self.count, 1 - tail) if self.count < self.total else 1.0
        return float(low), float(high)

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(count=self.count + other.count, total=self.total + other.total)

    def document(self) -> dict[str, Any]:
        """As JSON; a rate out of none is null."""
        low, high = self.interval
        return {
            "count": self.count,
            "total": self.total,
            "rate": self.value if self.total else None,
            "low": low,
            "high": high,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRate:
    """How many events in how many hours of one kind of device, with the exact 95 % interval for a Poisson count.

    The interval is that of Garwood (1936).
    """

    count: int
    hours: float

    @property
    def interval_of_count(self) -> tuple[float, float]:
        """Lower and upper end of the expected count."""
        tail = (1 - _CONFIDENCE) / 2
        low = float(special.gammaincinv(self.count, tail)) if self.count else 0.0
        return low, float(special.gammaincinv(self.count + 1, 1 - tail))

    def per(self, hours: float) -> tuple[float, float, float]:
        """Rate per device and ``hours``: value, lower, upper; NaN when none was watched."""
        low, high = self.interval_of_count
        if not self.hours > 0:
            return math.nan, math.nan, math.nan
        scale = hours / self.hours
        return self.count * scale, low * scale, high * scale

    def document(self) -> dict[str, Any]:
        """As JSON; null when none was watched."""
        value, low, high = (None if math.isnan(number) else number for number in self.per(12))
        per_hour = self.per(1)[0]
        return {
            "count": self.count,
            "hours": self.hours,
            "per_12h": value,
            "low": low,
            "high": high,
            "per_hour": None if math.isnan(per_hour) else per_hour,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFault:
    """One fault that is known to have happened, during ``shots`` shots from ``first_ns`` to ``last_ns``."""

    stage: Stage
    device: str
    kind: str
    severity: float
    shots: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpan:
    """What of an alert the evaluation needs.

    Attributes
    ----------
    device
        The device's name; empty when it is about a stage or the installation.
    opened_ns
        Event time of the shot with which it opened; 0 where that is not known.
    cause
        The kind of fault that it names, ``unknown`` when it is not sure; empty where nothing judges it.
    """

    stage: Stage
    kind: str
    first_ns: int
    last_ns: int
    device: str = ""
    opened_ns: int = 0
    cause: str = ""

    @property
    def subject(self) -> str:
        """What it is about: a kind of device that is scored, ``stage`` or ``installation``."""
        kind = parse_device(self.device).kind
        if self.device and kind is not RecordKind.OTHER:
            return kind.value
        return STAGE if self.stage != NO_STAGE else INSTALLATION


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRecords:
    """Every record of the watch, in any order.

    Attributes
    ----------
    stages
        What the codes of ``stage`` stand for.
    event_time_ns
        int64, (n,).
    stage
        Integer codes, (n,).
    kind, scoring
        uint8, (n,): places in ``KINDS``, values of ``Scoring``.
    anomalous
        bool, (n,): with what the join found.
    """

    stages: Sequence[Stage]
    event_time_ns: NDArray[np.int64]
    stage: NDArray[np.integer[Any]]
    kind: NDArray[np.uint8]
    scoring: NDArray[np.uint8]
    anomalous: NDArray[np.bool_]


#: The codes of ``ScoredRecords.kind``.
KINDS = tuple(RecordKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found of one kind (or of all: empty) in one severity (or all: empty).

    Attributes
    ----------
    faults
        Faults that an alert of their stage overlaps, of all.
    frames
        Shots of the faults at which a record of their stage is anomalous, of all.
    early
        Faults of 3 shots or more with an alert of their stage that opens at one of the first three, of all of these.
    named
        Faults whose alerts name their kind as the cause, of all faults with an alert that names one or says
        ``unknown``. Of several such alerts the one that opens first counts.
    """

    kind: str
    severity: str
    faults: Rate
    frames: Rate
    early: Rate
    named: Rate

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind or "all",
            "severity": self.severity or "all",
            "faults": self.faults.document(),
            "frames": self.frames.document(),
            "early": self.early.document(),
            "named": self.named.document(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The verdict.

    Attributes
    ----------
    detections
        By kind and severity, where there are any; then all kinds by severity; then all.
    false_positives
        By record kind: anomalous of the normal records, which are scored and not in a labelled stretch of their
        stage. ``camera`` is the rate per frame.
    false_episodes
        Alerts that overlap no label of their stage, by what they are about: each kind of device, over the hours in
        which devices of it were scored; ``stage``, over the hours in which any of a stage's devices was; and
        ``installation`` (files, silent parts), over the hours from the first record to the last.
    false_episodes_by_kind
        Their number by alert kind.
    frames
        Camera frames by what became of them in the false-positive rate: normal, labelled, learning, dark, thinned or
        none.
    """

    detections: tuple[Detection, ...]
    false_positives: dict[str, Rate]
    false_episodes: dict[str, EventRate]
    false_episodes_by_kind: dict[str, int]
    frames: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The whole verdict as a JSON document."""
        return {
            "detections": [detection.document() for detection in self.detections],
            "false_positives": {kind: rate.document() for kind, rate in self.false_positives.items()},
            "false_episodes": {subject: rate.document() for subject, rate in self.false_episodes.items()},
            "false_episodes_by_kind": self.false_episodes_by_kind,
            "frames": self.frames,
        }


def evaluate(
    faults: Sequence[LabelledFault], records: ScoredRecords, alerts: Sequence[AlertSpan], *, rate_hz: float
) -> Evaluation:
    """Compare what the watch says with what is known.

    Times agree when they are less than half a shot apart.

    Parameters
    ----------
    rate_hz
        Shots per second.
    """
    slack_ns = int(0.5 * SECOND_NS / rate_hz) - 1
    by_stage: dict[Stage, list[LabelledFault]] = {}
    for fault in faults:
        by_stage.setdefault(fault.stage, []).append(fault)
    labelled = _labelled(by_stage, records, slack_ns)
    false_alerts = [alert for alert in alerts if not _overlaps_any(alert, by_stage.get(alert.stage, []), slack_ns)]
    scored = records.scoring == Scoring.SCORED
    cameras = records.kind == KINDS.index(RecordKind.CAMERA)
    return Evaluation(
        detections=_detections(faults, records, alerts, slack_ns, rate_hz),
        false_positives={
            kind.value: Rate(
                count=int(np.count_nonzero(normal & records.anomalous)), total=int(np.count_nonzero(normal))
            )
            for code, kind in enumerate(KINDS)
            if kind is not RecordKind.OTHER
            for normal in [(records.kind == code) & scored & ~labelled]
        },
        false_episodes=_false_episodes(false_alerts, records, rate_hz),
        false_episodes_by_kind=dict(sorted(Counter(alert.kind for alert in false_alerts).items())),
        frames={
            "normal": int(np.count_nonzero(cameras & scored & ~labelled)),
            "labelled": int(np.count_nonzero(cameras & labelled)),
            **{
                word.label: int(np.count_nonzero(cameras & (records.scoring == word) & ~labelled))
                for word in (Scoring.LEARNING, Scoring.DARK, Scoring.THINNED, Scoring.NONE)
            },
        },
    )


def _false_episodes(alerts: Sequence[AlertSpan], records: ScoredRecords, rate_hz: float) -> dict[str, EventRate]:
    """By what they are about, each over its own hours."""
    counts = Counter(alert.subject for alert in alerts)
    scored = records.scoring == Scoring.SCORED
    times_ns = records.event_time_ns
    shots = {
        kind.value: int(np.count_nonzero(scored & (records.kind == code)))
        for code, kind in enumerate(KINDS)
        if kind is not RecordKind.OTHER
    }
    shots[STAGE] = sum(
        len(np.unique(np.rint(times_ns[scored & (records.stage == code)] * (rate_hz / SECOND_NS))))
        for code in range(len(records.stages))
    )
    hours = {subject: number / (3600 * rate_hz) for subject, number in shots.items()}
    hours[INSTALLATION] = float(np.ptp(times_ns)) / SECOND_NS / 3600 if len(times_ns) else 0.0
    return {subject: EventRate(count=counts[subject], hours=number) for subject, number in hours.items()}


def _overlaps_any(alert: AlertSpan, faults: Sequence[LabelledFault], slack_ns: int) -> bool:
    return any(_overlap(alert, fault, slack_ns) for fault in faults)


def _overlap(alert: AlertSpan, fault: LabelledFault, slack_ns: int) -> bool:
    return alert.first_ns <= fault.last_ns + slack_ns and fault.first_ns - slack_ns <= alert.last_ns


def _labelled(by_stage: dict[Stage, list[LabelledFault]], records: ScoredRecords, slack_ns: int) -> NDArray[np.bool_]:
    """Which records lie in a labelled stretch of their stage."""
    labelled = np.zeros(len(records.event_time_ns), np.bool_)
    for code, stage in enumerate(records.stages):
        own = np.flatnonzero(records.stage == code)
        own = own[np.argsort(records.event_time_ns[own], kind="stable")]
        times_ns = records.event_time_ns[own]
        for fault in by_stage.get(stage, []):
            first, last = np.searchsorted(times_ns, [fault.first_ns - slack_ns, fault.last_ns + slack_ns + 1])
            labelled[own[first:last]] = True
    return labelled


def _detections(
    faults: Sequence[LabelledFault],
    records: ScoredRecords,
    alerts: Sequence[AlertSpan],
    slack_ns: int,
    rate_hz: float,
) -> tuple[Detection, ...]:
    """By kind and severity, by severity, and of all."""
    anomalous = {
        stage: np.sort(records.event_time_ns[(records.stage == code) & records.anomalous])
        for code, stage in enumerate(records.stages)
    }
    alerts_of: dict[Stage, list[AlertSpan]] = {}
    for alert in alerts:
        alerts_of.setdefault(alert.stage, []).append(alert)
    cells: dict[tuple[str, str], tuple[Rate, ...]] = {}
    for fault in faults:
        own = [alert for alert in alerts_of.get(fault.stage, []) if _overlap(alert, fault, slack_ns)]
        rates = (
            Rate(count=int(bool(own)), total=1),
            _frames_found(fault, anomalous.get(fault.stage, np.empty(0, np.int64)), slack_ns, rate_hz),
            _early(fault, own, slack_ns, rate_hz),
            _named(fault, own),
        )
        severity = severity_word(fault.severity)
        for key in ((fault.kind, severity), ("", severity), ("", "")):
            cells[key] = tuple(map(operator.add, cells[key], rates)) if key in cells else rates
    rank = {word: number for number, word in enumerate((*SEVERITIES, ""))}
    keys = sorted(cells, key=lambda key: (not key[0], key[0], rank[key[1]]))
    return tuple(
        Detection(kind=kind, severity=severity, faults=found, frames=frames, early=early, named=named)
        for kind, severity in keys
        for found, frames, early, named in [cells[kind, severity]]
    )


def _early(fault: LabelledFault, alerts: Sequence[AlertSpan], slack_ns: int, rate_hz: float) -> Rate:
    """Whether an alert opened with one of a fault's first three shots; none of none for a shorter one."""
    if fault.shots < _EARLY_SHOTS:
        return Rate(count=0, total=0)
    first_ns = fault.first_ns - slack_ns
    third_ns = fault.first_ns + round((_EARLY_SHOTS - 1) * SECOND_NS / rate_hz) + slack_ns
    return Rate(count=int(any(first_ns <= alert.opened_ns <= third_ns for alert in alerts)), total=1)


def _named(fault: LabelledFault, alerts: Sequence[AlertSpan]) -> Rate:
    """Whether the first of the alerts that name a cause names the fault's kind; none of none where none does."""
    naming = [alert for alert in alerts if alert.cause]
    if not naming:
        return Rate(count=0, total=0)
    first = min(naming, key=lambda alert: (alert.opened_ns or alert.first_ns, alert.first_ns))
    return Rate(count=int(first.cause == fault.kind), total=1)


def _frames_found(fault: LabelledFault, anomalous_ns: NDArray[np.int64], slack_ns: int, rate_hz: float) -> Rate:
    """The fault's shots at which the stage has an anomalous record."""
    first, last = np.searchsorted(anomalous_ns, [fault.first_ns - slack_ns, fault.last_ns + slack_ns + 1])
    shots = np.rint((anomalous_ns[first:last] - fault.first_ns) * (rate_hz / SECOND_NS))
    return Rate(count=min(len(np.unique(shots)), fault.shots), total=fault.shots)
