"""The process of watch and keeper is killed anywhere: every alert is told once, and none is lost."""

import random
from pathlib import Path

import pytest

from connectors.control_room.database import reading
from connectors.control_room.reader import ControlRoomReader
from connectors.state.alarm_feed import AlarmFeed
from models.alarms.incident import IncidentState
from models.alarms.life_cycle import AlarmState
from tests.support.alarms import alert
from tests.support.killed_alarm_keeper import ALERTS, KilledAlarmKeepers

#: A watch that is left alone takes about 1,200.
_MOST_STEPS = 300


def messages(state: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with reading(state) as connection:
        for subject, type_ in connection.execute("SELECT subject_id, type FROM outbox ORDER BY id"):
            found.setdefault(subject, []).append(type_)
    return found


def kill_and_go_on(state: Path, seed: int, kills: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - steps, no secrets
    done = 0
    with KilledAlarmKeepers() as keepers:
        while done < kills and keepers.run(state, chance.randrange(1, _MOST_STEPS)):
            done += 1
        assert done == kills, "there is nothing left to be killed at"
        assert not keepers.run(state, 0)
    told = messages(state)
    for number in range(ALERTS):
        assert told.pop(alert(at_s=number * 10).id) == ["alert.opened", "alert.closed"]
    reader = ControlRoomReader(state)
    incidents = reader.incidents()
    assert sum(incident.episodes for incident in incidents) == ALERTS
    for incident in incidents:
        assert (incident.state, incident.open_episodes) == (IncidentState.CLOSED, 0)
        types = told.pop(incident.id)
        assert (types[0], types.count("incident.opened"), types[-1]) == ("incident.opened", 1, "incident.closed")
        assert len(types) == incident.revision  # none was lost, and none told twice
    assert told == {}
    [alarm] = reader.alarms()
    assert (alarm.state, alarm.life.announcements) == (AlarmState.RETURNED, ALERTS)
    feed = AlarmFeed(state)
    assert feed.next(1) == []
    feed.close()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_five_kills(tmp_path: Path, seed: int) -> None:
    kill_and_go_on(tmp_path, seed=seed, kills=5)
