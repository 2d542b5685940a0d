"""What a watch shows on its live board while it works: what the rows say, with the frames that the files hold."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from connectors.live_board import BOARD_NAME, LiveBoardReader
from models.devices import RecordKind
from tests.support.shown_frames import assert_shows_its_frame
from tests.support.watch_results import WatchResults
from tests.support.watching import deliver, wait_until, watch_live


def test_the_board_shows_each_device_as_its_row_and_its_frame_say(
    day: Path, snapshots: list[Path], undisturbed: WatchResults, session_folder: Path
) -> None:
    with LiveBoardReader(session_folder / "undisturbed" / BOARD_NAME) as reader:
        shown = {reading.device.name: reading for reading in reader.readings()}
    table = undisturbed.shots
    devices, times_ns = table["device"].to_pylist(), table["event_time"].cast(pa.int64()).to_pylist()
    rows = dict(zip(zip(devices, times_ns, strict=True), table.to_pylist(), strict=True))
    assert set(shown) == set(devices)
    for reading in shown.values():
        row = rows[reading.device.name, reading.event_time_ns]
        assert (reading.known_score, reading.anomalous and not row["anomalous"]) == (row["score"], False)
        for name, value in reading.values.items():
            np.testing.assert_equal(value, row[name])
    cameras = [reading for reading in shown.values() if reading.device.kind is RecordKind.CAMERA and reading.valid]
    assert len(cameras) >= 2
    for camera in cameras:
        assert_shows_its_frame(camera, day, snapshots)


def test_a_running_watch_shows_a_snapshot_soon_after_it_is_closed(snapshots: list[Path], tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    with watch_live(data, state) as live, LiveBoardReader(state / BOARD_NAME) as reader:
        wait_until(lambda: reader.writer_start_ns is not None)
        assert reader.readings() == []
        deliver(snapshots[0], data / "5Hz" / "2022-07-01")
        wait_until(lambda: bool(live.failures) or len(reader.readings()) >= 3)
        assert {reading.device.kind for reading in reader.readings()} == set(RecordKind) - {RecordKind.OTHER}
