from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.state.commit import Commit, SupersededRows
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.devices import Device, RecordKind, Stage
from models.errors import FatalError
from models.event_time import HOUR_NS, MINUTE_NS, SECOND_NS
from models.results import FEATURE_NAMES, Scoring
from streams.history.series import Series, SeriesHistory
from tests.unit.connectors.state.examples import CAMERA, METER, STAGE, START_NS, decided, source, triplets

COLUMNS = ("centroid_x_px", "score")
END_NS = START_NS + 10 * MINUTE_NS


def commit(state: StateDirectory, number: int, *, rows: int = 600) -> None:
    start = START_NS + number * MINUTE_NS
    blocks = [decided(device, rows, of=source(f"f{number}"), start_ns=start, seed=number) for device in (CAMERA, METER)]
    state.commit(Commit(decided=blocks, triplets=[triplets(rows, start_ns=start)]))


def plain(state: Path, from_ns: int, to_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """Times of the camera's rows, and values of those with beam, as the exported ones have them; NaN in the others."""
    with StateReader.open(state) as reader:
        blocks = reader.rows_between([CAMERA], from_ns, to_ns)
    column = FEATURE_NAMES[RecordKind.CAMERA].index("centroid_x_px")
    times = np.concatenate([block.scored.event_time_ns for block in blocks] or [np.zeros(0, np.int64)])
    values = np.concatenate([block.scored.features[:, column] for block in blocks] or [np.zeros(0)])
    fires = np.concatenate([block.scored.fires for block in blocks] or [np.zeros(0, np.bool_)])
    return times, np.where(fires, values, np.nan)


def agrees(series: Series, times: np.ndarray, values: np.ndarray) -> None:
    assert int(series.rows.sum()) == len(times)
    assert np.nanmin(series.least[:, 0]) == np.nanmin(values)
    assert np.nanmax(series.greatest[:, 0]) == np.nanmax(values)
    assert ((series.time_ns >= series.from_ns) & (series.time_ns < series.to_ns)).all()
    assert (np.diff(series.time_ns) > 0).all()


def test_rows_in_parts_and_buffered_ones_give_one_series(tmp_path: Path) -> None:
    history = SeriesHistory(tmp_path)
    with StateDirectory.open(tmp_path) as state:
        for number in range(4):
            commit(state, number)
        state.flush()
        commit(state, 4)
        for from_ns, to_ns in [
            (START_NS, END_NS),
            (START_NS, END_NS),  # the parts' sums are kept now
            (START_NS + 90 * SECOND_NS, START_NS + 4 * MINUTE_NS + SECOND_NS),
            (START_NS + HOUR_NS, START_NS + 2 * HOUR_NS),
        ]:
            times, values = plain(tmp_path, from_ns, to_ns)
            series = history.read(CAMERA, COLUMNS, from_ns, to_ns)
            assert len(series.time_ns) <= 2_000
            if len(times):
                agrees(series, times, values)
            else:
                assert len(series.time_ns) == 0


def test_what_was_superseded_is_gone_at_once_and_after_the_parts_were_written_anew(tmp_path: Path) -> None:
    history = SeriesHistory(tmp_path)
    with StateDirectory.open(tmp_path) as state:
        commit(state, 0)
        state.flush()
        history.read(CAMERA, COLUMNS, START_NS, END_NS)
        times, _ = plain(tmp_path, START_NS, END_NS)
        state.commit(Commit(superseded=[SupersededRows(CAMERA, times[:100])]))
        for _ in range(2):
            series = history.read(CAMERA, COLUMNS, START_NS, END_NS)
            assert int(series.rows.sum()) == 500
            assert series.time_ns[0] >= times[100]
            state.flush()


def test_a_single_shot_keeps_its_time_and_a_pause_breaks_the_line(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        commit(state, 0)
        commit(state, 5)
    history = SeriesHistory(tmp_path)
    near = history.read(CAMERA, COLUMNS, START_NS, START_NS + 10 * SECOND_NS)
    assert near.time_ns.tolist() == [START_NS + number * 100_000_000 for number in range(100)]
    assert np.array_equal(near.least, near.greatest, equal_nan=True)
    whole = history.read(CAMERA, COLUMNS, START_NS, END_NS)
    gaps = np.flatnonzero(whole.rows == 0)
    assert len(gaps) == 1
    assert np.isnan(whole.mean[gaps]).all()


def test_records_that_were_not_scored_are_no_scores_of_0(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        commit(state, 0)
        for _ in range(2):
            with StateReader.open(tmp_path) as reader:
                [block] = reader.rows_between([METER], START_NS, START_NS + 10 * SECOND_NS)
            series = SeriesHistory(tmp_path).read(METER, ["score"], START_NS, START_NS + 10 * SECOND_NS)
            scored = np.where(block.scored.scoring == Scoring.SCORED, block.scored.score.astype(np.float64), np.nan)
            np.testing.assert_array_equal(series.mean[:, 0], scored)
            assert 0 < np.isnan(scored).sum() < 100
            state.flush()


def write_frames(state: Path) -> None:
    """Six frames: two of a beam at (65, 50) px, two dark ones with noise, a refused one, a beam again."""
    block = decided(CAMERA, 6, start_ns=START_NS)
    features = np.full(block.scored.features.shape, np.nan)
    column = FEATURE_NAMES[RecordKind.CAMERA].index
    features[:, column("centroid_x_px")] = [65.0, 66.0, 3.0, 120.0, 9.0, 64.0]
    features[:, column("pixel_sum_counts")] = [1e6, 1.1e6, 40.0, 90.0, 7.0, 1e6]
    scored = replace(
        block.scored,
        features=features,
        fires=np.array([True, True, False, False, False, True]),
        refusal=np.array([0, 0, 0, 0, 3, 0], np.uint8),
    )
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(decided=[replace(block, scored=scored)]))
        directory.flush()


def test_figures_of_the_beam_are_of_frames_with_beam_and_the_others_are_counted(tmp_path: Path) -> None:
    write_frames(tmp_path)
    columns = ("centroid_x_px", "pixel_sum_counts", "no_beam_pixel_sum_counts")
    fine = SeriesHistory(tmp_path).read(CAMERA, columns, START_NS, START_NS + SECOND_NS)
    nan = np.nan
    assert np.array_equal(fine.mean[:, 0], [65.0, 66.0, nan, nan, nan, 64.0], equal_nan=True)
    assert np.array_equal(fine.mean[:, 2], [nan, nan, 40.0, 90.0, nan, nan], equal_nan=True)
    assert fine.marks == ("without", "refused")
    assert fine.marked.T.tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0]]

    coarse = SeriesHistory(tmp_path).read(CAMERA, columns, START_NS, START_NS + HOUR_NS, points=10)
    assert (coarse.rows.tolist(), coarse.marked.tolist()) == ([6], [[2, 1]])
    assert (coarse.least[0, 0], coarse.greatest[0, 0], coarse.mean[0, 0]) == (64.0, 66.0, 65.0)
    assert (coarse.least[0, 1], coarse.greatest[0, 2]) == (1e6, 90.0)


