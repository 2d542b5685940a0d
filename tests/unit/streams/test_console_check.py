"""What is wrong with a control room, before a console runs."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from connectors.access.role import Role
from connectors.control_room.audit_log import add_entry
from connectors.control_room.database import DECISIONS_NAME, ControlRoomDatabase
from connectors.sqlite_file import connect
from streams import console_check
from streams.archive.places import TAPE_ALERTS_FOLDER
from streams.console_check import check_control_room
from streams.installation_finding import Finding
from streams.settings import load_settings
from tests.support.signing_in import add_user
from tests.support.tape_needs import NO_ROOM, needed

ENTRIES = 5


def checked(state: Path | None, console: str | None = None, config: Path | None = None) -> dict[str, Finding]:
    """By the first word of what was looked at."""
    return {each.what.split()[0]: each for each in check_control_room(load_settings(config), state, console)}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with some decisions."""
    database = ControlRoomDatabase.open(tmp_path)
    with closing(database), database.step() as connection:
        for number in range(ENTRIES):
            add_entry(connection, at_ns=number, who="ana", action="shelve", subject="ab")
    return tmp_path


def change(state: Path, number: int) -> None:
    """Somebody writes into the log by hand."""
    with closing(connect(state / DECISIONS_NAME, "mode=rw")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE audit SET who = 'eve' WHERE number = ?", (number,))


def test_decisions_that_were_left_alone(state: Path) -> None:
    assert checked(state)["decisions"].ok
    assert list(checked(state / "none")) == list(checked(None)) == ["chromium"]


def test_a_changed_entry_of_the_audit_log_shows(state: Path) -> None:
    change(state, 3)
    finding = checked(state)["decisions"]
    assert not finding.ok
    assert "entry 3 is not as it was written" in finding.sentence


def test_of_a_long_log_the_latest_entries_are_looked_at(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(state, 2)
    monkeypatch.setattr(console_check, "LATEST_ENTRIES", 3)
    assert checked(state)["decisions"].ok
    change(state, 3)
    assert "entry 3" in checked(state)["decisions"].sentence


def test_decisions_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / DECISIONS_NAME).write_bytes(b"nonsense" * 1000)
    finding = checked(tmp_path)["decisions"]
    assert not finding.ok
    assert "is damaged" in finding.sentence


def test_what_the_keeper_of_the_tapes_has_is_looked_at_wherever_its_archive_lies(tmp_path: Path) -> None:
    archive, config = tmp_path / "archive", tmp_path / "petawatch.toml"
    config.write_text(f"[archive]\nfolder = '{archive}'\n", encoding="utf-8")
    assert "tape" not in checked(None, config=config)
    needed(archive, NO_ROOM)
    assert checked(None, config=config)["tape"].ok
    assert "tape" not in checked(tmp_path / "state")
    assert checked(tmp_path)["tape"].ok, "without a folder in the settings it lies in the state directory"
    (archive / TAPE_ALERTS_FOLDER / DECISIONS_NAME).write_bytes(b"nonsense" * 1000)
    assert "is damaged" in checked(None, config=config)["tape"].sentence


def test_an_address_of_the_console_is_free_or_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "in use" in checked(tmp_path, f"127.0.0.1:{port}")["console"].sentence
    assert checked(tmp_path, f"127.0.0.1:{port}")["console"].ok
    assert not checked(tmp_path, "nonsense")["console"].ok


def test_a_console_that_others_reach_needs_users(tmp_path: Path) -> None:
    everywhere = "0.0.0.0:0"  # a free port
    problem = checked(tmp_path, everywhere)["console"]
    assert not problem.ok
    assert "petawatch users add" in problem.sentence
    assert not (tmp_path / "access.sqlite").exists()
    add_user(tmp_path, "anna", Role.ADMIN)
    assert checked(tmp_path, everywhere)["console"].sentence == "free, and one user may sign in"


def test_behind_a_proxy_it_needs_users_on_this_computer_too(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text('[console]\nproxies = ["127.0.0.1"]\n')
    assert not checked(tmp_path, "127.0.0.1:0", config)["console"].ok


def test_chromium_is_a_problem_only_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = checked(None)["chromium"]
    assert finding.ok
    assert "as HTML" in finding.sentence
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    assert checked(None)["chromium"].sentence.startswith(str(program))
    config = tmp_path / "petawatch.toml"
    config.write_text('[report]\nchromium = "/nowhere/chromium"\n')
    assert not checked(None, config=config)["chromium"].ok
