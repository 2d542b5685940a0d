"""A question that hangs holds up nobody, and is asked again as soon as it has been answered."""

import threading

import pytest

from connectors.bounded_question import BoundedQuestion, HangsError
from tests.support.watching import wait_until


def test_one_that_is_answered_is_asked_each_time() -> None:
    answers = iter(range(3))
    question = BoundedQuestion(lambda: next(answers), 60)
    assert [question.answer() for _ in range(3)] == [0, 1, 2]


def test_one_that_hangs_is_asked_once_and_waited_for_no_more() -> None:
    free, asked = threading.Event(), []

    def ask() -> int:
        asked.append(threading.current_thread())
        free.wait()
        return len(asked)

    question = BoundedQuestion(ask, 0.05)
    with pytest.raises(HangsError):
        question.answer()
    question._within_s = 10**6  # nobody waits any more
    for _ in range(3):
        with pytest.raises(HangsError):
            question.answer()
    assert len(asked) == 1
    assert asked[0].daemon, "the program would not end"
    free.set()
    asked[0].join()
    assert question.answer() == 2, "not the answer from before"


def test_one_that_hangs_is_waited_for_again_where_that_is_wanted_and_asked_anew() -> None:
    free, begun, found = threading.Event(), list[threading.Thread](), list[int]()

    def ask() -> int:
        begun.append(threading.current_thread())
        number = len(begun)
        free.wait()
        return number

    question = BoundedQuestion(ask, 0.05, again_s=10**6)
    with pytest.raises(HangsError):
        question.answer()
    question._within_s = 60
    again = threading.Thread(target=lambda: found.append(question.answer()))
    again.start()
    wait_until(lambda: question._asked is not None and len(question._asked._waiters) == 1)
    assert not found
    free.set()
    again.join()
    assert (found, len(begun)) == ([2], 2), "not the answer from before"


def test_one_that_hangs_when_it_is_asked_anew_is_given_up_as_any() -> None:
    gates = [threading.Event(), threading.Event()]
    waiting, begun = iter(gates), list[threading.Thread]()

    def ask() -> None:
        begun.append(threading.current_thread())
        next(waiting).wait()

    question = BoundedQuestion(ask, 0.05, again_s=10**6)
    with pytest.raises(HangsError):
        question.answer()
    gates[0].set()
    with pytest.raises(HangsError):
        question.answer()
    question._again_s = 0
    with pytest.raises(HangsError):
        question.answer()
    assert len(begun) == 2
    gates[1].set()


def test_who_asks_while_another_waits_begins_no_thread() -> None:
    free, begun = threading.Event(), threading.Event()
    asked, found = [], list[int]()

    def ask() -> int:
        asked.append(threading.current_thread())
        begun.set()
        free.wait()
        return len(asked)

    question = BoundedQuestion(ask, 10**6)
    first = threading.Thread(target=lambda: found.append(question.answer()))
    first.start()
    begun.wait()
    second = threading.Thread(target=lambda: found.append(question.answer()))
    second.start()
    wait_until(lambda: question._asked is not None and len(question._asked._waiters) == 2)
    free.set()
    first.join()
    second.join()
    assert (found, len(asked)) == ([1, 1], 1)


def test_what_answering_raises_is_raised_where_it_is_asked() -> None:
    def ask() -> int:
        raise TimeoutError(110, "the server is away")

    with pytest.raises(TimeoutError, match="the server is away"):
        BoundedQuestion(ask, 60).answer()
