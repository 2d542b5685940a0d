"""Workers that count: every message once in the sums, whatever happens to a worker."""

import signal
import time
from pathlib import Path

import pytest

from connectors.wire.codec import decode
from connectors.wire.dead_letter import DeadLetterMessage
from servers.kafka_server import KafkaServer
from streams.topology import TopicName
from tests.support.counting_group import CountingGroup

#: The exit code of a counting worker that had to end at once.
ENDED_AT_ONCE = 3


@pytest.fixture
def group(kafka: KafkaServer, tmp_path: Path) -> CountingGroup:
    """Four partitions of numbers, and nobody who counts them yet."""
    return CountingGroup(kafka, tmp_path)


def test_one_worker_counts_saves_and_goes_on(group: CountingGroup) -> None:
    group.send(500)
    with group.worker("a") as worker:
        group.wait_until_counted()
        code, seconds = worker.terminate()
    assert (code, seconds < 10) == (0, True)
    assert group.unread() == 0
    group.send(500)
    with group.worker("a") as worker:
        counted = group.wait_until_counted()
        worker.terminate()
    assert counted.repeats == 0  # the last checkpoint held everything


def test_killed_at_any_moment_nothing_is_lost_or_counted_twice(group: CountingGroup) -> None:
    worker = group.worker("a", pause_s=0.002)
    for moment_s in (0.1, 0.45, 0.8):
        worker.start()
        group.keep_sending_until_shared_by("a")
        group.send(150, within_s=0.5 + moment_s)
        worker.kill()
    with worker:
        group.wait_until_counted()


def test_workers_come_and_go_in_the_middle_of_it(group: CountingGroup) -> None:
    with group.worker("a", pause_s=0.002) as first, group.worker("b", pause_s=0.002) as second:
        group.keep_sending_until_shared_by("a", "b")
        group.send(400, within_s=1.0)
        code, seconds = second.terminate()
        assert (code, seconds < 10) == (0, True)
        group.send(400, within_s=1.0)
        with group.worker("c", pause_s=0.002):
            group.keep_sending_until_shared_by("a", "c")
            group.send(400, within_s=1.0)
            first.kill()
            group.keep_sending_until_shared_by("c")
            group.wait_until_counted()


def test_a_worker_that_was_paused_writes_nothing_wrong(group: CountingGroup) -> None:
    with group.worker("a", pause_s=0.002) as paused, group.worker("b", pause_s=0.002) as other:
        group.keep_sending_until_shared_by("a", "b")
        group.send(400, within_s=1.0)
        paused.signal(signal.SIGSTOP)
        group.keep_sending_until_shared_by("b")
        paused.signal(signal.SIGCONT)
        group.send(1000, within_s=4.0)
        group.wait_until_counted()
        assert other.process.poll() is None
        # Its checkpoint was refused, or it saw first that it is out of the group.
        assert paused.process.poll() in {None, ENDED_AT_ONCE}
        assert paused.process.poll() is None or "this one ends" in paused.said


def test_bad_and_poisonous_messages_become_dead_letters_once(group: CountingGroup) -> None:
    group.send(100)
    with group.worker("a") as worker:
        group.wait_until_counted()
        group.send_bad(b"poison")
        group.send_bad(b"refuse")
        group.send_bad(b"poison", key="k1")
        group.send(200)
        group.wait_until_counted()
        assert worker.terminate()[0] == 0
        assert "becomes a dead letter" in worker.said
    # What is done again is sent again: by its position in its topic it is known.
    letters = [decode(message) for message in group.read(TopicName.DEAD_LETTERS)]
    found = {
        (letter.original.partition, letter.original.offset, letter.original.value, letter.reason)
        for letter in letters
        if isinstance(letter, DeadLetterMessage)
    }
    expected = [(b"poison", "poisonous"), (b"poison", "poisonous"), (b"refuse", "refused_by_test")]
    assert sorted(each[2:] for each in found) == expected


def test_progress_is_told_for_every_partition(group: CountingGroup) -> None:
    group.send(400)
    with group.worker("a") as worker:
        group.wait_until_counted()
        worker.terminate()
    told = {message.key: message.value or b"" for message in group.read(TopicName.PROGRESS)}
    assert set(told) == {b"energy/%d" % number for number in range(4)}
    assert all(b'"name"' in value for value in told.values())


def test_a_broker_that_dies_for_a_while_costs_nothing_and_holds_up_no_end(tmp_path: Path) -> None:
    with KafkaServer(tmp_path / "broker") as server:
        group = CountingGroup(server, tmp_path)
        with group.worker("a", pause_s=0.002) as stays, group.worker("b", pause_s=0.002) as ends:
            group.keep_sending_until_shared_by("a", "b")
            group.send(600, within_s=1.0)
            server.kill()
            time.sleep(8.0)
            code, seconds = ends.terminate()
            assert (code, seconds < 10) == (0, True)
            server.start()
            group.keep_sending_until_shared_by("a")
            group.wait_until_counted()
            assert stays.process.poll() is None


def test_work_that_stands_still_ends_the_worker(kafka: KafkaServer, tmp_path: Path) -> None:
    group = CountingGroup(kafka, tmp_path, stuck_after_s=4.0)
    with group.worker("a", pause_s=3600.0) as worker:
        group.send(10)
        assert worker.process.wait(timeout=60) == ENDED_AT_ONCE
        assert "has not moved for" in worker.said
