"""How bad an episode is, by its kind, its score and its length."""

from models.alerts.alert import AlertKind, Severity

#: Scored kinds: from these scores (-log10 of the corrected tail probability) on an episode is of medium, high severity.
MEDIUM_SCORE = 5.0
HIGH_SCORE = 8.0

_LOW_MEDIUM_HIGH = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
# Rules have no score: what they mean for the optics decides.
_RULE_SEVERITY = {
    AlertKind.STUCK_FRAME: Severity.MEDIUM,  # nobody watches that beam any more
    AlertKind.NO_BEAM: Severity.HIGH,  # energy goes somewhere, and not where the camera looks
    AlertKind.DRIFT: Severity.LOW,  # slow enough for a person to decide
    AlertKind.ENERGY_STEP: Severity.MEDIUM,
    AlertKind.DEVICE_STATE: Severity.HIGH,  # the devices whose loss nobody notices are what operators fear
    AlertKind.DEVICE_SILENT: Severity.HIGH,
    AlertKind.SNAPSHOT_MISSING: Severity.MEDIUM,
    AlertKind.SNAPSHOT_REJECTED: Severity.LOW,
    AlertKind.PIPELINE_LAG: Severity.MEDIUM,  # alerts come, but late
    AlertKind.CONNECTOR_BEHIND: Severity.HIGH,  # nobody watches what that recorder writes
    AlertKind.DATA_STOPPED: Severity.MEDIUM,  # nobody watches, but most often the laser simply rests
    AlertKind.TAPE_TROUBLE: Severity.HIGH,  # copies that were relied on may be lost
    AlertKind.RECEIVER_FAILING: Severity.HIGH,  # alerts that nobody saw are none
    AlertKind.ARCHIVE_LATE: Severity.MEDIUM,  # the files are on one disk only
    AlertKind.TAPE_WANTED: Severity.MEDIUM,  # nothing is lost while it waits, but disks fill up
}
# A single lost record is a nuisance, a storm of them blinds the stage.
_INCOMPLETE_MEDIUM_SHOTS = 10
_INCOMPLETE_HIGH_SHOTS = 100


def severity_of(kind: AlertKind, score: float = 0.0, shots: int = 1) -> Severity:
    """How bad an episode is.

    ======================================  =====================================================
    kind                                    severity
    ======================================  =====================================================
    no_beam, device_state, device_silent,
    connector_behind, tape_trouble,
    receiver_failing                        high
    stuck_frame, energy_step,
    snapshot_missing, pipeline_lag,
    data_stopped, tape_wanted,
    archive_late                            medium
    snapshot_rejected, drift                low
    incomplete_triplet                      low; medium from 10 shots, high from 100 shots on
    all others, which have a score          low; medium from a score of 5, high from 8 on
    ======================================  =====================================================
    """
    if kind in _RULE_SEVERITY:
        return _RULE_SEVERITY[kind]
    if kind is AlertKind.INCOMPLETE_TRIPLET:
        return _LOW_MEDIUM_HIGH[(shots >= _INCOMPLETE_MEDIUM_SHOTS) + (shots >= _INCOMPLETE_HIGH_SHOTS)]
    return _LOW_MEDIUM_HIGH[(score >= MEDIUM_SCORE) + (score >= HIGH_SCORE)]
