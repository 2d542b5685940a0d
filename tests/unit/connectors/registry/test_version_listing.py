"""What was listed counts only while the registry's file is what it was."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.registry.mlflow_registry import RegisteredVersion, TrackingSettings
from connectors.registry.version_listing import VersionListing

VERSION = RegisteredVersion(
    version=3,
    model="ae-0123456789ab",
    sha256="ab",
    aliases=("candidate", "shadow"),
    created_ns=5_000_000,
    parameters={"epochs": "3"},
    metrics={"validation_error": 0.1},
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    change(tmp_path, "CREATE TABLE versions (number INTEGER)")
    return tmp_path


def change(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state / "mlflow.db", isolation_level=None)) as connection:
        connection.execute(statement)


def listing(state: Path, **settings: str) -> VersionListing:
    return VersionListing(state, TrackingSettings(**settings))


def test_it_is_read_back_until_the_registry_changes(state: Path) -> None:
    assert listing(state).read() is None
    listing(state).write(listing(state).mark(), [VERSION])
    assert listing(state).read() == [VERSION]
    assert listing(state, registered_model="another").read() is None
    change(state, "INSERT INTO versions VALUES (1)")
    assert listing(state).read() is None


def test_a_change_while_it_was_listed_is_seen(state: Path) -> None:
    mark = listing(state).mark()
    change(state, "INSERT INTO versions VALUES (1)")
    listing(state).write(mark, [VERSION])
    assert listing(state).read() is None


def test_a_server_a_file_that_is_written_and_no_file_are_asked_each_time(state: Path) -> None:
    assert listing(state, uri="http://127.0.0.1:9").mark() is None
    (state / "mlflow.db-journal").touch()
    assert listing(state).mark() is None
    (state / "mlflow.db-journal").unlink()
    (state / "mlflow.db").unlink()
    assert listing(state).mark() is None
    listing(state).write(None, [VERSION])
    assert listing(state).read() is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"format_version": 1, "mark": null, "versions": [{}]}'])
def test_a_damaged_one_is_made_again(state: Path, data: bytes) -> None:
    (state / "mlflow-versions.json").write_bytes(data)
    assert listing(state).read() is None


def test_a_folder_that_can_not_be_written_does_without(tmp_path: Path) -> None:
    listing(tmp_path / "absent").write(["mark"], [VERSION])
    assert not (tmp_path / "absent").exists()
