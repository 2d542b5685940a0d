"""The same files give the same results, however they are cut, worked on and delivered."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.support.watch_results import WatchResults, assert_same_results, assert_same_rows, assert_tidy
from tests.support.watching import deliver, watch_live, watch_once

CUTS: list[dict[str, Any]] = [
    {"units": {"block_records": 1}},
    {"units": {"block_records": 7}, "threads": 1},
    {"units": {"unit_bytes": 1}, "threads": 4},
    {"units": {"unit_bytes": 1_500_000, "block_records": 33}, "threads": 2},
    {"units": {"block_records": 100_000, "unit_bytes": 1 << 40}, "threads": 2},
]


@pytest.mark.parametrize("cut", CUTS, ids=str)
def test_neither_cuts_nor_threads_change_anything(
    cut: dict[str, Any], day: Path, undisturbed: WatchResults, tmp_path: Path
) -> None:
    assert_same_results(watch_once(day, tmp_path / "state", **cut), undisturbed)
    assert_tidy(tmp_path / "state")


@pytest.mark.parametrize("seed", [1, 2])
def test_files_that_come_scrambled_while_it_watches(
    seed: int, day: Path, snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path
) -> None:
    scrambled = [snapshots[place] for place in np.random.default_rng(seed).permutation(len(snapshots))]
    records = undisturbed.ledger["records"]["read"]
    with watch_live(tmp_path / "data", tmp_path / "state", sequence={"reorder_wait_s": 2.0}) as live:
        for path in scrambled:
            deliver(path, tmp_path / "data" / path.parent.relative_to(day))
        live.until(lambda results: results.ledger["records"]["read"] == records)
    # What is still open is decided and closed by the end of the input.
    assert_same_results(watch_once(tmp_path / "data", tmp_path / "state"), undisturbed)
    assert_tidy(tmp_path / "state")


def test_one_recorder_for_each_device(
    day: Path, snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path
) -> None:
    for path in snapshots:
        split_by_device(path, tmp_path / "data" / path.parent.relative_to(day))
    found = watch_once(tmp_path / "data", tmp_path / "state")
    where = ("file", "sha256")
    assert_same_rows(found.shots, undisturbed.shots, without=where)
    assert_same_rows(found.triplets, undisturbed.triplets)
    assert [_without_source(alert) for alert in found.alerts] == [_without_source(a) for a in undisturbed.alerts]
    assert found.ledger["records"] == undisturbed.ledger["records"]
    assert found.ledger["balanced"]


def test_a_second_run_finds_nothing_to_do(day: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    watch_once(day, tmp_path / "state")
    assert_same_results(watch_once(day, tmp_path / "state"), undisturbed)


def split_by_device(path: Path, folder: Path) -> None:
    """The same records as the files of several recorders, each with one device."""
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "r") as source:
        devices = sorted({device for shot in source.values() for device in shot})
        for number, device in enumerate(devices):
            name = path.name.replace("-Recorder", f"{number}-Recorder")
            with h5py.File(folder / name, "w") as target:
                for time, shot in source.items():
                    if device in shot:
                        source.copy(shot[device], target.create_group(time), name=device)


def _without_source(alert: dict[str, Any]) -> dict[str, Any]:
    path = alert["source"]["path"].rpartition("/")[0] if not alert["device"] else alert["source"]["path"]
    return {**alert, "source": path}
