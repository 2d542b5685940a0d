"""Where what several stages saw at once began."""

import pytest

from models.alarms.likely_origin import likely_origin, place_in_chain
from models.devices import Stage

FE, A1, A12, A2, A3, A32 = (
    Stage("LA", *parts)
    for parts in (("FE", "00"), ("A1", "11"), ("A1", "12"), ("A2", "00"), ("A3", "31"), ("A3", "32"))
)
OTHER = Stage("LB", "A1", "11")
DIAGNOSTIC = Stage("LA", "TW", "00")


@pytest.mark.parametrize(
    ("first_shots", "origin"),
    [
        ({}, None),
        ({A3: 0}, None),  # one stage alone: nothing says that it did not begin there, and nothing that it did
        ({A3: 0, A2: 1}, A2),
        ({A3: 0, A2: 2, FE: 1}, FE),
        ({A3: 0, A2: 2, FE: 3}, A2),  # the front end came too late to be the cause
        ({A3: 0, A32: 0}, None),  # arms side by side
        ({A3: 0, A32: 0, A2: 0}, A2),
        ({A1: 0, A12: 0, A3: 0}, None),  # it began before the arms part, where nothing was odd
        ({A3: 0, DIAGNOSTIC: 0}, A3),
        ({A3: 0, OTHER: 0}, None),  # light does not go from one laser arm to the other
    ],
)
def test_the_first_in_the_chain_is_named(first_shots: dict[Stage, int], origin: Stage | None) -> None:
    assert likely_origin(first_shots, 2) == origin


def test_stages_are_in_the_order_of_the_light() -> None:
    assert sorted([DIAGNOSTIC, A32, A3, OTHER, A2, A1, FE], key=place_in_chain) == [
        *(FE, A1, A2, A3, A32, DIAGNOSTIC),
        OTHER,
    ]
