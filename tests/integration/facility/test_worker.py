"""Workers that count: every message once in the sums, whatever happens to a worker."""

import signal
import time
from pathlib import Path

import pytest

from servers.kafka_server import KafkaServer
from streams.topology import TopicName
from tests.support.counting_group import CountingGroup, header


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
    group.send(500)
    with group.worker("a") as worker:
        counted = group.wait_until_counted()
        worker.terminate()
    assert counted.repeats == 0  # the last checkpoint held everything


def test_killed_at_any_moment_nothing_is_lost_or_counted_twice(group: CountingGroup) -> None:
    group.send(600)
    worker = group.worker("a", pause_s=0.002)
    for moment in (3.0, 3.6, 4.3):
        worker.start()
        worker.wait_for("started")
        group.send(150, within_s=1.0)
        time.sleep(moment)
        worker.kill()
    with worker:
        group.wait_until_counted()
        worker.terminate()


def test_two_workers_share_and_one_takes_over_what_the_other_leaves(group: CountingGroup) -> None:
    with group.worker("a", pause_s=0.002) as first:
        group.send(400, within_s=1.0)
        with group.worker("b", pause_s=0.002) as second:
            group.send(2500, within_s=10.0)
            code, seconds = second.terminate()
            assert (code, seconds < 10) == (0, True)
            group.send(1000, within_s=3.0)
        group.wait_until_counted()
        third = group.worker("c", pause_s=0.002)
        with third:
            group.send(1500, within_s=6.0)
            first.kill()
            group.send(1000, within_s=3.0)
            group.wait_until_counted()


def test_a_worker_that_was_paused_writes_nothing_wrong(group: CountingGroup) -> None:
    with group.worker("a", pause_s=0.002) as paused, group.worker("b", pause_s=0.002) as other:
        group.send(3000, within_s=8.0)
        paused.signal(signal.SIGSTOP)
        group.send(3000, within_s=12.0)
        paused.signal(signal.SIGCONT)
        group.send(1000, within_s=4.0)
        group.wait_until_counted()
        assert other.process.poll() is None


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
    letters = group.read(TopicName.DEAD_LETTERS)
    assert sorted(header(letter, "reason") for letter in letters) == ["poisonous", "poisonous", "refused_by_test"]
    assert {letter.value for letter in letters} == {b"poison", b"refuse"}


def test_progress_is_told_for_every_partition(group: CountingGroup) -> None:
    group.send(400)
    with group.worker("a") as worker:
        group.wait_until_counted()
        worker.terminate()
    told = {message.key: message.value or b"" for message in group.read(TopicName.PROGRESS)}
    assert set(told) == {b"energy/%d" % number for number in range(4)}
    assert all(b'"name"' in value for value in told.values())
