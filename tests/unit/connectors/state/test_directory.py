import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.state.commit import Commit
from connectors.state.database import DATABASE_NAME, SCHEMA_VERSION
from connectors.state.directory import StateDirectory
from connectors.state.failures import clear_failures
from connectors.state.reader import StateReader
from models.errors import FatalError, PetawatchError, RetryableError
from tests.unit.connectors.state.examples import CAMERA, START_NS, commit_of, decided, file_record, source


def test_states_come_back_as_of_the_latest_commit(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(stage_states={"sequence": b"1", "device/x": b"a" * 300_000, "gone": b"x"}))
        state.commit(Commit(stage_states={"device/x": b"b", "gone": b""}))
    with StateDirectory.open(tmp_path) as state:
        assert state.load_states() == {"sequence": b"1", "device/x": b"b"}
        assert state.sequence == 2


def test_a_commit_that_fails_anywhere_changes_nothing(tmp_path: Path) -> None:
    commit = commit_of(1)
    commit.file_counts = {"no such word": 1}
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        before = (state.load_states(), state.ledger(), list(state.alerts()), state.sequence)
        with pytest.raises(ValueError, match="file_counts knows accepted"):
            state.commit(commit)
        assert (state.load_states(), state.ledger(), list(state.alerts()), state.sequence) == before
        assert state.export(tmp_path / "out.parquet") == 90


def test_a_second_watch_is_refused_with_the_holder(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from connectors.state.directory import StateDirectory\n"
    code += "state = StateDirectory.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(FatalError, match=f"in use by process {holder.pid} on .*; stop that watch") as refused:
            StateDirectory.open(tmp_path)
        assert refused.value.reason == "state_in_use"
        holder.kill()
    StateDirectory.open(tmp_path).close()


def test_readers_need_no_lock_and_see_whole_commits(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        with StateReader.open(tmp_path) as reader:
            assert reader.ledger()["records"]["triplet"] == 90
            state.commit(commit_of(1))
            assert reader.ledger()["records"]["triplet"] == 180
            assert reader.ledger()["balanced"]


def test_readers_of_a_folder_they_may_not_write_to(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
    assert not (tmp_path / f"{DATABASE_NAME}-wal").exists()
    with StateReader.open(tmp_path) as reader:
        assert len(list(reader.alerts())) == 1


def test_no_state_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="there is no state of a watch in") as missing:
        StateReader.open(tmp_path / "nowhere")
    assert missing.value.reason == "state_missing"
    assert not (tmp_path / "nowhere").exists()


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    StateDirectory.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    for open_ in (StateDirectory.open, StateReader.open):
        with pytest.raises(FatalError, match="written by a newer Petawatch") as refused:
            open_(tmp_path)
        assert refused.value.reason == "state_too_new"
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.close()
    StateDirectory.open(tmp_path).close()  # the refused opening has let the lock go


def test_a_damaged_database_is_one_sentence(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
    database = tmp_path / DATABASE_NAME
    content = bytearray(database.read_bytes())
    content[20_000:-1] = b"\xff" * (len(content) - 20_001)
    database.write_bytes(content)
    with pytest.raises(FatalError, match="is damaged") as refused, StateReader.open(tmp_path) as reader:
        reader.ledger()
    assert refused.value.reason == "state_damaged"
    database.write_bytes(b"no database at all " * 1000)
    with pytest.raises(FatalError, match="is damaged"):
        StateDirectory.open(tmp_path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("PRAGMA application_id=7")
    connection.close()
    with pytest.raises(FatalError, match="belongs to another program"):
        StateDirectory.open(tmp_path)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(FatalError, match="can't be used") as refused:
        StateDirectory.open(tmp_path / "state")
    assert refused.value.reason == "state_unusable"


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (errno.ENOSPC, RetryableError, "disk_full"),
        (errno.EIO, RetryableError, "disk_error"),
        (errno.ESTALE, RetryableError, "disk_error"),
        (errno.EMFILE, RetryableError, "disk_error"),
        (errno.EROFS, FatalError, "state_unusable"),
        (errno.ENOENT, FatalError, "state_damaged"),
    ],
)
def test_every_failure_of_the_file_system_is_of_a_kind(
    tmp_path: Path, number: int, kind: type[PetawatchError], reason: str
) -> None:
    with pytest.raises(kind, match=str(tmp_path)) as refused, clear_failures(tmp_path):
        raise OSError(number, os.strerror(number))
    assert refused.value.reason == reason


def test_an_export_to_nowhere_is_not_the_states_fault(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(commit_of(0))
        with pytest.raises(FatalError, match=r"nowhere/out\.parquet can't be written") as refused:
            state.export(tmp_path / "nowhere" / "out.parquet")
    assert refused.value.reason == "export"


def test_a_full_disk_leaves_the_state_and_the_same_commit_may_be_repeated(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        before = (state.load_states(), state.ledger(), state.sequence)
        pages = state._connection.execute("PRAGMA page_count").fetchone()[0]
        state._connection.execute(f"PRAGMA max_page_count={pages + 4}")
        commit = commit_of(1)
        commit.stage_states["device/large"] = b"x" * 1_000_000
        with pytest.raises(RetryableError, match="is full") as full:
            state.commit(commit)
        assert full.value.reason == "disk_full"
        assert (state.load_states(), state.ledger(), state.sequence) == before
        state._connection.execute("PRAGMA max_page_count=1000000")
        state.commit(commit)
        assert state.ledger()["records"]["triplet"] == 180
        assert state.ledger()["balanced"]


def test_the_latest_version_of_a_file_is_known(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        first = file_record(dead_letters={"no_time": 2}, records_read=12)
        state.commit(Commit(files=[first], decided=[decided(CAMERA)]))
        assert state.known_file(first.path) == first
        second = file_record(source("a", 2), replaced_sha256=first.sha256)
        state.commit(Commit(files=[second]))
        assert state.known_file(first.path) == second
        assert state.known_file("other.h5") is None


def test_a_hostile_path_is_only_a_text(tmp_path: Path) -> None:
    folder = tmp_path / "a?mode=ro #%41 folder"
    with StateDirectory.open(folder) as state:
        state.commit(commit_of(0))
    assert (folder / DATABASE_NAME).is_file()
    with StateReader.open(folder) as reader:
        assert reader.triplet_minutes()[0].minute_ns == START_NS
