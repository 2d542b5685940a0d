"""What a partition's owner passes over, refuses, gives up, and where it stops."""

from collections.abc import Mapping

import pytest

from connectors.checkpoints.store import Checkpoint
from connectors.wire.codec import decode
from connectors.wire.dead_letter import DeadLetterMessage
from connectors.wire.message import Incoming, Outgoing
from models.errors import FatalError, RecordError
from streams.agents.partition_run import POISONOUS, PartitionRun, PoisonedError
from streams.agents.task import Standing
from streams.topology import AgentName
from tests.support.manual_clock import ManualClock


class _Adding:
    """Adds up the numbers in the messages; ``refuse``, ``stop`` and ``fail`` are no numbers."""

    def __init__(self) -> None:
        self.total = 0

    @property
    def standing(self) -> Standing:
        return Standing(start_ns=self.total)

    def restore(self, states: Mapping[str, bytes]) -> None:
        self.total = int(states.get("total", b"0"))

    def process(self, message: Incoming) -> list[Outgoing]:
        word = (message.value or b"").decode()
        if word == "refuse":
            raise RecordError("a word is no number; send numbers", reason="no_number")
        if word == "stop":
            raise FatalError("that is the end", reason="ended")
        self.total += int(word)
        return [Outgoing(topic="sums", key=b"k", value=str(self.total).encode())]

    def take_changed(self) -> dict[str, bytes]:
        return {"total": str(self.total).encode()}


def _message(offset: int, word: str, *, topic: str = "numbers", timestamp_ms: int = 5) -> Incoming:
    return Incoming(
        topic=topic,
        partition=3,
        offset=offset,
        key=b"key",
        value=word.encode(),
        headers=(("a", b"b"),),
        timestamp_ms=timestamp_ms,
    )


def _run(next_offset: int | None = None, poisonous: dict[tuple[str, int], str] | None = None) -> PartitionRun:
    run = PartitionRun(_Adding, AgentName.ENERGY, ManualClock())
    next_offsets = {} if next_offset is None else {"numbers": next_offset}
    run.start(Checkpoint(next_offsets=next_offsets, states={"total": b"100"}), poisonous)
    return run


def _values(outgoing: list[Outgoing]) -> list[bytes | None]:
    return [message.value for message in outgoing]


def test_goes_on_from_the_checkpoint() -> None:
    run = _run(7)
    assert _values(run.work([_message(7, "1"), _message(8, "2")])) == [b"101", b"103"]
    assert run.next_offsets == {"numbers": 9}
    assert run.take_changed() == {"total": b"103"}
    assert run.standing.start_ns == 103


def test_without_a_checkpoint_the_first_message_is_the_beginning() -> None:
    run = _run()
    assert run.next_offsets == {}
    assert _values(run.work([_message(40, "1")])) == [b"101"]
    assert run.next_offsets == {"numbers": 41}


def test_each_topic_has_its_position() -> None:
    run = _run(7)
    run.work([_message(7, "1"), _message(90, "1", topic="others"), _message(8, "1"), _message(91, "1", topic="others")])
    assert run.next_offsets == {"numbers": 9, "others": 92}


def test_what_was_worked_on_is_passed_over() -> None:
    run = _run(7)
    first = [_message(7, "1"), _message(8, "2")]
    run.work(first)
    assert run.work([_message(2, "1", timestamp_ms=4), *first, _message(9, "3")])[0].value == b"106"
    assert run.next_offsets == {"numbers": 10}


@pytest.mark.parametrize("offset", [0, 6])
def test_a_topic_that_begins_before_the_checkpoint_was_made_anew(offset: int) -> None:
    run = _run(7)
    with pytest.raises(FatalError, match=rf"came to offset {offset} where 7 was next.*made anew") as failure:
        run.work([_message(offset, "1", timestamp_ms=1)])
    assert failure.value.reason == "offset_gap"


def test_each_topic_is_to_begin_at_its_checkpoint() -> None:
    run = PartitionRun(_Adding, AgentName.ENERGY, ManualClock())
    run.start(Checkpoint(next_offsets={"numbers": 7, "others": 4}, states={}))
    run.work([_message(7, "1")])
    with pytest.raises(FatalError, match="partition 3 of others came to offset 3 where 4 was next"):
        run.work([_message(3, "1", topic="others")])


def test_nothing_is_remembered_over_another_start() -> None:
    run = _run(7)
    run.work([_message(7, "1"), _message(8, "1")])
    run.start(Checkpoint(next_offsets={"numbers": 9}, states={}))
    with pytest.raises(FatalError, match="offset 8 where 9 was next"):
        run.work([_message(8, "1")])


def test_a_gap_ends_the_work() -> None:
    run = _run(7)
    run.work([_message(7, "1")])
    with pytest.raises(FatalError, match=r"partition 3 of numbers came to offset 9 where 8 was next") as failure:
        run.work([_message(9, "1")])
    assert failure.value.reason == "offset_gap"


def test_a_gap_behind_the_checkpoint_ends_the_work() -> None:
    with pytest.raises(FatalError, match="offset 8 where 7 was next"):
        _run(7).work([_message(8, "1")])


@pytest.mark.parametrize(
    "other", [_message(7, "12"), _message(7, "1", timestamp_ms=6), _message(0, "1", timestamp_ms=9)]
)
def test_a_topic_that_was_made_anew_ends_the_work(other: Incoming) -> None:
    run = _run(7)
    run.work([_message(7, "1"), _message(8, "1")])
    with pytest.raises(FatalError, match="made anew"):
        run.work([other])


def test_a_refused_message_becomes_a_dead_letter_and_the_next_is_worked_on() -> None:
    run = _run(7)
    letter, after = run.work([_message(7, "refuse"), _message(8, "1")])
    assert (letter.topic, letter.key) == ("dead-letters", b"numbers/3")
    incoming = Incoming(
        topic=letter.topic, partition=0, offset=0, key=letter.key, value=letter.value, headers=letter.headers
    )
    told = decode(incoming)
    assert isinstance(told, DeadLetterMessage)
    assert told.original == _message(7, "refuse")
    assert (told.reason, told.agent) == ("no_number", "energy")
    assert told.error == "a word is no number; send numbers"
    assert told.at_ns == ManualClock().now_ns()
    assert after.value == b"101"


def test_what_fails_unforeseen_is_given_up_at_the_second_time() -> None:
    run = _run(7)
    with pytest.raises(PoisonedError, match=r"numbers@8 can't be worked on: ValueError: invalid literal") as failure:
        run.work([_message(7, "1"), _message(8, "fail"), _message(9, "1")])
    error = failure.value
    assert (error.topic, error.offset) == ("numbers", 8)

    run.start(
        Checkpoint(next_offsets={"numbers": 7}, states={"total": b"100"}), {(error.topic, error.offset): error.cause}
    )
    first, letter, after = run.work([_message(7, "1"), _message(8, "fail"), _message(9, "1")])
    assert (first.value, after.value) == (b"101", b"102")
    assert letter.value == b"fail"
    assert ("reason", POISONOUS.encode()) in letter.headers
    assert ("error", error.cause.encode()) in letter.headers


def test_a_poisonous_message_is_not_worked_on_even_if_it_could_be() -> None:
    run = _run(7, {("numbers", 7): "it failed"})
    (letter,) = run.work([_message(7, "1")])
    assert letter.topic == "dead-letters"
    assert run.take_changed() == {"total": b"100"}


def test_what_ends_the_program_is_no_dead_letter() -> None:
    with pytest.raises(FatalError, match="that is the end"):
        _run(7).work([_message(7, "stop")])
