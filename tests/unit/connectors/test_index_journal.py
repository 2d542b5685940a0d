"""What is known of files that were indexed before."""

import sqlite3
from pathlib import Path

import pytest

from connectors.index_journal import FileStamp, IndexJournal
from models.errors import FatalError, RetryableError

FIRST = FileStamp("/data/a.h5", "/data", 10, 20)
SECOND = FileStamp("/data/b.h5", "/data", 11, 21)


def test_a_file_is_known_as_long_as_it_lies_there_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "archive" / "index.sqlite"
    with IndexJournal(place) as journal:
        journal.add([(FIRST, "a@1"), (SECOND, "b@2")])
    with IndexJournal(place) as journal:
        assert journal.ids_of([FIRST, SECOND]) == {FIRST: "a@1", SECOND: "b@2"}
        others = [FIRST._replace(size_bytes=9), FIRST._replace(mtime_ns=19), FIRST._replace(root="/")]
        assert [journal.ids_of([other]) for other in others] == [{}, {}, {}]
        journal.add([(others[0], "a@3")])
        assert journal.ids_of([FIRST, others[0]]) == {others[0]: "a@3"}


def test_thousands_are_asked_for_at_once(tmp_path: Path) -> None:
    stamps = [FileStamp(f"/data/{number}", "/data", number, number) for number in range(3000)]
    with IndexJournal(tmp_path / "index.sqlite") as journal:
        journal.add((stamp, str(stamp.size_bytes)) for stamp in stamps)
        assert journal.ids_of(stamps) == {stamp: str(stamp.size_bytes) for stamp in stamps}


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_no_journal_is_one_sentence_and_stays(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "index.sqlite"
    if content is None:
        with sqlite3.connect(place) as other:
            other.execute("CREATE TABLE others (id)")
        other.close()
    else:
        place.write_bytes(content)
    before = place.read_bytes()
    with pytest.raises(FatalError, match=r"index\.sqlite") as raised:
        IndexJournal(place)
    assert raised.value.reason == "index_unusable"
    assert place.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError) as raised:
        IndexJournal(tmp_path / "file" / "index.sqlite")
    assert raised.value.reason == "index_unusable"


def test_a_failure_adds_nothing(tmp_path: Path) -> None:
    def lines() -> list[tuple[FileStamp, str]]:
        return [(FIRST, "a@1"), (FileStamp("/data/b.h5", "/data", 2**70, 0), "b@2")]

    with IndexJournal(tmp_path / "index.sqlite") as journal:
        with pytest.raises(OverflowError):
            journal.add(lines())
        assert journal.ids_of([FIRST]) == {}


def test_a_journal_that_another_program_writes_to_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "index.sqlite"
    monkeypatch.setattr("connectors.sqlite_file._BUSY_TIMEOUT_S", 0.01)
    with IndexJournal(place) as journal:
        holder = sqlite3.connect(place, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError) as raised:
            journal.add([(FIRST, "a@1")])
        holder.close()
        assert raised.value.reason == "index_busy"
        journal.add([(FIRST, "a@1")])
        assert journal.ids_of([FIRST]) == {FIRST: "a@1"}
