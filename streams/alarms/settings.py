"""Settings of alarms and incidents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from models.alarms.guidance import GUIDANCE
from models.alarms.incidents import IncidentRules
from models.alarms.life_cycle import AlarmTiming
from models.alarms.priority import Priority
from models.alerts.alert import AlertKind, Severity
from models.event_time import SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSettings:
    """What an installation says of one kind of alarm; what it does not say is as shipped (``models.alarms.guidance``).

    Attributes
    ----------
    priority
        low, medium or high; without it that of each alert's severity.
    on_delay_s
        Alerts have to stay open for so long, by the clock, before anybody is told.
    off_delay_s
        What comes back within so long, by the clock, is the same alarm: nobody is told again.
    latching
        The alarm stays until somebody resets it.
    rationale, meaning, check, call
        Why it is an alarm, what it means, what to look at, whom to call.
    """

    priority: Priority | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    latching: bool | None = None
    rationale: str | None = None
    meaning: str | None = None
    check: str | None = None
    call: str | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        delays_s = [delay_s for delay_s in (self.on_delay_s, self.off_delay_s) if delay_s is not None]
        if not all(0 <= delay_s <= 86400 for delay_s in delays_s):
            raise ValueError("on_delay_s and off_delay_s are 0 to 86400")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRules:
    """One kind of alarm as it is in force here."""

    priority: Priority | None
    timing: AlarmTiming
    rationale: str
    meaning: str
    check: str
    call: str

    def priority_of(self, severity: Severity) -> Priority:
        """That of an alert."""
        return self.priority or Priority.of_severity(severity)

    @property
    def guidance(self) -> str:
        """What to check, and whom to call, in one line."""
        return f"{self.check} Call: {self.call}."


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """When alarms are raised, covered, and one incident.

    Attributes
    ----------
    idle_after_s
        A stage is idle when it has not fired for so long while its records go on; what says nothing then is covered.
    longest_shelving_h
        Nothing is shelved for longer.
    incident_gap_s, incident_same_shots_s, incident_span_s
        As ``IncidentRules``, in seconds of event time.
    incident_quiet_s
        An incident stays open for so long after its last episode, by the clock: the next snapshot may hold more.
    kinds
        By kind of alert, what differs from what is shipped.
    """

    idle_after_s: float = 600.0
    longest_shelving_h: float = 24.0
    incident_gap_s: float = 60.0
    incident_same_shots_s: float = 2.0
    incident_span_s: float = 900.0
    incident_quiet_s: float = 120.0
    kinds: Mapping[AlertKind, KindSettings] = field(default_factory=dict)

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not self.idle_after_s > 0 or not self.longest_shelving_h > 0:
            raise ValueError("idle_after_s and longest_shelving_h are more than 0")
        times_s = (self.incident_gap_s, self.incident_same_shots_s, self.incident_quiet_s)
        if not all(0 <= time_s <= 86400 for time_s in (*times_s, self.incident_span_s)):
            raise ValueError("the times of incidents are 0 to 86400 seconds")

    @property
    def incidents(self) -> IncidentRules:
        """What belongs together."""
        return IncidentRules(
            gap_ns=round(self.incident_gap_s * SECOND_NS),
            same_shots_ns=round(self.incident_same_shots_s * SECOND_NS),
            span_ns=round(self.incident_span_s * SECOND_NS),
        )

    def rules(self, kind: AlertKind) -> AlarmRules:
        """What is in force for a kind."""
        own, shipped = self.kinds.get(kind, KindSettings()), GUIDANCE[kind]
        on_delay_s = shipped.on_delay_s if own.on_delay_s is None else own.on_delay_s
        off_delay_s = shipped.off_delay_s if own.off_delay_s is None else own.off_delay_s
        return AlarmRules(
            priority=own.priority,
            timing=AlarmTiming(
                on_delay_ns=round(on_delay_s * SECOND_NS),
                off_delay_ns=round(off_delay_s * SECOND_NS),
                latching=shipped.latching if own.latching is None else own.latching,
            ),
            rationale=own.rationale or shipped.rationale,
            meaning=own.meaning or shipped.meaning,
            check=own.check or shipped.check,
            call=own.call or shipped.call,
        )
