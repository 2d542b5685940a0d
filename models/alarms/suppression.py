"""What covers the alarms of a stage by design: it is idle, or under maintenance."""

from dataclasses import dataclass
from enum import StrEnum

from models.alerts.alert import AlertKind

#: What says nothing, or can't be mended, while the stage does not fire. What is odd in an image or slowly drifts stays:
#: optics are looked at while nothing fires. Neither are files, the pipeline, the archive and tapes of any stage.
COVERED_WHEN_IDLE = frozenset(
    {
        AlertKind.STUCK_FRAME,
        AlertKind.NO_BEAM,
        AlertKind.ENERGY_OUTLIER,
        AlertKind.ENERGY_STEP,
        AlertKind.SPECTRUM_ANOMALY,
        AlertKind.TRIPLET_ANOMALY,
        AlertKind.INCOMPLETE_TRIPLET,
        AlertKind.DEVICE_STATE,
        AlertKind.DEVICE_SILENT,
    }
)


#: What is about no stage, and covered while all of them are under maintenance: then nobody is to record. Idle stages
#: cover nothing of it, since only records end their idleness.
COVERED_BY_ALL = frozenset({AlertKind.DATA_STOPPED})


class Cause(StrEnum):
    """By what a stage is suppressed."""

    IDLE = "idle"
    MAINTENANCE = "maintenance"

    def covers(self, kind: AlertKind) -> bool:
        """Whether alarms of this kind are covered; maintenance covers all of its stage."""
        return self is Cause.MAINTENANCE or kind in COVERED_WHEN_IDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One stretch of it.

    Attributes
    ----------
    stage
        As it is written: ``LA-A3-31``.
    until_ns
        When it ends by itself; None: never.
    by, why
        Who began it, and why; empty of an idle stage.
    ended_ns, ended_by
        When it ended, and who ended it; None while it is in force, empty when it ended by itself.
    """

    number: int
    stage: str
    cause: Cause
    from_ns: int
    until_ns: int | None = None
    by: str = ""
    why: str = ""
    ended_ns: int | None = None
    ended_by: str = ""
