from pathlib import Path

from connectors.state.commit import Commit, FileStatus
from connectors.state.directory import StateDirectory
from models.results import Outcome
from tests.unit.connectors.state.examples import CAMERA, METER, decided, file_record, source

A, B = source("a"), source("b")


def test_the_document_of_an_empty_state(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        assert state.ledger() == {
            "files": {"accepted": 0, "rejected": 0, "replaced": 0, "skipped": 0, "ignored": 0},
            "records": {
                "read": 0,
                "triplet": 0,
                "incomplete": 0,
                "idle": 0,
                "unjoined": 0,
                "duplicate": 0,
                "late": 0,
                "invalid": 0,
                "unexpected": 0,
                "dead_letter": 0,
                "pending": 0,
            },
            "thinned": 0,
            "dead_letters": {"in_files": {}, "on_the_way": {}},
            "balanced": True,
        }


def test_all_words_are_counts(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        outcomes = [outcome for outcome in Outcome if outcome is not Outcome.DEAD_LETTER]
        blocks = [decided(CAMERA, number + 1, outcome=outcome) for number, outcome in enumerate(outcomes)]
        read = sum(len(block) for block in blocks) + 5 + 4
        files = [
            file_record(A, read, dead_letters={"no_time": 3, "no_device": 2}),
            file_record(B, 0, status=FileStatus.REJECTED, reason="not_hdf5"),
            file_record(source("c"), 0, status=FileStatus.IGNORED),
        ]
        state.commit(Commit(files=files, file_counts={"skipped": 2}, decided=blocks, pending={A: 4, B: 0}))
        ledger = state.ledger()
    assert ledger["files"] == {"accepted": 1, "rejected": 1, "replaced": 0, "skipped": 2, "ignored": 1}
    assert ledger["records"] == {
        "read": read,
        **{outcome.value: number + 1 for number, outcome in enumerate(outcomes)},
        "dead_letter": 5,
        "pending": 4,
    }
    assert ledger["balanced"]


def test_pending_records_move_to_their_outcome(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 10)], pending={A: 10}))
        assert state.ledger()["balanced"]
        state.commit(Commit(decided=[decided(CAMERA, 6, of=A)], pending={A: 4}))
        assert state.ledger()["records"] | {"read": 10, "triplet": 6, "pending": 4} == state.ledger()["records"]
        assert state.ledger()["balanced"]


def test_a_lost_record_is_found_and_its_file_named(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(
            Commit(files=[file_record(A, 10), file_record(B, 5)], decided=[decided(CAMERA, 9, of=A)], pending={B: 5})
        )
        ledger = state.ledger()
    assert not ledger["balanced"]
    assert ledger["unbalanced_files"] == [{"file": A.file, "sha256": A.sha256, "read": 10, "decided": 9, "pending": 0}]


def test_two_errors_that_cancel_out_in_the_sum_are_found(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(
            Commit(
                files=[file_record(A, 10), file_record(B, 10)],
                decided=[decided(CAMERA, 9, of=A), decided(METER, 11, of=B)],
            )
        )
        ledger = state.ledger()
    assert ledger["records"]["read"] == ledger["records"]["triplet"]
    assert not ledger["balanced"]
    assert [file["file"] for file in ledger["unbalanced_files"]] == [A.file, B.file]


def test_a_record_that_waits_and_is_decided_at_once_is_found(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 10)], decided=[decided(CAMERA, 10, of=A)], pending={A: 1}))
        ledger = state.ledger()
    assert not ledger["balanced"]
    assert ledger["unbalanced_files"][0]["pending"] == 1


def test_rows_of_a_file_that_nobody_recorded_are_found(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(decided=[decided(CAMERA, 10, of=A)]))
        assert not state.ledger()["balanced"]
        state.commit(Commit(files=[file_record(A, 10)]))
        assert state.ledger()["balanced"]


def test_a_file_that_is_looked_at_again_is_counted_once(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(A, 10)], decided=[decided(CAMERA, 10, of=A)]))
        state.commit(Commit(files=[file_record(A, 10, mtime_ns=9)], file_counts={"skipped": 1}))
        ledger = state.ledger()
    assert ledger["files"]["accepted"] == 1
    assert ledger["files"]["skipped"] == 1
    assert ledger["balanced"]


def test_a_truncated_file_is_rejected_and_its_readable_records_count(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        record = file_record(A, 7, status=FileStatus.REJECTED, reason="truncated")
        state.commit(Commit(files=[record], decided=[decided(CAMERA, 7, of=A)]))
        ledger = state.ledger()
    assert ledger["files"]["rejected"] == 1
    assert ledger["records"]["read"] == 7
    assert ledger["balanced"]
