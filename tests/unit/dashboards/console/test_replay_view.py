"""Rows of the pages of replays."""

from dataclasses import replace

import pytest

from connectors.alert_documents import alert_document
from dashboards.console.replay_view import found_rows
from models.alerts.alert import AlertKind
from models.devices import Stage
from tests.support.alarms import installation_alert

RECORDER = "5Hz/LA_CameraComputer09-Recorder"


@pytest.mark.parametrize(
    ("device", "stage", "where"),
    [
        ("LA_A3_31-EM_1-EnergyMeter-1", Stage("LA", "A3", "31"), "LA_A3_31-EM_1-EnergyMeter-1"),
        ("", Stage("LA", "A3", "31"), "LA-A3-31"),
        ("", Stage("LA", "", "00"), RECORDER),
    ],
)
def test_an_episode_is_of_a_device_a_stage_or_a_recorder(device: str, stage: Stage, where: str) -> None:
    alert = replace(installation_alert(AlertKind.SNAPSHOT_REJECTED, RECORDER), device=device, stage=stage)
    [row] = found_rows({"comparison": None, "alerts": [alert_document(alert)]})
    assert row.where == where
