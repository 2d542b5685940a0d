"""A facility's accepted baseline is durable and told, whatever fails or is killed between; nobody waits for Kafka."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from connectors.control_room.decisions import OperatorDecisions
from models.errors import FatalError, PetawatchError, RetryableError
from streams.alarms.alarm_desk import AlarmDesk
from streams.deciding import accept_baseline
from streams.facility.untold_baselines import BaselineTeller, tell_untold
from streams.settings import default_settings
from tests.support.accepting import FileAgents, KilledAcceptors, accept, agents, facility_state, taken
from tests.support.alarms import CAMERA, START, START_NS, control_room
from tests.support.alarms import alert as raised
from tests.support.manual_clock import ManualClock
from tests.support.watching import wait_until


class _Away(FileAgents):
    """Agents whose Kafka goes away once it was reached."""

    def __init__(self, state: Path, failure: PetawatchError) -> None:
        super().__init__(state)
        self._failure = failure

    def flush(self) -> None:
        raise self._failure


class _Slow(FileAgents):
    """Agents whose Kafka takes nothing until it is let."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.asked, self.let = threading.Event(), threading.Event()

    def flush(self) -> None:
        self.asked.set()
        assert self.let.wait(60)
        super().flush()


def accept_by(state: Path, sender: FileAgents) -> None:
    @contextmanager
    def connected() -> Iterator[FileAgents]:
        yield sender

    accept_baseline(state, CAMERA, START_NS, "realigned", ManualClock(START), connected, by="ana")


def ids(state: Path) -> list[int]:
    return [each.baseline.id for each in OperatorDecisions(state).baselines()]


def told(state: Path) -> list[bool]:
    return [each.told for each in OperatorDecisions(state).baselines()]


def test_it_is_accepted_and_told(tmp_path: Path) -> None:
    facility_state(tmp_path)
    accept(tmp_path)
    accept(tmp_path)
    assert taken(tmp_path) == ids(tmp_path)
    assert told(tmp_path) == [True, True]


def test_nothing_is_accepted_while_kafka_cannot_be_reached(tmp_path: Path) -> None:
    facility_state(tmp_path)

    @contextmanager
    def away() -> Iterator[FileAgents]:
        raise RetryableError("Kafka does not answer", reason="kafka_away")
        yield

    with pytest.raises(RetryableError, match="Kafka does not answer"):
        accept_baseline(tmp_path, CAMERA, START_NS, "realigned", ManualClock(START), away, by="ana")
    assert ids(tmp_path) == []


@pytest.mark.parametrize("kind", [RetryableError, FatalError])
def test_what_kafka_did_not_take_is_accepted_and_told_later(tmp_path: Path, kind: type[PetawatchError]) -> None:
    facility_state(tmp_path)
    failure = kind("Kafka does not answer", reason="kafka_away")
    with pytest.raises(RetryableError, match=r"is accepted, but .* Kafka does not answer; the recorder tells") as said:
        accept_by(tmp_path, _Away(tmp_path, failure))
    assert said.value.reason == "baseline_untold"
    assert (taken(tmp_path), told(tmp_path)) == ([], [False])
    accept(tmp_path)  # the next command tells both, in their order
    assert taken(tmp_path) == ids(tmp_path)
    assert told(tmp_path) == [True, True]


def test_nobody_waits_for_a_slow_kafka(tmp_path: Path) -> None:
    with control_room(tmp_path) as room:
        facility_state(tmp_path)
        room.take(raised())
        slow = _Slow(tmp_path)
        command = threading.Thread(target=accept_by, args=(tmp_path, slow))
        command.start()
        assert slow.asked.wait(60)
        room.steps._database.wait_at_most(0.0)
        with closing(AlarmDesk(tmp_path, default_settings(), room.clock)) as desk:
            desk._steps._database.wait_at_most(0.0)
            [seen] = desk.acknowledge(raised().id, by="ana")
        room.pass_s(1)  # and alarms are kept
        assert seen.life.seen
        assert command.is_alive()
        slow.let.set()
        command.join(60)
    assert taken(tmp_path) == ids(tmp_path)
    assert told(tmp_path) == [True]


def test_it_is_killed_anywhere_and_in_the_end_both_or_nobody_know_it(tmp_path: Path) -> None:
    with KilledAcceptors() as commands:
        step, durable = 1, 0
        while True:
            state = tmp_path / str(step)
            facility_state(state)
            killed = commands.run(state, step)
            before = ids(state)
            assert set(taken(state)) <= set(before), "what the agents took, is known"
            teller = BaselineTeller(state, partial(agents, state), lambda _: None)
            teller.look()
            teller.look()
            assert taken(state) == ids(state) == before
            assert all(told(state))
            durable += bool(before)
            if not killed:
                break
            step += 1
    assert step > 10
    assert 5 < durable < step


def test_two_who_tell_at_once_keep_the_order(tmp_path: Path) -> None:
    """One has read what is untold, and is slow: another accepts and tells more meanwhile."""
    facility_state(tmp_path)
    slow = _Slow(tmp_path)
    first = threading.Thread(target=accept_by, args=(tmp_path, slow))
    first.start()
    assert slow.asked.wait(60)
    accept(tmp_path)
    assert taken(tmp_path) == ids(tmp_path)
    slow.let.set()
    first.join(60)
    assert len(ids(tmp_path)) == 2
    assert taken(tmp_path) == ids(tmp_path)


def test_the_recorder_leaves_the_command_a_moment_and_says_once_that_kafka_is_away(tmp_path: Path) -> None:
    facility_state(tmp_path)
    with pytest.raises(RetryableError):
        accept_by(tmp_path, _Away(tmp_path, RetryableError("away", reason="kafka_away")))
    said: list[str] = []
    reachable = threading.Event()

    @contextmanager
    def connected() -> Iterator[FileAgents]:
        if not reachable.is_set():
            raise RetryableError("Kafka does not answer", reason="kafka_away")
        yield FileAgents(tmp_path)

    teller = BaselineTeller(tmp_path, connected, said.append)
    teller.look()
    for _ in range(3):
        with pytest.raises(RetryableError, match="Kafka does not answer"):
            teller.look()
    reachable.set()
    teller.look()
    assert said == ["1 accepted baseline was told to the agents"]
    teller.look()
    assert taken(tmp_path) == ids(tmp_path)
    assert tell_untold(OperatorDecisions(tmp_path), FileAgents(tmp_path)) == 0


def test_it_works_on_a_thread_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.facility.untold_baselines._LOOK_S", 0.01)
    monkeypatch.setattr("streams.facility.untold_baselines._AGAIN_S", 0.01)
    facility_state(tmp_path)
    said: list[str] = []
    failures = [RetryableError("away", reason="kafka_away"), ValueError("odd"), FatalError("no login", reason="x")]

    @contextmanager
    def connected() -> Iterator[FileAgents]:
        if failures:
            raise failures.pop(0)
        yield FileAgents(tmp_path)

    teller = BaselineTeller(tmp_path, connected, said.append)
    teller.start()
    with pytest.raises(RetryableError):
        accept_by(tmp_path, _Away(tmp_path, RetryableError("away", reason="kafka_away")))
    wait_until(lambda: len(said) == 2)
    teller.stop()
    assert said[0].startswith("away; the agents do not know of accepted baselines yet")
    assert said[1] == "1 accepted baseline was told to the agents"
    assert taken(tmp_path) == ids(tmp_path)
