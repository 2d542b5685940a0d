"""Alerts about snapshots: one that could not be read, one that did not come."""

from models.alerts.alert import Alert, AlertChange, AlertEvent, AlertKind, AlertSource, AlertStatus, alert_id
from models.alerts.severity import severity_of
from models.devices import SINGLE_ARM, Stage
from models.records import SourceReference

_CHANGE = {AlertStatus.OPEN: AlertChange.OPENED, AlertStatus.CLOSED: AlertChange.CLOSED}


def snapshot_alert(
    kind: AlertKind,
    source: SourceReference,
    *,
    front_end: str,
    start_ns: int,
    reason: str,
    status: AlertStatus,
) -> AlertEvent:
    """An alert about one snapshot file.

    Parameters
    ----------
    kind
        ``SNAPSHOT_REJECTED``, or ``SNAPSHOT_MISSING``, whose source names the series instead of a file.
    front_end
        As the file's name says; may be empty.
    start_ns
        When the snapshot begins, or should have begun.
    reason
        The bounded reason.
    """
    alert = Alert(
        id=alert_id(source, kind, start_ns),
        kind=kind,
        severity=severity_of(kind),
        status=status,
        stage=Stage(front_end, "", SINGLE_ARM),
        device="",
        first_shot_ns=start_ns,
        last_shot_ns=start_ns,
        shots=0,
        score=0.0,
        reasons=(reason,),
        model="",
        source=AlertSource(file=source.file, sha256=source.sha256, path=""),
    )
    return AlertEvent(change=_CHANGE[status], alert=alert)
