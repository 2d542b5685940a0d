"""A directory of an earlier format is read as it is, and brought to the present one by the first who writes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state import database
from connectors.state.alarm_feed import AlarmFeed
from connectors.state.commit import Commit, LostRecords
from connectors.state.database import DATABASE_NAME, SCHEMA_VERSION
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.alerts.explanation import NO_EXPLANATION
from tests.unit.connectors.state.examples import (
    CAMERA,
    START_NS,
    STEP_NS,
    alert_event,
    commit_of,
    decided,
    file_record,
    source,
)


def fifth_format(path: Path) -> None:
    """A directory from before alarms were kept: what came later is taken away again."""
    with StateDirectory.open(path) as state:
        state.commit(commit_of(0))
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        connection.execute("DROP TABLE alarm_feed")
        connection.execute("DROP TABLE stage_activity")
        connection.commit()
        connection.execute("PRAGMA user_version=5")


def fourth_format(path: Path) -> None:
    """A directory from before changes of files were numbered."""
    fifth_format(path)
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        connection.execute("DROP TABLE file_changes")
        connection.execute("DELETE FROM meta WHERE name = 'changes'")
        connection.commit()
        connection.execute("PRAGMA user_version=4")


def third_format(path: Path) -> None:
    """A directory from before alerts said when they opened."""
    fourth_format(path)
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        connection.execute("ALTER TABLE alerts DROP COLUMN opened_ns")
        connection.execute("PRAGMA user_version=3")


def second_format(path: Path) -> None:
    """A directory from before alerts had explanations."""
    third_format(path)
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        for column in ("explanation", "cause", "cause_probability"):
            connection.execute(f"ALTER TABLE alerts DROP COLUMN {column}")
        connection.execute("PRAGMA user_version=2")


def first_format(path: Path) -> None:
    """A directory as the first release left it behind."""
    second_format(path)
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        connection.execute("ALTER TABLE file_versions DROP COLUMN thinned")
        connection.execute("DROP TABLE lost_records")
        connection.execute("PRAGMA user_version=1")


def version(path: Path) -> int:
    with closing(sqlite3.connect(path / DATABASE_NAME)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize(("earlier", "make", "thinned"), [(1, first_format, 0), (2, second_format, 23)])
def test_a_reader_reads_it_and_changes_nothing(
    tmp_path: Path, earlier: int, make: Callable[[Path], None], thinned: int
) -> None:
    make(tmp_path)
    before = (tmp_path / DATABASE_NAME).read_bytes()
    with StateReader.open(tmp_path) as reader:
        ledger = reader.ledger()
        assert ledger["records"]["triplet"] == 90
        assert ledger["thinned"] == thinned
        assert ledger["balanced"]
        assert [alert.explanation for alert, _ in reader.alerts()] == [NO_EXPLANATION]
    assert (tmp_path / DATABASE_NAME).read_bytes() == before
    assert version(tmp_path) == earlier


def test_alerts_of_the_third_format_keep_their_explanations(tmp_path: Path) -> None:
    third_format(tmp_path)
    known = replace(alert_event().alert, opened_ns=0)
    with StateReader.open(tmp_path) as reader:
        assert [alert for alert, _ in reader.alerts()] == [known]
    with StateDirectory.open(tmp_path) as state:
        assert [alert for alert, _ in state.alerts()] == [known]
        assert version(tmp_path) == SCHEMA_VERSION


def test_alarms_are_kept_of_the_fifth_format_on(tmp_path: Path) -> None:
    fifth_format(tmp_path)
    known = alert_event().alert
    with closing(AlarmFeed(tmp_path)) as feed:
        assert version(tmp_path) == SCHEMA_VERSION
        assert feed.next(10) == []
        assert feed.not_in_feed([]) == ([known], [])  # what was open becomes an alarm all the same


def test_a_watch_brings_it_to_the_present_format(tmp_path: Path) -> None:
    first_format(tmp_path)
    with StateReader.open(tmp_path) as reader, StateDirectory.open(tmp_path) as state:
        assert version(tmp_path) == SCHEMA_VERSION
        assert state.ledger()["records"]["triplet"] == 90
        lost = LostRecords(source=source("b"), place="images/0/1", reason="x", records=2)
        new = decided(CAMERA, 8, of=source("b"))
        state.commit(Commit(files=[file_record(source("b"), 10)], decided=[new], lost_records=[lost]))
        assert state.ledger()["balanced"]
        assert reader.ledger()["records"]["read"] == 100  # who reads meanwhile goes on reading
    with StateReader.open(tmp_path) as reader:
        assert reader.ledger()["records"]["dead_letter"] == 2


def test_alerts_of_an_earlier_format_explain_nothing_until_they_are_told_anew(tmp_path: Path) -> None:
    second_format(tmp_path)
    known, later = alert_event(shots=3), alert_event(START_NS + STEP_NS)
    with StateReader.open(tmp_path) as reader, StateDirectory.open(tmp_path) as state:
        ((old, _),) = state.alerts()
        assert old == replace(alert_event().alert, explanation=NO_EXPLANATION, opened_ns=0)
        state.commit(Commit(alerts=[known, later]))
        assert [alert for alert, _ in state.alerts()] == [known.alert, later.alert]
        assert state.alert(later.alert.id) == later.alert
        assert [alert for alert, _ in reader.alerts()] == [known.alert, later.alert]  # who reads meanwhile goes on


def test_a_crash_in_the_middle_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_format(tmp_path)
    with monkeypatch.context() as patch:
        patch.setitem(database._MIGRATIONS, 1, (*database._MIGRATIONS[1], "CREATE TABLE states (key)"))
        with pytest.raises(sqlite3.OperationalError, match="already exists"):
            database.open_for_writing(tmp_path)
    assert version(tmp_path) == 1
    with StateDirectory.open(tmp_path) as state:
        assert state.ledger()["balanced"]
