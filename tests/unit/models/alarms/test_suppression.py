"""Which incidents lie only where somebody works."""

import pytest

from models.alarms.suppression import Cause, Suppression, under_maintenance
from models.devices import Stage

WORKED_AT = [
    Suppression(number=1, stage="LA-A2-00", cause=Cause.MAINTENANCE, from_ns=0, by="anna", why="lens"),
    Suppression(number=2, stage="LA-A3-31", cause=Cause.MAINTENANCE, from_ns=0, by="ben", why="crystal"),
    Suppression(number=3, stage="LB-A1-11", cause=Cause.IDLE, from_ns=0),
]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (["LA-A2-00"], True),
        (["LA-A2-00", "LA-A3-31"], True),
        (["LA-A2-00", "LA-A3-32"], False),  # the other one is somebody's to see
        (["LB-A1-11"], False),  # idle only: nobody works there
        ([], False),
    ],
)
def test_an_incident_calls_nobody_where_all_its_stages_are_under_maintenance(
    stages: list[str], *, expected: bool
) -> None:
    assert under_maintenance([Stage.parse(stage) for stage in stages], WORKED_AT) is expected


def test_without_maintenance_none_is_covered() -> None:
    assert not under_maintenance([Stage.parse("LA-A2-00")], [])
