"""Who only looks at an archive makes none: a state directory that was misspelt is told of."""

from pathlib import Path

import pytest

from connectors.archive.outbox import ArchiveOutbox
from connectors.catalog.opening import open_catalog
from connectors.state.directory import StateDirectory
from streams.archive.checking.catalog_check import check_catalog
from streams.settings import load_settings
from tests.support.archiving import archive_once, record, snapshot
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


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A state directory with an archived file, whose catalog was removed."""
    state = tmp_path / "state"
    record(state, snapshot(tmp_path / "data", "LA_R_60s_snapshot_2022-07-01_09-00.h5", b"content"))
    archive_once(state, tmp_path / "store")
    for file in (state / "archive").glob("catalog.sqlite*"):
        file.unlink()
    return state


@pytest.mark.parametrize(
    "command",
    [("catalog", "find"), ("archive", "verify"), ("archive", "free"), ("archive", "restore", "--into", "again")],
    ids=lambda command: command[1],
)
def test_a_catalog_that_was_removed_is_not_called_an_archive_that_never_was(
    stored: Path, execute: Run, command: tuple[str, ...]
) -> None:
    code, out, err = execute(*command, "--state", stored)
    assert (code, out) == (1, "")
    assert f"files were archived from here (1), and the catalog {stored}/archive/catalog.sqlite is gone" in err
    assert "rebuild-catalog --store" in err
    assert not (stored / "archive/catalog.sqlite").exists()


def test_an_empty_catalog_is_wrong_where_files_were_archived(stored: Path, tmp_path: Path) -> None:
    settings = load_settings(None, archive={"store": str(tmp_path / "store")})
    for _ in range(2):
        [finding] = check_catalog(settings.catalog, stored / "archive")
        assert not finding.ok
        assert "files were archived from here (1)" in finding.sentence
        open_catalog(settings.catalog, stored / "archive").close()
    archive_once(stored, tmp_path / "store")
    [finding] = check_catalog(settings.catalog, stored / "archive")
    assert finding.ok


@pytest.mark.parametrize("option", [(), ("--store",)])
def test_a_rebuild_of_nothing_leaves_no_catalog_behind(tmp_path: Path, execute: Run, option: tuple[str, ...]) -> None:
    code, out, err = execute("archive", "rebuild-catalog", "--state", tmp_path / "state", *option)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert list(tmp_path.iterdir()) == []


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
