"""States that a one-process watch archives, whatever its recorders' clocks say."""

import shutil
from pathlib import Path

from connectors.clock import SystemClock
from connectors.spool_listing import scan
from connectors.state.reader import StateReader
from models.snapshot_sequence import snapshot_order
from streams.settings import load_settings
from streams.watch import open_watch


def test_a_snapshot_of_the_future_is_refused_and_ends_no_states(day: Path, tmp_path: Path) -> None:
    files = sorted(scan([day], SystemClock())[0], key=lambda file: snapshot_order(file.relative))
    first = files[0]
    later = tmp_path / "data" / first.relative.replace("2022-07-01", "2099-07-01")
    later.parent.mkdir(parents=True)
    shutil.copy2(first.path, later)
    [future] = scan([tmp_path / "data"], SystemClock())[0]
    settings = load_settings(None, archive={"store": str(tmp_path / "store"), "state_every_s": 60.0})
    with open_watch([], tmp_path / "state", settings) as watch:
        watch.go_on_with([*files[:2], future, *files[2:]])
    with StateReader.open(tmp_path / "state") as reader:
        record = reader.known_file(future.relative)
    assert record is not None
    assert record.reason == "in_the_future"
    names = sorted(path.name[:8] for path in (tmp_path / "state" / "archive").glob("states/*/*"))
    assert names == ["09-30-59", "09-31-59"]
