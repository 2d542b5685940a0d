"""Which episodes are one incident, case by case: gap 10, same shots 2, span 100."""

from dataclasses import replace

import pytest

from models.alarms.incidents import Episode, IncidentGrouping, IncidentRules
from models.alerts.alert import AlertKind
from tests.support.alarms import alert, installation_alert

RULES = IncidentRules(gap_ns=10, same_shots_ns=2, span_ns=100)


def episode(first: int, last: int | None = None, place: str = "LA-A3-31", scope: str = "LA") -> Episode:
    """One that is over; without ``last`` it goes on."""
    return Episode(
        alert_id=f"{place}{first}",
        scope=scope,
        place=place,
        first_ns=first,
        last_ns=first if last is None else last,
        is_open=last is None,
    )


def together(*episodes: Episode, rules: IncidentRules = RULES) -> list[int]:
    """The number of the first episode of each one's incident."""
    grouping = IncidentGrouping(rules)
    where = [grouping.place(each) for each in episodes]
    return [where.index(incident) for incident in where]


@pytest.mark.parametrize(
    ("episodes", "incidents"),
    [
        ([episode(0, 5), episode(15, 20)], [0, 0]),  # the gap is included
        ([episode(0, 5), episode(16, 20)], [0, 1]),
        ([episode(16, 20), episode(0, 6)], [0, 0]),  # the earlier one was known later
        ([episode(0), episode(100)], [0, 0]),  # one that goes on
        ([episode(0), episode(101)], [0, 1]),  # but no incident takes in all that comes
        ([episode(0, 5), episode(2, place="LA-FE-00")], [0, 0]),
        ([episode(0, 5), episode(3, place="LA-FE-00")], [0, 1]),  # other shots
        ([episode(0, 5), episode(0, place="LB-FE-00", scope="LB")], [0, 1]),
        ([episode(0), episode(99), episode(101, place="LA-FE-00")], [0, 0, 2]),  # too long after its beginning
        ([episode(0, 5), episode(30, 35), episode(12, 22)], [0, 1, 0]),  # what would connect two joins the earlier
        ([episode(0, 1, "LA-FE-00"), episode(8, 9), episode(9, place="LA-FE-00")], [0, 1, 0]),  # the own stage first
    ],
)
def test_what_belongs_together(episodes: list[Episode], incidents: list[int]) -> None:
    assert together(*episodes) == incidents


def test_of_one_place_it_is_the_gap_that_counts_and_not_the_shots() -> None:
    assert together(episode(0, 0), episode(1, 1), rules=replace(RULES, gap_ns=0)) == [0, 1]


def test_one_that_goes_on_and_ends_is_taken_for_what_it_is() -> None:
    grouping = IncidentGrouping(RULES)
    incident = grouping.place(episode(0))
    grouping.changed(episode(0, 30), incident)
    assert grouping.place(episode(40, 41)) == incident
    assert grouping.place(episode(52, 53)) != incident


def test_what_is_about_no_stage_is_an_incident_of_its_part() -> None:
    tapes = [installation_alert(AlertKind.TAPE_TROUBLE, where) for where in ("tape/PW1", "tape/PW2")]
    assert {Episode.of_alert(tape).scope for tape in tapes} == {"tape"}
    lags = [installation_alert(AlertKind.PIPELINE_LAG, where) for where in ("image/0", "join/1")]
    assert {Episode.of_alert(lag).scope for lag in lags} == {"pipeline"}
    missing = installation_alert(AlertKind.SNAPSHOT_MISSING, "10Hz/LA_a")
    assert (Episode.of_alert(missing).scope, Episode.of_alert(missing).place) == ("10Hz/LA_a", "10Hz/LA_a")
    assert (Episode.of_alert(alert()).scope, Episode.of_alert(alert()).place) == ("LA", "LA-A3-31")
