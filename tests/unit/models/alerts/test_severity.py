"""How bad an episode is."""

import pytest

from models.alerts.alert import AlertKind, Severity
from models.alerts.severity import severity_of


@pytest.mark.parametrize(
    ("kind", "score", "shots", "severity"),
    [
        (AlertKind.IMAGE_ANOMALY, 4.9, 900, Severity.LOW),
        (AlertKind.IMAGE_ANOMALY, 5.0, 1, Severity.MEDIUM),
        (AlertKind.IMAGE_ANOMALY, 8.0, 1, Severity.HIGH),
        (AlertKind.NO_BEAM, 0.0, 1, Severity.HIGH),
        (AlertKind.INCOMPLETE_TRIPLET, 0.0, 9, Severity.LOW),
        (AlertKind.INCOMPLETE_TRIPLET, 0.0, 10, Severity.MEDIUM),
        (AlertKind.INCOMPLETE_TRIPLET, 0.0, 100, Severity.HIGH),
    ],
)
def test_severity(kind: AlertKind, score: float, shots: int, severity: Severity) -> None:
    assert severity_of(kind, score, shots) is severity
