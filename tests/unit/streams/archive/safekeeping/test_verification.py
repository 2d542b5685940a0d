"""Which copies a verification reads, and how one that was killed goes on."""

from pathlib import Path

import pytest

from streams.archive.safekeeping.verification import Scope
from streams.archive.safekeeping.verification_run import VerificationRun
from tests.support.manual_clock import ManualClock

IDS = [f"store|file-{number}" for number in range(2000)]


def chosen(scope: Scope) -> set[str]:
    return {id_ for id_ in IDS if scope.chooses(id_)}


@pytest.mark.parametrize("sample", [0.0, 0.1, 0.5, 1.0])
def test_a_sample_is_its_share(sample: float) -> None:
    assert len(chosen(Scope(sample=sample, started_ns=1))) == pytest.approx(sample * len(IDS), abs=100)


def test_a_sample_is_the_same_in_one_run_and_another_one_in_the_next() -> None:
    first, again, next_ = (chosen(Scope(sample=0.5, started_ns=started)) for started in (1, 1, 2))
    assert first == again
    assert 300 < len(first - next_) < 700


def test_what_was_read_in_a_run_is_not_due() -> None:
    scope = Scope(started_ns=5)
    assert [scope.is_due(read, 8) for read in (None, 4, 5, 6, 8)] == [True, True, False, False, False]


def test_a_reading_of_before_the_clock_was_set_back_is_due() -> None:
    assert Scope(started_ns=5).is_due(9, 8)


def test_a_run_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    clock = ManualClock()
    began = VerificationRun(tmp_path, clock).begin(Scope(sample=0.5))
    clock.advance(10)
    assert VerificationRun(tmp_path, clock).begin(Scope(sample=0.5)) == began
    other = VerificationRun(tmp_path, clock).begin(Scope(sample=0.25))
    assert other.started_ns > began.started_ns


def test_one_that_ended_begins_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    run = VerificationRun(tmp_path, clock)
    began = run.begin(Scope())
    run.end()
    run.end()
    clock.advance(10)
    assert run.begin(Scope()).started_ns > began.started_ns


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"scope": {}, "started_ns": 1}'])
def test_what_can_not_be_read_begins_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "verification.json").write_bytes(content)
    clock = ManualClock()
    assert VerificationRun(tmp_path, clock).begin(Scope()).started_ns == clock.now_ns()


def test_a_clock_that_was_set_back_begins_anew(tmp_path: Path) -> None:
    clock = ManualClock()
    clock.advance(100)
    VerificationRun(tmp_path, clock).begin(Scope())
    earlier = ManualClock()
    assert VerificationRun(tmp_path, earlier).begin(Scope()).started_ns == earlier.now_ns()
