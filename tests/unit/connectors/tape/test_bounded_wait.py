import threading
from pathlib import Path

import pytest

from connectors.tape.bounded_wait import Step, within
from models.errors import RecordError, RetryableError

PLACE = Path("/mnt/tape")


def test_what_comes_in_time_is_given() -> None:
    assert within(60.0, PLACE, lambda _: 5) == 5


def test_what_fails_fails() -> None:
    def fail(_: Step) -> None:
        raise RecordError("no", reason="no")

    with pytest.raises(RecordError, match="no"):
        within(60.0, PLACE, fail)


def test_what_hangs_is_given_up_and_goes_no_further_when_it_comes_to_itself() -> None:
    comes_to_itself, ended = threading.Event(), threading.Event()
    went_on = []

    def hang(step: Step) -> None:
        try:
            comes_to_itself.wait(60)
            step()
            went_on.append(True)
        finally:
            ended.set()

    place = Path("/mnt/hanging")
    with pytest.raises(RetryableError, match="/mnt/hanging does not answer for") as failure:
        within(0.01, place, hang)
    assert failure.value.reason == "tape_silent"
    with pytest.raises(RetryableError, match="does not answer since it was asked before"):
        within(0.01, place, lambda _: pytest.fail("one thread is enough"))
    assert within(60.0, PLACE, lambda _: 5) == 5
    comes_to_itself.set()
    assert ended.wait(60)
    assert not went_on
    assert within(60.0, place, lambda _: 6) == 6


def test_what_takes_long_but_goes_on_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    silence_s, may_step, has_stepped = 1234.5, threading.Semaphore(0), threading.Semaphore(0)
    waits_left = [None] * 5

    class Paced(threading.Event):
        """The time is over at once, each time after one more step of the work."""

        def wait(self, timeout: float | None = None) -> bool:
            if timeout != silence_s or not waits_left:
                return super().wait(60)
            waits_left.pop()
            may_step.release()
            return not has_stepped.acquire(timeout=60)

    def work(step: Step) -> str:
        for _ in range(5):
            assert may_step.acquire(timeout=60)
            step()
            has_stepped.release()
        return "done"

    monkeypatch.setattr(threading, "Event", Paced)
    assert within(silence_s, PLACE, work) == "done"
    assert not waits_left
