"""decisions.sqlite: files of earlier programs, of later ones, and what was done to the audit log."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.control_room.audit_log import add_entry, entries_about
from connectors.control_room.database import DECISIONS_NAME, ControlRoomDatabase, reading
from connectors.control_room.decisions import OperatorDecisions
from connectors.control_room.notes import read_note, write_note
from connectors.control_room.reader import ControlRoomReader
from connectors.control_room.schema import FIRST_TABLES, MIGRATIONS, SCHEMA_VERSION
from connectors.control_room.told_subjects import owed_ends, who_knows
from models.alerts.verdicts import EpisodeVerdict, Verdict
from models.errors import FatalError, RetryableError

_MAKE_FILE = """import sys; from pathlib import Path
from connectors.control_room.database import ControlRoomDatabase
ControlRoomDatabase.open(Path(sys.argv[1])).close()"""
VERDICT = EpisodeVerdict(alert_id="ab", verdict=Verdict.TRUE, reason="dust", by="ana", at_ns=5)


def earlier_file(state: Path) -> None:
    """As a program before the control room left it: not in WAL mode, without a version."""
    with closing(sqlite3.connect(state / DECISIONS_NAME)) as connection:
        for statement in FIRST_TABLES:
            connection.execute(statement)
        connection.execute("PRAGMA application_id=1347896404")
        connection.execute(
            "INSERT INTO verdicts (alert_id, verdict, reason, who, at_ns) VALUES ('ab', 'true', 'dust', 'ana', 5)"
        )
        connection.execute(
            "INSERT INTO baselines VALUES (7, 'LA_A3_32-Camera_1-Camera-1', 'camera', 6, 'moved', 'ion')"
        )
        connection.commit()


def file_of_version_1(state: Path) -> None:
    """With an alert and an incident that go on, two that are over, and what receivers were told of them."""
    with closing(sqlite3.connect(state / DECISIONS_NAME)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA application_id=1347896404")
        connection.execute("PRAGMA user_version=1")
        for number, alert_id in enumerate(["open-1", "over-1", "over-2"]):
            connection.execute(
                "INSERT INTO activations (alert_id, alarm_id, incident_id, scope, open, front_end, amp, arm,"
                " first_shot_ns, last_shot_ns, alert, known_ns)"
                " VALUES (?, 'a', 'i', 's', ?, '', '', '', 1, 1, '{}', 1)",
                (alert_id, number == 0),
            )
        for incident_id, state_ in (("open-2", "open"), ("over-3", "closed")):
            connection.execute(
                "INSERT INTO incidents (id, first_alert_id, priority, state, first_shot_ns, last_shot_ns, opened_ns,"
                " origin, stages, kinds, subjects, episodes, open_episodes)"
                " VALUES (?, 'a', 'low', ?, 1, 1, 1, '', '[]', '[]', '[]', 1, 0)",
                (incident_id, state_),
            )
        for subject, *types in (
            ("open-1", "alert.opened"),
            ("over-1", "alert.opened", "alert.closed"),
            ("over-2", "alert.opened"),
            ("open-2", "incident.opened", "incident.closed", "incident.updated"),
            ("over-3", "incident.acknowledged"),
        ):
            connection.executemany(
                "INSERT INTO receipts (receiver, subject_id, event_id, type, body, created_ns, delivered_ns, status,"
                " attempts) VALUES ('pager', ?, ?, ?, '{}', 5, 6, '204', 1)",
                [(subject, f"{subject}-{type_}", type_) for type_ in types],
            )
        connection.execute(
            "INSERT INTO outbox (receiver, subject_id, event_id, type, body, created_ns)"
            " VALUES ('log', 'open-1', 'open-1-opened', 'alert.opened', '{}', 7)"
        )
        connection.execute(
            "INSERT INTO receipts (receiver, subject_id, event_id, type, body, created_ns, delivered_ns, status,"
            " attempts) VALUES ('former', 'open-1', 'open-1-opened', 'alert.opened', '{}', 5, 6, 'dropped', 1)"
        )
        connection.commit()


def version(state: Path) -> int:
    with closing(sqlite3.connect(state / DECISIONS_NAME)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_earlier_file_is_read_as_it_is(tmp_path: Path) -> None:
    earlier_file(tmp_path)
    before = (tmp_path / DECISIONS_NAME).read_bytes()
    reader = ControlRoomReader(tmp_path)
    assert (reader.incidents(), reader.alarms(), reader.maintenance(), reader.audit()) == ([], [], [], [])
    assert (reader.audit_breaks(), reader.change_number()) == ([], 0)
    assert OperatorDecisions(tmp_path).verdicts() == [VERDICT]
    assert (tmp_path / DECISIONS_NAME).read_bytes() == before


def test_the_first_who_writes_brings_it_to_the_present_format(tmp_path: Path) -> None:
    earlier_file(tmp_path)
    ControlRoomDatabase.open(tmp_path).close()
    assert version(tmp_path) == SCHEMA_VERSION
    decisions = OperatorDecisions(tmp_path)
    assert decisions.verdicts() == [VERDICT]
    assert [(each.baseline.id, each.by) for each in decisions.baselines()] == [(7, "ion")]
    decisions.add_verdict(VERDICT)
    assert [entry.action for entry in ControlRoomReader(tmp_path).audit()] == ["verdict"]


def test_who_was_told_of_what_is_known_of_a_file_of_before(tmp_path: Path) -> None:
    file_of_version_1(tmp_path)
    assert ControlRoomReader(tmp_path).alarms() == []  # also before somebody writes
    with closing(ControlRoomDatabase.open(tmp_path)) as database, database.look() as connection:
        known = {subject: who_knows(connection, subject) for subject in ("open-1", "over-1", "over-2", "open-2")}
        assert known == {
            "open-1": {"pager": True, "log": True},  # what was dropped, nobody was told
            "over-1": {"pager": False},
            "over-2": {"pager": True},
            "open-2": {"pager": True},
        }
        assert who_knows(connection, "over-3") == {}
        assert owed_ends(connection) == [("pager", "over-2")]
    assert version(tmp_path) == SCHEMA_VERSION


def test_the_audit_log_of_a_file_of_before_is_found_by_subject_once_somebody_has_written(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
        for statement in (*MIGRATIONS[0], *MIGRATIONS[1]):
            connection.execute(statement)
        connection.execute("PRAGMA application_id=1347896404")
        connection.execute("PRAGMA user_version=2")
        connection.commit()
        add_entry(connection, at_ns=1, who="ana", action="shelve", subject="1a", why="known")
        connection.commit()
        plan = "EXPLAIN QUERY PLAN SELECT number FROM audit WHERE subject = '1a'"
        assert [row[3] for row in connection.execute(plan)] == ["SCAN audit"]
    reader = ControlRoomReader(tmp_path)
    assert [entry.who for entry in reader.audit_of(["1a"])] == ["ana"]  # also before somebody writes
    ControlRoomDatabase.open(tmp_path).close()
    assert version(tmp_path) == SCHEMA_VERSION
    assert [entry.who for entry in reader.audit_of(["1a"])] == ["ana"]
    assert reader.audit_breaks() == []
    with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
        [[*_, found_by]] = connection.execute(plan)
        assert found_by.startswith("SEARCH audit USING COVERING INDEX audit_by_subject")


def test_what_was_done_about_an_incident_is_found_without_looking_through_the_audit_log(tmp_path: Path) -> None:
    ControlRoomDatabase.open(tmp_path).close()
    with reading(tmp_path) as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        assert entries_about(connection, ["1a", "2b"], limit=100) == []
        connection.set_trace_callback(None)
        [question] = asked
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]
    assert not [step for step in plan if step.startswith(("SCAN audit", "SCAN activations"))]
    assert len([step for step in plan if "audit_by_subject" in step]) == 2


def test_a_crash_in_the_middle_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier_file(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("connectors.control_room.database.MIGRATIONS", {0: (*FIRST_TABLES, "CREATE TABLE verdicts (a)")})
        with pytest.raises(sqlite3.OperationalError):
            ControlRoomDatabase.open(tmp_path)
    assert version(tmp_path) == 0
    assert OperatorDecisions(tmp_path).verdicts() == [VERDICT]


@pytest.mark.parametrize("use", [ControlRoomDatabase.open, lambda state: ControlRoomReader(state).alarms()])
def test_a_newer_file_is_left_alone(tmp_path: Path, use: Callable[[Path], object]) -> None:
    ControlRoomDatabase.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    with pytest.raises(FatalError, match="newer Petawatch") as refused:
        use(tmp_path)
    assert refused.value.reason == "state_too_new"


def test_who_has_it_open_writes_nothing_more_once_a_newer_program_has_changed_it(tmp_path: Path) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database:
        with database.step() as connection:
            write_note(connection, "name", "before")
        with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        with pytest.raises(FatalError, match="newer Petawatch") as refused, database.step() as connection:
            write_note(connection, "name", "after")
        assert refused.value.reason == "state_too_new"
        with database.look() as connection:
            assert read_note(connection, "name") == "before"


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_NAME).write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(FatalError, match=r"decisions\.sqlite is damaged .* move it away") as refused:
        ControlRoomDatabase.open(tmp_path)
    assert refused.value.reason == "state_damaged"


def test_a_file_that_another_process_makes_at_this_moment_is_no_strange_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [tmp_path]

    class Interrupted(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            found = super().execute(sql, *values)
            if others and ("application_id" in sql or "sqlite_master" in sql):
                rows = found.fetchall()
                subprocess.run([sys.executable, "-c", _MAKE_FILE, others.pop()], check=True)
                return super().execute(f"SELECT {rows[0][0]}")
            return found

    monkeypatch.setattr(
        "connectors.control_room.database.sqlite3.connect", partial(sqlite3.connect, factory=Interrupted)
    )
    ControlRoomDatabase.open(tmp_path).close()
    assert others == []
    assert version(tmp_path) == SCHEMA_VERSION


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database:

        def fail() -> None:
            with database.step() as connection:
                add_entry(connection, at_ns=1, who="ana", action="shelve", subject="ab")
                raise RetryableError("no", reason="no")

        with pytest.raises(RetryableError):
            fail()
        assert ControlRoomReader(tmp_path).change_number() == 0
        with database.step() as connection:
            add_entry(connection, at_ns=1, who="ana", action="shelve", subject="ab")
        assert [entry.number for entry in ControlRoomReader(tmp_path).audit()] == [1]
        assert ControlRoomReader(tmp_path).change_number() == 1


def test_steps_of_others_are_seen_by_the_version(tmp_path: Path) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database, closing(ControlRoomDatabase.open(tmp_path)) as other:
        before = database.data_version()
        with database.step():
            pass
        assert database.data_version() == before
        with other.step():
            pass
        assert database.data_version() != before


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit SET why = 'nothing' WHERE number = 3", "entry 3 is not as it was written"),
        ("UPDATE audit SET details = '{' WHERE number = 3", "entry 3 is not as it was written"),
        ("UPDATE audit SET details = '{\"a\": 2}' WHERE number = 3", "entry 3 is not as it was written"),
        ("DELETE FROM audit WHERE number = 3", "entry 3 is missing"),
        ("DELETE FROM audit WHERE number > 3", "entries 4 to 5 are missing"),
        ("DELETE FROM audit", "entries 1 to 5 are missing"),
        (
            "INSERT INTO audit SELECT 6, at_ns, who, action, subject, why, details, previous, hash FROM audit LIMIT 1",
            "entry 6 is not as it was written",
        ),
    ],
)
def test_what_somebody_did_to_the_audit_log_is_found(tmp_path: Path, statement: str, found: str) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database:
        for number in range(5):
            with database.step() as connection:
                add_entry(connection, at_ns=number, who="ana", action="shelve", subject="ab", details={"a": 1})
    reader = ControlRoomReader(tmp_path)
    assert reader.audit_breaks() == []
    with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
        if not statement.startswith("INSERT"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                connection.execute(statement)
        connection.execute("DROP TRIGGER audit_is_not_changed")
        connection.execute("DROP TRIGGER audit_is_not_removed")
        connection.execute(statement)
        connection.commit()
    assert found in reader.audit_breaks()
    reader.audit()  # it can still be looked at


@pytest.mark.parametrize("removed", ["number > 3", "number > 0"])
def test_a_cut_off_end_shows_also_when_as_many_entries_follow(tmp_path: Path, removed: str) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database:
        with database.step() as connection:
            for number in range(5):
                add_entry(connection, at_ns=number, who="ana", action="shelve", subject="ab")
        with closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection:
            connection.execute("DROP TRIGGER audit_is_not_removed")
            connection.execute(f"DELETE FROM audit WHERE {removed}")  # noqa: S608 - ours
            connection.commit()
        with database.step() as connection:
            added = [add_entry(connection, at_ns=9, who="eve", action="shelve", subject="ab") for _ in range(5)]
    assert [entry.number for entry in added] == [6, 7, 8, 9, 10]
    first = 4 if removed == "number > 3" else 1
    assert f"entries {first} to 5 are missing" in ControlRoomReader(tmp_path).audit_breaks()


def test_an_entry_is_not_replaced_in_one_statement(tmp_path: Path) -> None:
    with closing(ControlRoomDatabase.open(tmp_path)) as database, database.step() as connection:
        add_entry(connection, at_ns=1, who="ana", action="shelve", subject="ab")
    exchange = (
        "INSERT OR REPLACE INTO audit SELECT number, 7, who, action, subject, why, details, previous, hash FROM audit"
    )
    with (
        closing(sqlite3.connect(tmp_path / DECISIONS_NAME)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="only added to"),
    ):
        connection.execute(exchange)
