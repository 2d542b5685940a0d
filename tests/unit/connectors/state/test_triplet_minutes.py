from pathlib import Path

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.devices import Stage
from models.event_time import MINUTE_NS
from tests.unit.connectors.state.examples import START_NS, triplets

STAGES = [Stage("LA", "A3", "32"), Stage("LA", "A3", "31"), Stage("LB", "A1", "11")]


def test_minutes_of_all_stages_come_by_minute_then_stage(tmp_path: Path) -> None:
    first = START_NS // MINUTE_NS * MINUTE_NS
    with StateDirectory.open(tmp_path) as state:
        assert (state.triplet_minutes(), state.triplet_span()) == ([], None)
        for number, stage in enumerate(STAGES):
            state.commit(
                Commit(
                    triplets=[
                        triplets(start_ns=first + minute * MINUTE_NS, stage=stage)
                        for minute in range(number, number + 3)
                    ]
                )
            )
        assert state.triplet_span() == (first, first + 4 * MINUTE_NS)
        found = state.triplet_minutes(first + MINUTE_NS, first + 3 * MINUTE_NS)
        assert [(minute.minute_ns - first) // MINUTE_NS for minute in found] == [1, 1, 2, 2, 2]
        assert [minute.stage for minute in found] == sorted(STAGES[:2]) + sorted(STAGES)
        assert {(minute.complete, minute.incomplete, minute.idle, minute.anomalous) for minute in found} == {
            (8, 1, 1, 1)
        }
        assert len(state.triplet_minutes()) == 9
        assert [minute.minute_ns for minute in state.triplet_minutes(first + 4 * MINUTE_NS)] == [first + 4 * MINUTE_NS]
