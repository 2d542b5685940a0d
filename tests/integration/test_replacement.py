"""New content under a known path supersedes the old: everything counts once, and shots come together again."""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import pyarrow as pa
import pytest

from tests.integration.test_determinism import split_by_device
from tests.support.crashes import Crash, crash_at
from tests.support.watch_results import WatchResults, assert_same_rows, assert_tidy, read_results
from tests.support.watching import deliver, watch_live, watch_once

#: What a replacement may change: it is scored without learning, from what was learned since.
_LEARNED = (
    "scoring",
    "score",
    "anomalous",
    "reasons",
    "residual_max_z",
    "latent_distance",
    "moments_distance",
    "energy_smooth_j",
    "energy_z",
    "spectrum_max_z",
    "spectrum_moments_distance",
    "sha256",
)


@pytest.fixture
def data(day: Path, tmp_path: Path) -> Path:
    """A copy of the day that a test may change."""
    return Path(shutil.copytree(day, tmp_path / "data"))


def _late_one(data: Path) -> Path:
    """A snapshot in the middle of the day."""
    [path] = data.rglob("LA_CameraComputer01*09-31*")
    return path


def _assert_replaced(found: WatchResults, expected: WatchResults, *, files: dict[str, int]) -> None:
    """The account and the triplets are those of a folder that had the good files from the start."""
    assert found.ledger["balanced"], found.ledger
    assert found.ledger["records"] == expected.ledger["records"]
    assert found.ledger["files"] == files
    assert_same_rows(found.shots, expected.shots, without=_LEARNED)
    assert_same_rows(found.triplets, expected.triplets, without=("score", "anomalous", "reasons"))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


def _garbage(path: Path) -> None:
    path.write_bytes(b"no snapshot" * 100)


def _without_the_meter(path: Path) -> None:
    with h5py.File(path, "a") as file:
        for shot in file.values():
            for device in [name for name in shot if "EnergyMeter" in name]:
                del shot[device]


