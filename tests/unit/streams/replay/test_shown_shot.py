"""What the page of a shot says of its alert."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from models.alerts.alert import AlertStatus
from models.archive.archived_file import ArchivedFile
from models.errors import RetryableError
from streams.replay.shown_shot import ShotEvidence, page_of_shot
from streams.replay.sources import JoinedSource
from streams.settings import Settings, load_settings
from tests.unit.connectors.state.examples import alert_event

ALERT = alert_event().alert


@dataclass(frozen=True)
class NoFiles:
    """The snapshots can't be had."""

    settings: Settings
    source: JoinedSource

    def fetch(self, files: Sequence[ArchivedFile]) -> dict[str, Path]:
        assert not files
        raise RetryableError("the catalog is away", reason="catalog")


@pytest.mark.parametrize(
    ("status", "words"), [(AlertStatus.OPEN, "open when this page was made"), (AlertStatus.CLOSED, "closed")]
)
def test_the_status_of_the_alert_and_a_score_that_there_is_not(status: AlertStatus, words: str) -> None:
    alert = replace(ALERT, status=status, score=0.0)
    evidence = ShotEvidence(None, alert.first_shot_ns, "no evidence")
    page = page_of_shot(alert, evidence, NoFiles(load_settings(None), JoinedSource([])))
    assert f"<td>status</td><td>{words}</td>" in page
    assert "<td>score</td><td>-</td>" in page
    assert "of the shots around it nothing can be shown: the catalog is away" in page
