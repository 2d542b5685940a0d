"""Who only looks at an archive makes none: a state directory that was misspelt is told of."""

from pathlib import Path

import pytest

from connectors.archive.outbox import ArchiveOutbox
from connectors.state.directory import StateDirectory
from tests.support.commands import Run, run_with
from tests.support.tape_archive import TapeArchive


@pytest.fixture
def execute(capsys: pytest.CaptureFixture[str]) -> Run:
    return run_with(capsys)


@pytest.mark.parametrize(
    "command",
    [
        ("catalog", "find"),
        ("archive", "verify"),
        ("archive", "volumes"),
        ("archive", "free"),
        ("archive", "restore", "--into", "again"),
    ],
    ids=lambda command: command[1],
)
def test_where_nothing_was_archived_nothing_is_made(tmp_path: Path, execute: Run, command: tuple[str, ...]) -> None:
    state = tmp_path / "state"
    StateDirectory.open(state).close()
    there = sorted(tmp_path.rglob("*"))
    code, out, err = execute(*command, "--state", state)
    assert (code, out) == (1, "")
    assert f"nothing was archived into {state}/archive yet" in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == there


def test_the_status_makes_no_catalog_where_the_settings_name_one(tmp_path: Path, execute: Run) -> None:
    ArchiveOutbox.open(tmp_path / "state/archive").close()
    config = tmp_path / "petawatch.toml"
    config.write_text(f"[catalog]\naddress = '{tmp_path}/catalog.sqlite'\n", encoding="utf-8")
    code, _, _ = execute("archive", "status", "--state", tmp_path / "state", "--config", config, "--json")
    assert code == 0
    assert not (tmp_path / "catalog.sqlite").exists()


def test_to_verify_without_store_and_tape_is_told(tmp_path: Path, execute: Run) -> None:
    archive = TapeArchive(tmp_path, mounts=())
    archive.fill(1)
    archive.config.write_text(f"[archive]\nfolder = '{tmp_path}/archive'\n", encoding="utf-8")
    code, out, err = execute("archive", "verify", "--config", archive.config)
    assert (code, out) == (1, "")
    assert "name no copies to read back; give archive.store, or tape.mounts" in err
