"""A watch that is killed at any point goes on and ends with what an undisturbed one gives."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.crashes import Crash, crash_at
from tests.support.watch_results import WatchResults, assert_same_results, assert_tidy, commit_number, read_results
from tests.support.watching import petawatch, petawatch_running, wait_until, watch_once

_KILLS = 3

#: Files are committed in several units, so that a crash often falls into the middle of one; the rest of a file is cut
#: as its beginning was, whatever the settings say then.
_CUTS = [{"unit_bytes": 2_000_000, "block_records": 64}, {"unit_bytes": 900_000, "block_records": 10}]

_STEPS = [
    ("connectors.state.directory", "StateDirectory.commit", 2),
    ("connectors.state.directory", "store_feed", 2),  # in the middle of a transaction
    ("connectors.state.directory", "store_pending", 2),  # its last statement
    ("connectors.evidence_store", "_write_whole", 2),
    ("streams.commit_builder", "CommitBuilder._observe", 1),  # right after a commit
    ("connectors.state.row_store", "transaction", 1),  # the parts are staged, and not listed
    ("connectors.state.row_store", "publish", 2),  # the parts are listed, and not in their places
]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 7))])
def test_killed_at_random_points(seed: int, day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    state = tmp_path / "state"
    random = np.random.default_rng(seed)
    command = ("watch", day, "--state", state, "--once")
    kills = 0
    while kills < _KILLS:
        commits = commit_number(state) + int(random.integers(1, 14))
        cut = _CUTS[kills % 2]
        environment = {f"PETAWATCH_UNITS__{name.upper()}": str(value) for name, value in cut.items()}
        with petawatch_running(*command, environment=environment) as process:
            wait_until(lambda: process.poll() is not None or commit_number(state) >= commits, every_s=0.01)  # noqa: B023
            time.sleep(float(random.random()) * 0.2)
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            kills += 1
    assert kills
    ended = petawatch(*command)
    assert ended.returncode == 0, ended.stderr
    assert_same_results(read_results(state), undisturbed)
    assert_tidy(state)


def test_crashed_once_in_each_step(
    day: Path, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    for where, name, times in _STEPS:
        with crash_at(monkeypatch, where, name, times), pytest.raises(Crash):
            watch_once(day, state)
    assert_same_results(watch_once(day, state), undisturbed)
    assert_tidy(state)


def test_crashed_before_and_after_every_third_commit(
    day: Path, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run gets three units further, until one comes to its end."""
    state = tmp_path / "state"
    results = None
    runs = 0
    while results is None:
        before = ("connectors.state.directory", "StateDirectory.commit", 4)
        after = ("streams.commit_builder", "CommitBuilder._observe", 3)
        with crash_at(monkeypatch, *(before if runs % 2 else after)):
            try:
                results = watch_once(day, state, units=_CUTS[runs % 2])
            except Crash:
                runs += 1
    assert runs > 10
    assert_same_results(results, undisturbed)
    assert_tidy(state)


def test_a_snapshot_that_was_missing_is_told_of_also_after_a_crash(
    snapshots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the files is saved with the first commit: what was missing must be in it."""
    folder = tmp_path / "data" / "10Hz" / "2022-07-01"
    folder.mkdir(parents=True)
    for minute in (30, 31, 32, 34):
        shutil.copyfile(snapshots[0], folder / snapshots[0].name.replace("09-30", f"09-{minute}"))
    expected = watch_once(tmp_path / "data", tmp_path / "undisturbed")
    assert [alert["status"] for alert in expected.alerts_of("snapshot_missing")] == ["closed"]
    in_third = crash_at(monkeypatch, "connectors.state.directory", "StateDirectory.commit", 3)
    with in_third, pytest.raises(Crash):
        watch_once(tmp_path / "data", tmp_path / "state")
    assert_same_results(watch_once(tmp_path / "data", tmp_path / "state"), expected)
