"""Verdicts and baselines are durable, kept in order, and written by several commands at once."""

import sqlite3
import threading
from pathlib import Path

import pytest

from connectors.control_room.database import DECISIONS_NAME
from connectors.control_room.decisions import OperatorDecisions
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.devices import Device, RecordKind, parse_device
from models.errors import FatalError, RetryableError

CAMERA = parse_device("LA_A3_32-Camera_1-Camera-1")


def verdict(alert_id: str, word: Verdict, at_ns: int = 5) -> EpisodeVerdict:
    return EpisodeVerdict(alert_id=alert_id, verdict=word, reason="dust", by="ana", at_ns=at_ns)


def test_nothing_is_decided_at_first_and_reading_makes_no_file(tmp_path: Path) -> None:
    decisions = OperatorDecisions(tmp_path)
    assert decisions.verdicts() == []
    assert decisions.baselines() == []
    assert not list(tmp_path.iterdir())


def test_a_second_verdict_counts_and_the_first_is_kept(tmp_path: Path) -> None:
    decisions = OperatorDecisions(tmp_path)
    given = [verdict("ab", Verdict.TRUE), verdict("cd", Verdict.UNCLEAR), verdict("ab", Verdict.FALSE, at_ns=2)]
    for each in given:
        decisions.add_verdict(each)
    assert OperatorDecisions(tmp_path).verdicts() == given
    assert decisions.latest_verdicts() == {"ab": Verdict.FALSE, "cd": Verdict.UNCLEAR}


def test_a_baseline_comes_back_as_it_was_given(tmp_path: Path) -> None:
    decisions = OperatorDecisions(tmp_path)
    odd = Device("no-name-that-tells", parse_device("no-name-that-tells").stage, RecordKind.CAMERA)
    first = decisions.accept_baseline(CAMERA, 7, reason="realigned", by="ana", now_ns=1000)
    second = decisions.accept_baseline(odd, 8, reason="new filter", by="ion", now_ns=900)  # the clock was set back
    assert (first.baseline.id, second.baseline.id) == (1000, 1001)
    assert decisions.baselines() == [first, second]
    assert decisions.baselines(after_id=1000) == [second]
    assert second.baseline.device.kind is RecordKind.CAMERA


def test_a_facilitys_baseline_is_untold_until_that_is_noted(tmp_path: Path) -> None:
    decisions = OperatorDecisions(tmp_path)
    decisions.accept_baseline(CAMERA, 6, reason="x", by="ana", now_ns=900)
    first, second = (
        decisions.accept_baseline(CAMERA, 7, reason="x", by="ana", now_ns=now_ns, of_facility=True)
        for now_ns in (1000, 2000)
    )
    assert [each.told for each in decisions.baselines()] == [True, False, False]
    assert decisions.untold_baselines() == [first.baseline, second.baseline]
    decisions.note_told([first.baseline])
    assert decisions.untold_baselines() == [second.baseline]
    assert [each.told for each in decisions.baselines()] == [True, True, False]


def test_many_may_decide_at_once(tmp_path: Path) -> None:
    begin = threading.Barrier(8)

    def decide(number: int) -> None:
        begin.wait()
        for _ in range(5):
            decisions = OperatorDecisions(tmp_path)
            decisions.accept_baseline(CAMERA, number, reason="x", by="ana", now_ns=1000)
            decisions.add_verdict(verdict(str(number), Verdict.TRUE))

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [recorded.baseline.id for recorded in OperatorDecisions(tmp_path).baselines()] == list(range(1000, 1040))
    assert len(OperatorDecisions(tmp_path).verdicts()) == 40


def test_a_writer_does_not_wait_for_long_and_a_reader_not_at_all(tmp_path: Path) -> None:
    decisions = OperatorDecisions(tmp_path, wait_s=0.01)
    decisions.add_verdict(verdict("ab", Verdict.TRUE))
    connection = sqlite3.connect(tmp_path / DECISIONS_NAME, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(RetryableError, match="another program holds"):
        decisions.add_verdict(verdict("cd", Verdict.TRUE))
    assert len(decisions.verdicts()) == 1
    connection.execute("ROLLBACK")
    connection.close()
    decisions.add_verdict(verdict("cd", Verdict.TRUE))
    assert len(decisions.verdicts()) == 2


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look at" * 100, None])
def test_what_is_no_database_of_decisions_is_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / DECISIONS_NAME
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE others (a)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    for call in (
        lambda: OperatorDecisions(tmp_path).add_verdict(verdict("ab", Verdict.TRUE)),
        lambda: OperatorDecisions(tmp_path).baselines(),
    ):
        with pytest.raises(FatalError, match="damaged"):
            call()
    assert path.read_bytes() == before
