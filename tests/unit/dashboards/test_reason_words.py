"""Every reason that an alert may have is told in words."""

import re
from dataclasses import replace

import pytest

from connectors.snapshots.reader import open_snapshot
from dashboards.reason_words import why
from models.alerts.alert import Alert, AlertKind
from models.alerts.explanation import NO_EXPLANATION
from models.alerts.facility_alerts import ArchiveReason, BehindReason, ReceiverReason, StopReason, TapeReason
from models.results import Reason
from tests.unit.connectors.state.examples import alert_event

OF_FILES = re.findall(r"``(\w+)``", (open_snapshot.__doc__ or "").partition("Raises")[2])


def alert(*reasons: str, kind: AlertKind = AlertKind.IMAGE_ANOMALY) -> Alert:
    return replace(alert_event().alert, kind=kind, reasons=reasons, explanation=NO_EXPLANATION)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        *((AlertKind.IMAGE_ANOMALY, word) for reason in Reason for word in reason.words()),
        *((AlertKind.SNAPSHOT_REJECTED, word) for word in OF_FILES),
        (AlertKind.SNAPSHOT_MISSING, "not_delivered"),
        *((kind, word) for kind in (AlertKind.PIPELINE_LAG, AlertKind.CONNECTOR_BEHIND) for word in BehindReason),
        *((AlertKind.ARCHIVE_LATE, word) for word in ArchiveReason),
        *((AlertKind.DATA_STOPPED, word) for word in StopReason),
        *((AlertKind.RECEIVER_FAILING, word) for word in ReceiverReason),
        *((kind, word) for kind in (AlertKind.TAPE_TROUBLE, AlertKind.TAPE_WANTED) for word in TapeReason),
    ],
)
def test_every_reason_has_words(kind: AlertKind, reason: str) -> None:
    words = why(alert(reason, kind=kind))
    assert words != reason
    assert " " in words
    assert "_" not in re.sub(r"reading\.\w+", "", words)


def test_what_is_missing_is_named_once() -> None:
    assert why(alert("incomplete", "missing_image", "missing_energy")) == "no image came, no energy came"
    assert why(alert("incomplete")) == "the shot lacks something"


def test_silence_is_of_the_device_or_of_the_connector() -> None:
    assert "device" in why(alert("silent", kind=AlertKind.DEVICE_SILENT))
    assert "device" not in why(alert("silent", kind=AlertKind.CONNECTOR_BEHIND))


def test_a_measured_explanation_and_an_unknown_reason_stand_as_they_are() -> None:
    measured = replace(alert("residual"), explanation=replace(NO_EXPLANATION, text="beam moved 6.1 px"))
    assert why(measured) == "beam moved 6.1 px"
    assert why(alert("of a later version")) == "of a later version"
