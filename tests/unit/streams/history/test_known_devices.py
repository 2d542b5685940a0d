from pathlib import Path

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.event_time import MINUTE_NS
from streams.device_stages import device_key
from streams.history.known_devices import known_devices, latest_minute_end, stages_of
from tests.unit.connectors.state.examples import CAMERA, METER, PUMP, START_NS, decided, triplets

MINUTE = START_NS // MINUTE_NS * MINUTE_NS


def test_a_watch_tells_its_devices_by_their_states_a_recorder_by_its_latest_rows(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        assert known_devices(state) == []
        assert latest_minute_end(state) is None
        state.commit(Commit(decided=[decided(METER)]))
        assert latest_minute_end(state) == MINUTE + MINUTE_NS
        state.commit(Commit(decided=[decided(CAMERA), decided(METER)], triplets=[triplets()]))
        assert known_devices(state) == [CAMERA, METER]
        state.commit(Commit(stage_states={device_key(PUMP): b"state", "runner": b"state"}))
        assert known_devices(state) == [PUMP]


def test_devices_by_stage() -> None:
    assert stages_of([METER, PUMP, CAMERA]) == {PUMP.stage: [PUMP], CAMERA.stage: [CAMERA, METER]}
