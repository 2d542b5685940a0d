"""Every kind of alarm says what it means, what to check and whom to call."""

from models.alarms.guidance import GUIDANCE
from models.alarms.suppression import Cause
from models.alerts.alert import AlertKind


def test_every_kind_has_its_texts() -> None:
    assert set(GUIDANCE) == set(AlertKind)
    for guidance in GUIDANCE.values():
        for text in (guidance.rationale, guidance.meaning, guidance.check):
            assert text[0] == "`" or text[0].isupper() or ":" in text.split()[0]
            assert text.endswith(".")
        assert guidance.call


def test_maintenance_covers_all_and_an_idle_stage_what_says_nothing_then() -> None:
    assert all(Cause.MAINTENANCE.covers(kind) for kind in AlertKind)
    never = (
        *(AlertKind.IMAGE_ANOMALY, AlertKind.DRIFT, AlertKind.SNAPSHOT_MISSING, AlertKind.SNAPSHOT_REJECTED),
        *(AlertKind.PIPELINE_LAG, AlertKind.TAPE_TROUBLE, AlertKind.TAPE_WANTED, AlertKind.ARCHIVE_LATE),
    )
    assert not any(Cause.IDLE.covers(kind) for kind in never)
    assert Cause.IDLE.covers(AlertKind.NO_BEAM)