@pytest.mark.parametrize("damage", [_empty, _cut_off, _garbage])
@pytest.mark.parametrize("unit_bytes", [64 << 20, 2_000_000])
def test_a_damaged_file_is_replaced_by_the_good_one(
    damage: Any, unit_bytes: int, day: Path, data: Path, undisturbed: WatchResults, tmp_path: Path
) -> None:
    path = _late_one(data)
    damage(path)
    state, units = tmp_path / "state", {"unit_bytes": unit_bytes, "block_records": 50}
    before = watch_once(data, state, units=units)
    assert [alert["status"] for alert in before.alerts_of("snapshot_rejected")] == ["open"]
    assert before.ledger["balanced"]
    shutil.copyfile(day / path.relative_to(data), path)
    after = watch_once(data, state, units=units)
    files = {"accepted": 6, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    _assert_replaced(after, undisturbed, files=files)
    assert [alert["status"] for alert in after.alerts_of("snapshot_rejected")] == ["closed"]
    assert_tidy(state)


def test_crashes_in_the_middle_of_a_replacement(
    day: Path, data: Path, undisturbed: WatchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, state = _late_one(data), tmp_path / "state"
    _cut_off(path)
    watch_once(data, state)
    shutil.copyfile(day / path.relative_to(data), path)
    for _ in range(4):  # a unit further each time
        with crash_at(monkeypatch, "connectors.state.directory", "StateDirectory.commit", 2), pytest.raises(Crash):
            watch_once(data, state, units={"unit_bytes": 2_000_000, "block_records": 32})
    files = {"accepted": 6, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    _assert_replaced(watch_once(data, state), undisturbed, files=files)
    assert_tidy(state)


def test_touched_is_skipped_and_good_again_is_good(data: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    path, state = _late_one(data), tmp_path / "state"
    good = path.read_bytes()
    watch_once(data, state)
    os.utime(path)
    touched = watch_once(data, state)
    assert touched.ledger["files"] == {**undisturbed.ledger["files"], "skipped": 1}
    assert_same_rows(touched.shots, undisturbed.shots)

    _cut_off(path)  # what is damaged never takes the place of what was whole
    damaged = watch_once(data, state)
    assert damaged.ledger["files"] == {"accepted": 5, "rejected": 1, "replaced": 0, "skipped": 1, "ignored": 0}
    assert [alert["status"] for alert in damaged.alerts_of("snapshot_rejected")] == ["open"]
    assert_same_rows(damaged.shots, undisturbed.shots)

    path.write_bytes(good)
    mended = watch_once(data, state)
    assert mended.ledger["files"] == {**undisturbed.ledger["files"], "skipped": 2}
    assert [alert["status"] for alert in mended.alerts_of("snapshot_rejected")] == ["closed"]
    assert_same_rows(mended.shots, undisturbed.shots)
    assert mended.ledger["balanced"]


def test_a_damaged_file_that_is_touched_is_told_of_once(data: Path, tmp_path: Path) -> None:
    path, state = _late_one(data), tmp_path / "state"
    _garbage(path)
    watch_once(data, state, webhook_urls=("http://127.0.0.1:9/",))
    os.utime(path)
    results = watch_once(data, state)
    assert len(results.alerts_of("snapshot_rejected")) == 1
    _empty(path)
    results = watch_once(data, state)
    assert [alert["reasons"] for alert in results.alerts_of("snapshot_rejected")] == [["empty"]]


def test_another_version_and_back(day: Path, data: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    path, state = _late_one(data), tmp_path / "state"
    good = path.read_bytes()
    _without_the_meter(path)
    without = watch_once(data, state)
    assert without.ledger["balanced"]
    path.write_bytes(good)
    files = {"accepted": 6, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    _assert_replaced(watch_once(data, state), undisturbed, files=files)
    _without_the_meter(path)
    again = watch_once(data, state)
    assert again.ledger["balanced"]
    assert again.ledger["files"]["replaced"] == 2
    counts = Counter(row["kind"] for row in again.shots.select(["kind"]).to_pylist())
    assert counts == Counter({"camera": 1800, "energy_meter": 1500, "spectrometer": 1800})
    assert again.ledger["records"]["incomplete"] > undisturbed.ledger["records"]["incomplete"] + 500


def test_one_recorder_of_a_stage_is_replaced(snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path) -> None:
    """The shots of a minute come together from the files that stayed and from the one that came again."""
    data, state = tmp_path / "data", tmp_path / "state"
    for path in snapshots:
        split_by_device(path, data / "5Hz" / "2022-07-01")
    [camera, *_] = sorted(data.rglob("LA_CameraComputer010*09-32*"))
    good = camera.read_bytes()
    _garbage(camera)
    before = watch_once(data, state)
    assert before.ledger["balanced"]
    assert before.ledger["records"]["incomplete"] > 500
    camera.write_bytes(good)
    after = watch_once(data, state)
    assert after.ledger["balanced"]
    assert after.ledger["records"] == undisturbed.ledger["records"]
    assert_same_rows(after.shots, undisturbed.shots, without=(*_LEARNED, "file"))
    assert_same_rows(after.triplets, undisturbed.triplets, without=("score", "anomalous", "reasons"))


def test_a_stage_that_only_the_old_content_had(day: Path, tmp_path: Path) -> None:
    """Two stages in one file, of which the new content has one: the other one's shots are gone."""
    data, state = tmp_path / "data", tmp_path / "state"
    first, second = sorted(day.rglob("*09-31*"))
    folder = data / "5Hz" / "2022-07-01"
    deliver(first, folder)
    with h5py.File(folder / first.name, "a") as target, h5py.File(second, "r") as source:
        for time, shot in source.items():
            for device in shot:
                source.copy(shot[device], target.require_group(time), name=device)
    assert _arms(watch_once(data, state).triplets) == Counter({"31": 300, "32": 300})
    shutil.copyfile(first, folder / first.name)
    after = watch_once(data, state)
    assert _arms(after.triplets) == Counter({"31": 300})
    assert _arms(after.shots) == Counter({"31": 900})
    assert after.ledger["records"]["read"] == 900
    assert after.ledger["balanced"]


def test_replaced_while_it_watches(snapshots: list[Path], undisturbed: WatchResults, tmp_path: Path) -> None:
    """A damaged file is transferred again while the next ones come and shots wait in the join."""
    data, state = tmp_path / "data", tmp_path / "state"
    folder = data / "5Hz" / "2022-07-01"
    with watch_live(data, state) as live:
        for path in snapshots[:2]:
            deliver(path, folder)
        live.until(lambda results: results.ledger["files"]["accepted"] == 2)
        aside = tmp_path / snapshots[2].name
        shutil.copyfile(snapshots[2], aside)
        _cut_off(aside)
        deliver(aside, folder)
        live.until(lambda results: results.ledger["files"]["rejected"] == 1)
        deliver(snapshots[3], folder)
        deliver(snapshots[2], folder)
        for path in snapshots[4:]:
            deliver(path, folder)
        live.until(lambda results: results.ledger["files"]["accepted"] == 6)
    after = watch_once(data, state)
    files = {"accepted": 6, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    _assert_replaced(after, undisturbed, files=files)
    assert read_results(state).ledger["records"]["pending"] == 0


def _arms(table: pa.Table) -> Counter[str]:
    return Counter(table["arm"].to_pylist())
