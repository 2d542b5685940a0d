"""What a shift report says, before it is a page: plain values, each computed elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.control_room.receivers import FailingReceiver
from models.alarms.alarm import Alarm
from models.alarms.audit_chain import AuditEntry
from models.alarms.incident import Incident
from models.alarms.suppression import Suppression
from models.alerts.alert import Alert
from models.alerts.verdicts import EpisodeVerdict
from models.devices import Device, Stage
from models.stability import EnergyStability, PointingStability


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEpisode:
    """An episode, who acknowledged it, and what was said of it; empty and None where nobody did."""

    alert: Alert
    acknowledged_by: str = ""
    acknowledged_ns: int | None = None
    verdict: EpisodeVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPicture:
    """What was to be seen at one shot of an episode; ``shot_ns`` is its event time."""

    png: bytes
    alert: Alert
    shot_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportIncident:
    """An incident with its worst episodes.

    Attributes
    ----------
    worst
        The alert that it is headed by; None when that is not known.
    picture
        Of the worst episode that has one, at its worst shot; None where ``note`` says why there is none, or nothing was
        to be seen.
    """

    incident: Incident
    episodes: Sequence[ReportEpisode]
    worst: Alert | None = None
    picture: ReportPicture | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShots:
    """The shots of a stage.

    Attributes
    ----------
    complete_percent
        float64, shape (slots,): of those at which it fired; NaN where it did not.
    """

    stage: Stage
    complete: int
    incomplete: int
    idle: int
    complete_percent: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAvailability:
    """What came of a device.

    Attributes
    ----------
    expected, came
        Shots of its stage at which it was to record, and those of which there is a valid record. For a device that is
        no part of shots: its records, and those that were valid.
    odd
        Odd ones among these.
    longest_shots, longest_from_ns, longest_to_ns
        The longest run of consecutive shots without a valid record; 0 where none was missed.
    """

    device: Device
    expected: int
    came: int
    odd: int
    longest_shots: int = 0
    longest_from_ns: int = 0
    longest_to_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterEnergy:
    """How steady a meter's energies were; ``slot_means_j``, float64, shape (slots,), NaN without a shot."""

    device: Device
    stability: EnergyStability
    slot_means_j: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPointing:
    """How steady a beam was.

    Attributes
    ----------
    diameter_px
        Mean beam diameter (D4-sigma).
    slot_means_px
        float64, shape (slots, 2): the centroid's column and row.
    """

    device: Device
    stability: PointingStability
    diameter_px: float
    slot_means_px: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStanding:
    """How the archive stands.

    Attributes
    ----------
    status
        As ``archive_status`` gives it; None where nothing is archived.
    files, safe
        Files of the stretch that the catalog knows, and those of them whose copies are enough.
    limited
        There are more files than were looked at.
    sentences
        What could not be told, and why; why files are not safe yet.
    """

    status: Mapping[str, Any] | None = None
    files: int = 0
    safe: int = 0
    limited: bool = False
    sentences: Sequence[str] = ()

    @property
    def waiting(self) -> int:
        """Files of any time that are on their way, in the longest queue: what waits for two places is one file."""
        lags = {} if self.status is None else self.status["waiting"]
        return max((lag["files"] for lag in lags.values()), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPoints:
    """What the next shift takes over, as it stands when the report is made; whenever it began.

    Attributes
    ----------
    unacknowledged
        Incidents of which something announced was seen by nobody.
    worst_alerts
        The alerts that these are headed by, by the incidents' ids.
    troubles
        Why some of it is missing here, one sentence each.
    """

    unacknowledged: Sequence[Incident] = ()
    worst_alerts: Mapping[str, Alert] = field(default_factory=dict)
    shelved: Sequence[Alarm] = ()
    out_of_service: Sequence[Alarm] = ()
    maintenance: Sequence[Suppression] = ()
    receivers: Sequence[FailingReceiver] = ()
    audit_breaks: Sequence[str] = ()
    troubles: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftReport:
    """A stretch of time, from ``from_ns`` on and before ``to_ns``, summed up; all times in ns since 1970.

    Attributes
    ----------
    made_ns
        When this was computed, by the clock.
    slot_ns
        Length of the slots that curves have points for.
    incidents, more_incidents
        By their first shots; how many more there are.
    ungrouped, more_ungrouped
        Episodes that belong to no incident; how many more there are.
    drifts
        Episodes of slow drift.
    files
        Files with records of the stretch, by what became of them.
    outcomes
        Records of the stretch by where they ended.
    ledger
        The account of all records, as ``StateReader.ledger`` gives it.
    audit, more_audit
        What was done in the stretch; how many more entries there are.
    audit_names
        What the ids in it mean to people.
    """

    from_ns: int
    to_ns: int
    made_ns: int
    slot_ns: int
    incidents: Sequence[ReportIncident] = ()
    more_incidents: int = 0
    ungrouped: Sequence[ReportEpisode] = ()
    more_ungrouped: int = 0
    stages: Sequence[StageShots] = ()
    devices: Sequence[DeviceAvailability] = ()
    energies: Sequence[MeterEnergy] = ()
    pointing: Sequence[CameraPointing] = ()
    drifts: Sequence[ReportEpisode] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    archive: ArchiveStanding = field(default_factory=ArchiveStanding)
    open_points: OpenPoints = field(default_factory=OpenPoints)
    audit: Sequence[AuditEntry] = ()
    audit_names: Mapping[str, str] = field(default_factory=dict)
    more_audit: int = 0
