from collections.abc import Sequence

import numpy as np
import pytest

from models.admission import AdmissionGuard, AdmissionSettings
from models.devices import parse_device
from models.event_time import HOUR_NS, MILLISECOND_NS, SECOND_NS
from models.records import RecordBlock, SourceReference
from models.results import Admission
from models.state import decode_state, encode_state

START = 1_656_668_040_000_000_000
A, D, L = Admission.ACCEPTED, Admission.DUPLICATE, Admission.LATE


def block(times: Sequence[int], *, replacement: bool = False, sha256: str = "a") -> RecordBlock:
    count = len(times)
    return RecordBlock(
        device=parse_device("LA_A3_31-EM_1-EnergyMeter-1"),
        source=SourceReference(file="f.h5", sha256=sha256),
        event_time_ns=np.array(times, np.int64),
        state=np.zeros(count, np.uint8),
        refusal=np.zeros(count, np.uint8),
        payload=np.zeros((count, 2)),
        hdf5_group=("g",) * count,
        interval_hz=10.0,
        replacement=replacement,
    )


def judge(
    guard: AdmissionGuard, seconds: Sequence[float], *, replacement: bool = False, sha256: str = "a"
) -> list[int]:
    times = [START + round(second * 1000) * MILLISECOND_NS for second in seconds]
    return [int(code) for code in guard.judge(block(times, replacement=replacement, sha256=sha256))]


@pytest.fixture
def guard() -> AdmissionGuard:
    return AdmissionGuard(AdmissionSettings(dedup_window_s=100, wild_time_s=1000, wrong_date_s=1000))


def test_known_times_are_duplicates_and_unknown_old_ones_late(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 1, 2]) == [A, A, D, A]
    assert judge(guard, [1, 1.5, 2, 3]) == [D, L, D, A]


def test_times_are_forgotten_beyond_the_window(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 60, 101]) == [A, A, A, A]
    assert judge(guard, [0, 1, 60]) == [L, D, D]


def test_one_wild_time_does_not_make_the_later_ones_late(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 1e6, 2, 3]) == [A, A, A, A, A]
    assert judge(guard, [1e6, 3.5, 2.5]) == [D, A, L]


def test_how_far_is_wild_follows_the_acquisition_rate() -> None:
    guard = AdmissionGuard(AdmissionSettings(wild_time_s=0.5))
    assert judge(guard, [0, 0.1, 1.05, 0.2]) == [A, A, A, L]  # 10 Hz: ten periods are a second
    assert judge(guard, [3, 1.2]) == [A, A]


def test_a_pause_is_believed_with_its_second_record(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 5000, 5001, 5002, 5000]) == [A, A, A, A, A, D]
    assert judge(guard, [1500]) == [L]


def test_a_file_of_another_day_does_not_take_the_frontier_away(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1]) == [A, A]
    assert judge(guard, [86_400 + second for second in range(4)]) == [A, A, A, A]
    assert judge(guard, [2, 3, 4, 3]) == [A, A, A, D]
    assert judge(guard, [86_402]) == [D]


def test_the_line_from_before_a_jump_is_forgotten_once_the_new_one_lasted(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 5000, 5001, 5900, 6002, 2]) == [A, A, A, A, A, A, L]


def test_a_wild_first_record_does_not_set_the_frontier(guard: AdmissionGuard) -> None:
    assert judge(guard, [1e6, 0, 1, 2]) == [A, A, A, A]
    assert judge(guard, [0.5]) == [L]


def test_replacements_are_accepted_and_leave_the_frontier(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1, 2]) == [A, A, A]
    assert judge(guard, [0, 1, 1, 1.5, 2, 9], replacement=True, sha256="b") == [A, A, D, A, A, A]
    assert judge(guard, [1.5, 3, 9]) == [D, A, A]


def test_duplicates_of_a_replacement_are_found_across_blocks(guard: AdmissionGuard) -> None:
    assert judge(guard, [0, 1], replacement=True, sha256="b") == [A, A]
    assert judge(guard, [1, 2], replacement=True, sha256="b") == [D, A]
    assert judge(guard, [2, 3], replacement=True, sha256="c") == [A, A]


def hostile_times(rng: np.random.Generator, count: int) -> list[int]:
    times = START + np.cumsum(rng.choice([50, 100, 100, 100, 400], count)) * MILLISECOND_NS
    times[count // 2 :] += 3 * HOUR_NS
    odd = rng.random(count)
    times = np.where(odd < 0.03, times - rng.integers(0, 100, count) * SECOND_NS, times)
    times = np.where(odd > 0.99, times + 300 * HOUR_NS, times)
    again = rng.random(count) < 0.05
    return [int(times[place - 1] if again[place] and place else times[place]) for place in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    settings = AdmissionSettings(dedup_window_s=20, wild_time_s=1000)
    times = hostile_times(rng, 1500)
    whole = AdmissionGuard(settings)
    expected = np.concatenate([whole.judge(block([time])) for time in times])
    assert {A, D, L} == set(expected.tolist())
    guard, got, start = AdmissionGuard(settings), [], 0
    while start < len(times):
        length = int(rng.integers(1, 80))
        got.append(guard.judge(block(times[start : start + length])))
        start += length
        saved = encode_state(guard.state())
        guard = AdmissionGuard(settings)
        guard.restore(decode_state(saved))
        assert encode_state(guard.state()) == saved
    np.testing.assert_array_equal(np.concatenate(got), expected)
    assert encode_state(guard.state()) == encode_state(whole.state())


def test_state_stays_small_at_10_hz() -> None:
    guard = AdmissionGuard(AdmissionSettings())
    for minute in range(180):
        times = START + (np.arange(600) + 600 * minute) * 100 * MILLISECOND_NS
        assert not guard.judge(block(times.tolist())).any()
    assert len(encode_state(guard.state())) < 80_000


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="dedup_window_s"):
        AdmissionSettings(dedup_window_s=0)
    with pytest.raises(ValueError, match="wild_time_s"):
        AdmissionSettings(wild_time_s=-1)
