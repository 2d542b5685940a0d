"""What a replay has read is compared with what was archived."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state.commit import Commit, FileStatus
from connectors.state.directory import StateDirectory
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from streams.replay.run import compare_files
from tests.support.archiving import file_record
from tests.support.catalog_examples import archived

CONTENT = b"no snapshot"


@pytest.fixture
def file() -> ArchivedFile:
    return replace(archived(1), sha256=hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "snapshot.h5"
    path.write_bytes(CONTENT)
    return path


def results_with(folder: Path, file: ArchivedFile, sha256: str) -> Path:
    record = replace(file_record(file), sha256=sha256, status=FileStatus.REJECTED)
    with StateDirectory.open(folder) as state:
        state.commit(Commit(files=[record]))
    return folder


def test_a_file_that_no_snapshot_could_be_read_from_is_compared_by_its_content(
    file: ArchivedFile, place: Path, tmp_path: Path
) -> None:
    results = results_with(tmp_path / "results", file, "")
    compare_files([file], {file.id: place}, results)
    place.write_bytes(CONTENT + b"!")
    with pytest.raises(FatalError, match="is not the file that was archived") as failure:
        compare_files([file], {file.id: place}, results)
    assert failure.value.reason == "replay_differs"


def test_a_snapshot_is_compared_by_what_was_read(file: ArchivedFile, place: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is not the file that was archived"):
        compare_files([file], {file.id: place}, results_with(tmp_path / "results", file, "0" * 64))


def test_of_a_mere_folder_no_content_is_known_before(file: ArchivedFile, place: Path, tmp_path: Path) -> None:
    results = results_with(tmp_path / "results", file, "")
    compare_files([replace(file, sha256="")], {file.id: place}, results)