def test_what_a_meter_could_not_measure_is_counted_once(tmp_path: Path) -> None:
    block = decided(METER, 4, start_ns=START_NS)
    fires = np.array([True, False, False, True])
    refusal = np.array([0, 8, 0, 0], np.uint8)
    with StateDirectory.open(tmp_path) as directory:
        directory.commit(Commit(decided=[replace(block, scored=replace(block.scored, fires=fires, refusal=refusal))]))
    series = SeriesHistory(tmp_path).read(METER, ("energy_j",), START_NS, START_NS + SECOND_NS)
    assert (series.marks, series.marked.ravel().tolist()) == (("without",), [0, 1, 1, 0])


def test_triplets_of_a_stage(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        commit(state, 0)
    series = SeriesHistory(tmp_path).read(STAGE, ("complete", "energy_j"), START_NS, START_NS + 60 * SECOND_NS)
    assert np.nanmean(series.mean[:, 0]) == pytest.approx(0.8)
    assert np.nanmax(series.greatest[:, 1]) == 12.5
    nothing = SeriesHistory(tmp_path).read(Stage("LB", "A1", "11"), ("complete",), START_NS, END_NS)
    assert len(nothing.time_ns) == 0


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        for number in range(3):
            commit(state, number)
            state.flush()
    history = SeriesHistory(tmp_path, kept_bytes=40_000)
    for columns in (COLUMNS, COLUMNS[:1], COLUMNS[1:]):
        assert int(history.read(CAMERA, columns, START_NS, END_NS).rows.sum()) == 1_800
    assert 0 < sum(kept.size_bytes for kept in history._kept.values()) <= 40_000


def test_a_device_that_never_recorded_and_a_state_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FatalError) as caught:
        SeriesHistory(tmp_path).read(CAMERA, COLUMNS, START_NS, END_NS)
    assert caught.value.reason == "state_missing"
    with StateDirectory.open(tmp_path) as state:
        commit(state, 0)
    unknown = Device("LA_A3_31-Camera_9-Camera-1", STAGE, RecordKind.CAMERA)
    assert len(SeriesHistory(tmp_path).read(unknown, COLUMNS, START_NS, END_NS).time_ns) == 0
