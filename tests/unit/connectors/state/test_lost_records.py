"""Records whose message was refused on its way, files that are still under way, and records that were thinned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.state.commit import Commit, LostRecords, SupersededRows
from connectors.state.directory import StateDirectory
from models.records import SourceReference
from models.results import Scoring
from models.triplets.decided import DecidedBlock
from tests.unit.connectors.state.examples import CAMERA, METER, decided, file_record, source

A, B = source("a"), source("b")


def lost(records: int = 3, *, of: SourceReference = A, place: str = "images/0/7", reason: str = "x") -> LostRecords:
    return LostRecords(source=of, place=place, reason=reason, records=records)


def dead(state: StateDirectory) -> int:
    ledger = state.ledger()
    assert ledger["balanced"], ledger
    return int(ledger["records"]["dead_letter"])


def thinned(block: DecidedBlock, rows: int) -> DecidedBlock:
    scoring = np.full(len(block), Scoring.SCORED, np.uint8)
    scoring[:rows] = Scoring.THINNED
    return replace(block, scored=replace(block.scored, scoring=scoring))


def test_lost_records_are_an_outcome_beside_those_of_the_reader(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        record = file_record(A, 15, dead_letters={"time_syntax": 2})
        state.commit(Commit(files=[record], decided=[decided(CAMERA, 10, of=A)], lost_records=[lost(3)]))
        assert dead(state) == 5
        ledger = state.ledger()
        assert ledger["dead_letters"] == {"in_files": {"time_syntax": 2}, "on_the_way": {"x": 3}}


@pytest.mark.parametrize("announced_first", [True, False])
def test_what_is_told_twice_counts_once_whenever_the_file_is_known(tmp_path: Path, announced_first: bool) -> None:
    announced = Commit(files=[file_record(A, 13)], decided=[decided(CAMERA, 10, of=A)])
    told = [Commit(lost_records=[lost(3)]), Commit(lost_records=[lost(3)])]
    with StateDirectory.open(tmp_path) as state:
        for commit in (announced, *told) if announced_first else (*told, announced):
            state.commit(commit)
        assert dead(state) == 3


def test_what_was_sent_again_and_taken_is_lost_no_more(tmp_path: Path) -> None:
    lose = Commit(lost_records=[lost(3), lost(2, place="energies/1/5", reason="y")])
    take = Commit(retried_records={A: 4}, decided=[decided(METER, 4, of=A)])
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 15)], decided=[decided(CAMERA, 10, of=A)], pending={A: 5}))
        state.commit(lose)
        assert state.lost_records(A) == 5
        state.commit(take)
        assert dead(state) == state.lost_records(A) == 1
        state.commit(lose)  # the same letters told of again
        assert dead(state) == 1


def test_lost_records_of_a_replaced_file_are_void_with_it(tmp_path: Path) -> None:
    new = source("a", 2)
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 13)], decided=[decided(CAMERA, 10, of=A)], lost_records=[lost(3)]))
        replacing = file_record(new, 10, replaced_sha256=A.sha256)
        state.commit(Commit(files=[replacing], decided=[decided(CAMERA, 10, of=new)]))
        assert dead(state) == 0
        state.commit(Commit(lost_records=[lost(3, place="images/0/8")]))
        assert dead(state) == 0
        assert state.ledger()["dead_letters"]["on_the_way"] == {}


def test_a_file_that_is_not_announced_holds_what_has_come(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        under_way = {A: False}
        state.commit(Commit(under_way=under_way, pending={A: 5}))  # nothing of it is decided: it is not shown yet
        assert state.ledger()["records"]["read"] == 0
        state.commit(Commit(decided=[decided(CAMERA, 10, of=A)], under_way=under_way, pending={A: 5}))
        assert state.ledger()["records"] | {"read": 15, "triplet": 10, "pending": 5} == state.ledger()["records"]
        assert dead(state) == 0
        state.commit(Commit(lost_records=[lost(2)], under_way=under_way))
        assert state.ledger()["records"]["read"] == 12
        assert dead(state) == 2


def test_all_that_has_not_come_of_an_announced_file_is_pending(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 30)], under_way={A: True}, pending={A: 5, B: 0}))
        assert state.ledger()["records"]["pending"] == 30
        state.commit(Commit(decided=[decided(CAMERA, 10, of=A)], lost_records=[lost(2)], under_way={A: True}))
        assert state.ledger()["records"]["pending"] == 18
        assert state.ledger()["balanced"]
        state.commit(Commit(decided=[decided(CAMERA, 40, of=A)], under_way={A: True}))
        assert not state.ledger()["balanced"]  # more than the file holds


def test_how_a_file_stands(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        assert state.account(A) is None
        state.commit(Commit(files=[file_record(A, 30)], decided=[decided(CAMERA, 10, of=A)], lost_records=[lost(2)]))
        account = state.account(A)
        assert account is not None
        assert (account.read, account.ended, account.void) == (30, 12, False)
        new = source("a", 2)
        state.commit(Commit(files=[file_record(new, 0, replaced_sha256=A.sha256)]))
        account = state.account(A)
        assert account is not None
        assert account.void


def test_thinned_records_are_counted_beside_their_outcomes(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        first, second = thinned(decided(CAMERA, 10, of=A), 6), thinned(decided(METER, 10, of=A), 0)
        state.commit(Commit(files=[file_record(A, 20)], decided=[first, second]))
        assert state.ledger()["thinned"] == 6
        assert state.ledger()["balanced"]
        again = thinned(decided(CAMERA, 10, of=A), 4)
        state.commit(Commit(decided=[again], superseded=[SupersededRows(CAMERA, again.scored.event_time_ns)]))
        assert state.ledger()["thinned"] == 4
        new = source("a", 2)
        state.commit(Commit(files=[file_record(new, 0, replaced_sha256=A.sha256)]))
        assert state.ledger()["thinned"] == 0
