from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts.alert import AlertChange, AlertEvent, AlertKind
from models.devices import parse_device
from models.event_time import MILLISECOND_NS
from models.records import DeviceState, RecordBlock, Refusal, SourceReference
from models.results import Admission, Reason, ScoredBlock, Scoring
from models.scoring.rule_maxima import BLOCK_SHOTS
from models.scoring.threshold_budget import ThresholdBudget, Thresholds
from models.spectra.spectrometer_stage import SpectrometerSettings, SpectrometerStage
from models.state import decode_state, encode_state

SPECTROMETER = parse_device("LA_A3_31-Spectro_1-Spectro-1")
START = 1_656_668_040_000_000_000
STEP = 100 * MILLISECOND_NS


def block(spectra: NDArray[np.float64], first: int = 0, *, replacement: bool = False) -> RecordBlock:
    count = len(spectra)
    return RecordBlock(
        device=SPECTROMETER,
        source=SourceReference(file="10Hz/f.h5", sha256="ab"),
        event_time_ns=START + (first + np.arange(count)) * STEP,
        state=np.full(count, DeviceState.ON, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=spectra,
        hdf5_group=tuple(f"g{first + row}" for row in range(count)),
        interval_hz=10.0,
        replacement=replacement,
    )


def spectra(count: int, seed: int = 0, width: float = 1.0, samples: int = 2047) -> NDArray[np.float64]:
    """A structured spectrum whose place, width, energy and structure jitter from shot to shot."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal((4, count, 1))
    places = (np.arange(samples) * (2047 / samples) - 1000 - 1.5 * draw[0]) / (120 * width * (1 + 0.004 * draw[1]))
    shape = np.exp(-0.5 * places**4) * (1 + (0.2 + 0.01 * draw[2]) * np.exp(-(((places - 0.3) / 0.1) ** 2)))
    values = 2e4 * (1 + 0.01 * draw[3]) * shape + 80 * rng.standard_normal((count, samples))
    positive: NDArray[np.float64] = np.maximum(values, 0)
    return positive


def new_stage() -> SpectrometerStage:
    return SpectrometerStage(SPECTROMETER, SpectrometerSettings())


def run(values: NDArray[np.float64]) -> tuple[ScoredBlock, list[AlertEvent]]:
    stage = new_stage()
    output = stage.process(block(values))
    return output.scored, output.alerts + stage.finish().alerts


def test_spectra_are_learning_first_scored_from_the_256th_on_and_rarely_anomalous() -> None:
    scored, alerts = run(spectra(4000))
    assert set(scored.scoring[:256]) == {Scoring.LEARNING}
    assert set(scored.scoring[256:]) == {Scoring.SCORED}
    assert scored.fires.all()
    assert scored.anomalous.sum() <= 10  # 2 expected
    assert not alerts


def test_spectra_whose_sum_cancels_or_vanishes_are_dark() -> None:
    values = np.zeros((4, 2047))
    values[0, :3] = 1e16, 1.0, -1e16  # more than 0 in one order of summing, 0 in another
    values[1, [100, 1000, 1900]] = 1e90, -1e90, 1e-3
    values[2, 1000] = 5e-324
    values[3, ::7] = 1e-200
    scored, _ = run(np.concatenate([values, spectra(10)]))
    assert not scored.fires[:4].any()
    assert scored.fires[4:].all()


def test_one_wild_sum_while_it_learns_does_not_make_it_blind() -> None:
    values = spectra(800)
    values[100] *= 1e6
    scored, _ = run(values)
    assert scored.fires.all()
    assert set(scored.scoring[256:]) == {Scoring.SCORED}


def test_a_drop_of_the_bandwidth_opens_an_episode_that_points_to_its_shot() -> None:
    values = spectra(800)
    values[600:605] = spectra(5, seed=1, width=0.93)
    scored, alerts = run(values)
    assert scored.anomalous[600:605].all()
    assert (scored.reasons[600:605] & Reason.SPECTRUM_MOMENTS).all()
    opened, *_, closed = (event for event in alerts if event.alert.first_shot_ns == START + 600 * STEP)
    assert (opened.change, closed.change) == (AlertChange.OPENED, AlertChange.CLOSED)
    assert opened.alert.kind is AlertKind.SPECTRUM_ANOMALY
    assert opened.alert.source.path == "g600"


def test_a_rarer_mode_of_the_laser_is_no_alarm_and_does_not_grow_odder() -> None:
    """One shot in 300 is 2.5 % narrower, from the beginning."""
    values = spectra(4000, samples=512)
    rare = np.flatnonzero(np.random.default_rng(3).random(len(values)) < 0.003)
    values[rare] = spectra(len(rare), seed=1, width=0.975, samples=512)
    scored, alerts = run(values)
    late = rare > 2500
    assert scored.score[rare[late]].max() < 4.5
    assert all(event.alert.first_shot_ns < START + 2500 * STEP for event in alerts)


def test_a_fault_that_stays_is_not_taken_for_a_rarer_mode() -> None:
    values = np.concatenate([spectra(1500), spectra(1500, seed=1, width=0.95)])
    scored, alerts = run(values)
    assert scored.anomalous[1500:].all()
    assert scored.score[-1] > 6.0
    assert [event.change for event in alerts].count(AlertChange.OPENED) == 1


def test_a_state_of_other_moments_is_learned_anew() -> None:
    stage = new_stage()
    stage.process(block(spectra(600)))
    saved = decode_state(encode_state(stage.state()))
    del saved["moments"]  # as of a program that scored the FWHM
    stage = new_stage()
    stage.restore(saved)
    scored = stage.process(block(spectra(300, seed=1), 600)).scored
    assert set(scored.scoring[:256]) == {Scoring.LEARNING}
    assert not scored.anomalous.any()


def test_thresholds_follow_a_budget_whatever_the_cut_and_across_a_restart() -> None:
    budget = ThresholdBudget(minimum_blocks=200, reestimate_shots=BLOCK_SHOTS)
    values = spectra(128, samples=256)  # again and again: nothing here depends on their being new
    states = []
    for size in (128, 37):
        stage = SpectrometerStage(SPECTROMETER, SpectrometerSettings(), budget)
        for first in range(0, 200 * BLOCK_SHOTS + 320, size):
            count = min(size, 200 * BLOCK_SHOTS + 320 - first)
            stage.process(block(values[np.arange(first, first + count) % len(values)], first))
        again = SpectrometerStage(SPECTROMETER, SpectrometerSettings(), budget)
        again.restore(decode_state(encode_state(stage.state())))
        states.append(encode_state(again.state()))
    assert states[0] == states[1]
    thresholds = Thresholds.from_json(decode_state(states[0])["threshold"]["thresholds"])
    assert thresholds.version == 1
    assert thresholds.shots >= 200 * BLOCK_SHOTS


def test_a_narrow_line_is_found_by_its_shape() -> None:
    values = spectra(800)
    values[700, 950:956] += 4000
    scored, _ = run(values)
    assert scored.anomalous[700]
    assert scored.reasons[700] & Reason.SPECTRUM_SHAPE


def test_an_open_episode_stops_the_learning() -> None:
    stage = new_stage()
    stage.process(block(spectra(600)))
    stage.process(block(spectra(10, seed=1, width=0.9), 600))
    before = stage.state()
    output = stage.process(block(spectra(400, seed=2, width=0.9), 610))
    assert output.scored.anomalous.all()
    for part in ("reference", "distance"):
        assert encode_state({"part": stage.state()[part]["mean"]}) == encode_state({"part": before[part]["mean"]})


@pytest.mark.parametrize("cut", [7, 1200])
def test_what_lasts_too_long_to_be_a_fault_is_learned_anew(cut: int) -> None:
    stage = SpectrometerStage(SPECTROMETER, SpectrometerSettings(relearn_after_spectra=300))
    values = np.concatenate([spectra(400), spectra(800, seed=1, width=0.9)])
    parts = [stage.process(block(values[start : start + cut], start)) for start in range(0, len(values), cut)]
    scoring = np.concatenate([part.scored.scoring for part in parts])
    anomalous = np.concatenate([part.scored.anomalous for part in parts])
    assert anomalous[400:704].all()
    assert (scoring[704:960] == Scoring.LEARNING).all()
    assert (scoring[960:] == Scoring.SCORED).all()
    assert not anomalous[960:].any()
    events = [event for part in parts for event in part.alerts]
    assert [event.change for event in events if event.change is not AlertChange.UPDATED] == ["opened", "closed"]


def test_spectra_without_light_are_dark_and_leave_the_statistics_alone() -> None:
    plain, disturbed = new_stage(), new_stage()
    values = spectra(500)
    for stage in (plain, disturbed):
        stage.process(block(values[:300]))
    noise = np.abs(np.random.default_rng(1).standard_normal((20, 2047)))
    dark = disturbed.process(block(np.concatenate([noise, 0.005 * values[:20]]), 300)).scored
    assert (dark.scoring == Scoring.DARK).all()
    assert not dark.fires.any()
    empty = disturbed.process(block(np.zeros((20, 2047)), 340)).scored
    assert (empty.refusal == Refusal.EMPTY_SPECTRUM).all()
    assert (empty.scoring == Scoring.NONE).all()
    expected = plain.process(block(values[300:], 400)).scored
    got = disturbed.process(block(values[300:], 400)).scored
    np.testing.assert_array_equal(got.features, expected.features)
    np.testing.assert_array_equal(got.score, expected.score)


def test_a_spectrometer_that_starts_without_light_learns_nothing_from_noise() -> None:
    noise = np.abs(np.random.default_rng(1).standard_normal((600, 2047)))
    scored, _ = run(np.concatenate([noise, spectra(400)]))
    assert (scored.scoring[:600] == Scoring.DARK).all()
    assert (scored.scoring[600:856] == Scoring.LEARNING).all()
    assert not scored.anomalous.any()


def test_duplicates_are_marked_and_not_scored_again() -> None:
    stage = new_stage()
    stage.process(block(spectra(300)))
    before = encode_state(stage.state())
    again = stage.process(block(spectra(300))).scored
    assert (again.admission == Admission.DUPLICATE).all()
    assert (again.scoring == Scoring.NONE).all()
    assert encode_state(stage.state()) == before


def test_replacements_are_scored_without_learning() -> None:
    stage = new_stage()
    stage.process(block(spectra(400)))
    before = stage.state()
    values = np.concatenate([spectra(40, seed=1), spectra(5, seed=1, width=0.8)])
    output = stage.process(block(values, 100, replacement=True))
    assert (output.scored.scoring == Scoring.SCORED).all()
    assert output.scored.anomalous[40:].all()
    assert not output.alerts
    after = stage.state()
    for part in ("reference", "distance", "tails", "spectra", "episodes"):
        assert encode_state({"part": after[part]}) == encode_state({"part": before[part]})


def test_another_length_is_refused_until_it_is_the_rule() -> None:
    stage = new_stage()
    stage.process(block(spectra(300)))
    few = stage.process(block(spectra(31, samples=1024), 300)).scored
    assert (few.refusal == Refusal.WRONG_SHAPE).all()
    usual = stage.process(block(spectra(3), 331)).scored
    assert (usual.scoring == Scoring.SCORED).all()
    many = stage.process(block(spectra(40, samples=1024), 334)).scored
    assert (many.refusal[:32] == Refusal.WRONG_SHAPE).all()
    assert (many.scoring[32:] == Scoring.LEARNING).all()
    short = stage.process(block(spectra(2, samples=20), 374)).scored
    assert (short.refusal == Refusal.WRONG_SHAPE).all()


@pytest.mark.parametrize("seed", range(3))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = spectra(700, seed=seed)
    values[rng.integers(0, 700, 20)] = 0.0
    values[rng.integers(0, 700, 20)] *= 0.001
    values[550:560] = spectra(10, seed=seed, width=0.9)
    expected, expected_alerts = run(values)
    stage, alerts, parts = new_stage(), [], []
    cuts = np.unique(np.concatenate([[0, 700], rng.integers(0, 700, 25)]))
    for start, stop in pairwise(cuts.tolist()):
        output = stage.process(block(values[start:stop], start))
        parts.append(output.scored)
        alerts += output.alerts
        saved = encode_state(stage.state())
        stage = new_stage()
        stage.restore(decode_state(saved))
    alerts += stage.finish().alerts
    for name, array in expected.arrays().items():
        np.testing.assert_array_equal(np.concatenate([part.arrays()[name] for part in parts]), array, err_msg=name)
    assert alerts == expected_alerts
    assert alerts


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="frame_fpr"):
        SpectrometerSettings(frame_fpr=0.5)
    with pytest.raises(ValueError, match="light_fraction"):
        SpectrometerSettings(light_fraction=1)


def test_an_accepted_bandwidth_is_learned_anew_at_once() -> None:
    stage = new_stage()
    stage.process(block(spectra(800)))
    opened = stage.process(block(spectra(20, seed=1, width=0.9), 800)).alerts
    assert opened[0].change is AlertChange.OPENED
    [closed] = stage.accept_baseline().alerts
    assert (closed.change, closed.alert.id) == (AlertChange.CLOSED, opened[0].alert.id)
    after = stage.process(block(spectra(600, seed=2, width=0.9), 820))
    assert set(after.scored.scoring[:256]) == {Scoring.LEARNING}
    assert set(after.scored.scoring[256:]) == {Scoring.SCORED}
    assert not after.alerts
    assert stage.process(block(spectra(3, seed=3), 1420)).scored.anomalous.all()  # the old bandwidth is odd now
