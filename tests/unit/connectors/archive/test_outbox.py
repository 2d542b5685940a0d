"""The outbox of the archive: what waits is there until it is done, with its time and its failures."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.archive.outbox import MAX_PAUSE_S, OUTBOX_NAME, ArchiveOutbox
from connectors.archive.outbox_lines import LeftOut, NewLine, Position, Sink, SinkLag, Step
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS

SOURCE = "numbering store"


def line(name: str, **document: int) -> NewLine:
    return NewLine(name=name, document=document or {"known": 1}, size_bytes=10)


def names(outbox: ArchiveOutbox, sink: Sink, now_ns: int = 100, limit: int = 100) -> list[str]:
    return [each.name for each in outbox.due(sink, now_ns, limit)]


def test_lines_and_position_are_taken_over_together_and_survive(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path / "new")) as outbox:
        assert outbox.position(SOURCE) == Position()
        outbox.follow(SOURCE, Position(number=7, version=5), [line("a"), line("b")], [], 50)
    with closing(ArchiveOutbox.open(tmp_path / "new")) as outbox:
        assert outbox.position(SOURCE) == Position(number=7, version=5)
        assert outbox.position("another") == Position()
        assert names(outbox, Sink.STORE) == ["a", "b"]
        assert outbox.lags()[Sink.STORE] == SinkLag(files=2, size_bytes=20, oldest_ns=50)
        assert outbox.lags()[Sink.CATALOG] == SinkLag()
        outbox.follow(SOURCE, Position(number=9, version=5), [line("a")], [], 60)  # followed once more
        assert names(outbox, Sink.STORE) == ["a", "b"]
        assert outbox.lags()[Sink.STORE].oldest_ns == 50


def test_what_is_known_better_changes_the_line_that_waits_or_is_news_for_the_catalog(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        outbox.follow(SOURCE, Position(number=2, version=2), [line("a", known=1), line("b", known=1)], [], 50)
        [first, second] = outbox.due(Sink.STORE, 100, 9)
        stored = NewLine(name="b", document={"known": 1, "file": 4}, size_bytes=10)
        outbox.take(Step(done=[second.id], added=[(Sink.CATALOG, stored, second.since_ns)]))
        outbox.follow(SOURCE, Position(number=5, version=2), [], [line(name, known=2) for name in "abc"], 80)
        assert [each.document for each in outbox.due(Sink.STORE, 100, 9)] == [{"known": 2}]
        told = {each.name: (each.document, each.since_ns) for each in outbox.due(Sink.CATALOG, 100, 9)}
        assert told == {"b": ({"known": 2, "file": 4}, 50), "c": ({"known": 2}, 80)}
        assert outbox.line(first.id) is not None
        assert outbox.line(second.id) is None


def test_what_failed_waits_for_its_turn_behind_the_others(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        outbox.follow(SOURCE, Position(number=3, version=3), [line(name) for name in "abc"], [], 50)
        [a, b, _] = outbox.due(Sink.STORE, 100, 9)
        outbox.failed([a.id], "folder_away", "it is away", 200)
        outbox.failed([b.id], "storage", "it fails", 100)
        assert names(outbox, Sink.STORE, now_ns=100) == ["c", "b"]
        assert names(outbox, Sink.STORE, now_ns=200) == ["c", "b", "a"]
        assert names(outbox, Sink.STORE, now_ns=200, limit=1) == ["c"]
        assert [each.name for each in outbox.due(Sink.STORE, 200, 1, without={3})] == ["b"]
        assert [each.attempts for each in outbox.due(Sink.STORE, 200, 9)] == [0, 1, 1]
        assert outbox.lags()[Sink.STORE].error == "it is away"
        assert outbox.lags()[Sink.STORE].reason == "folder_away"


def test_a_clock_that_was_set_back_delays_nothing(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        outbox.follow(SOURCE, Position(number=1, version=1), [line("a")], [], 50)
        [a] = outbox.due(Sink.STORE, 100, 9)
        later_ns = 86_400 * SECOND_NS
        outbox.failed([a.id], "storage", "it fails", later_ns)
        assert names(outbox, Sink.STORE, later_ns - round(MAX_PAUSE_S * SECOND_NS)) == []
        assert names(outbox, Sink.STORE, 100) == ["a"]


def test_what_was_left_out_is_counted_and_the_latest_of_it_is_kept(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        gone = [
            LeftOut(path=f"{n}.h5", reason="file_gone", sentence="gone", at_ns=n, line=line(str(n)))
            for n in range(1_005)
        ]
        outbox.take(Step(left_out=gone, counts={"file_gone": 1_005}))
        outbox.take(Step(counts={"file_gone": 1, "stored": 2}, notes={"a": "b"}))
        assert outbox.counts() == {"file_gone": 1_006, "stored": 2}
        assert [each.path for each in outbox.left_out(2)] == ["1004.h5", "1003.h5"]
        assert outbox.left_out(1) == gone[-1:]
        assert len(outbox.left_out(5_000)) == 1_000
        outbox.take(Step(found=["1004"]))
        assert outbox.left_out(1) == gone[-2:-1]
        assert (outbox.note("a"), outbox.note("c")) == ("b", "")


def test_a_failed_step_changes_nothing(tmp_path: Path) -> None:
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        outbox.follow(SOURCE, Position(number=1, version=1), [line("a")], [], 50)
        [a] = outbox.due(Sink.STORE, 100, 9)
        broken = NewLine(name="b", document={"known": object()}, size_bytes=1)
        with pytest.raises(TypeError):
            outbox.take(Step(done=[a.id], added=[(Sink.CATALOG, broken, 1)]))
        assert names(outbox, Sink.STORE) == ["a"]
        outbox.take(Step(done=[a.id]))
        assert names(outbox, Sink.STORE) == []


def test_it_is_looked_at_while_it_is_written(tmp_path: Path) -> None:
    assert ArchiveOutbox.open_for_reading(tmp_path) is None
    assert ArchiveOutbox.open_for_notes(tmp_path) is None
    with closing(ArchiveOutbox.open(tmp_path)) as outbox:
        reader = ArchiveOutbox.open_for_reading(tmp_path)
        assert reader is not None
        with closing(reader):
            outbox.follow(SOURCE, Position(number=1, version=1), [line("a")], [], 50)
            assert reader.lags()[Sink.STORE].files == 1
            with pytest.raises(FatalError, match="can't be used") as error:
                reader.set_note("a", "b")
            assert error.value.reason == "outbox_unusable"


def test_a_damaged_outbox_says_how_it_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / OUTBOX_NAME).write_bytes(b"nonsense" * 1000)
    with pytest.raises(FatalError, match=r"remove its files outbox.sqlite\*: it is made anew") as error:
        ArchiveOutbox.open(tmp_path)
    assert error.value.reason == "outbox_damaged"


def test_one_of_a_later_program_is_refused(tmp_path: Path) -> None:
    ArchiveOutbox.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / OUTBOX_NAME)) as connection:
        connection.execute("PRAGMA user_version=2")
    with pytest.raises(FatalError, match="newer Petawatch") as error:
        ArchiveOutbox.open(tmp_path)
    assert error.value.reason == "outbox_too_new"


def test_a_folder_that_can_t_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match=r"file/folder can't be used") as error:
        ArchiveOutbox.open(tmp_path / "file" / "folder")
    assert error.value.reason == "outbox_unusable"


def test_an_outbox_that_another_program_holds_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sqlite_file._BUSY_TIMEOUT_S", 0.01)
    with closing(ArchiveOutbox.open(tmp_path)) as outbox, closing(sqlite3.connect(tmp_path / OUTBOX_NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError, match="another program holds") as error:
            outbox.set_note("a", "b")
        assert error.value.reason == "outbox_busy"
        other.rollback()
        outbox.set_note("a", "b")
        assert outbox.note("a") == "b"
