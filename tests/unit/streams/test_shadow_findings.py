"""What a shadow found is read from the checkpoint, with what operators said of production's alerts."""

from pathlib import Path

import numpy as np
import pytest

from connectors.control_room.decisions import OperatorDecisions
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.errors import FatalError
from models.images.shadow_comparison import ComparedAlert, ShadowComparison, ShadowCounts
from models.state import State, encode_state
from streams.device_stages import device_key
from streams.shadow_findings import JudgedAlerts, read_findings, shadow_document
from tests.support.beam_camera import CAMERA


def saved(comparison: ShadowComparison) -> State:
    return {"model": "new", "learned": True, "stage": {"scores": {}}} | comparison.state()


def put(state: Path, device_state: State) -> None:
    directory = StateDirectory.open(state)
    directory.commit(Commit(stage_states={device_key(CAMERA): encode_state(device_state)}))
    directory.close()


def test_verdicts_are_set_against_the_alerts(tmp_path: Path) -> None:
    comparison = ShadowComparison("old")
    comparison.add_frames(np.arange(5, dtype=np.int64), np.zeros(5, np.bool_), np.ones(5, np.bool_))
    for number, shared in enumerate([True, False, True, True]):
        comparison.alerts_production.append(
            ComparedAlert(id=f"alert-{number}", first_ns=number, last_ns=number, shared=shared)
        )
    put(tmp_path, {"shadow": saved(comparison)})
    for alert_id, verdict in (
        ("alert-0", Verdict.FALSE),
        ("alert-1", Verdict.TRUE),
        ("alert-2", Verdict.UNCLEAR),
        ("alert-0", Verdict.TRUE),
        ("alert-3", Verdict.FALSE),
        ("of another device", Verdict.FALSE),
    ):
        OperatorDecisions(tmp_path).add_verdict(
            EpisodeVerdict(alert_id=alert_id, verdict=verdict, reason="", by="ana", at_ns=1)
        )
    [(name, finding)] = read_findings(tmp_path).items()
    assert name == CAMERA.name
    assert finding.judged == JudgedAlerts(true=2, true_shared=1, false=1, false_shared=1)
    assert (finding.model, finding.production, finding.going_on) == ("new", "old", True)
    assert finding.counts == ShadowCounts(frames=5, odd_shadow=5)
    document = shadow_document(name, finding)
    assert document["last"] == "1970-01-01T00:00:00.000Z"
    assert document["judged"] == {"true": 2, "true_shared": 1, "false": 1, "false_shared": 1}


def test_without_a_shadow_it_says_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, {"scores": {"model": "old"}})
    with pytest.raises(FatalError, match="promote VERSION --as shadow") as error:
        read_findings(tmp_path)
    assert error.value.reason == "no_shadow"
