"""Whoever looks for the recorders' own file finds the same one, also where its name is no UTF-8."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.catalog.sqlite_catalog import SqliteCatalog
from models.archive.archived_file import ArchivedFile
from streams.archive.own_files import own_content, own_file
from streams.archive.tape.file_contents import FileContents
from streams.replay.places import local_places
from tests.support.catalog_examples import archived


@pytest.fixture
def file(tmp_path: Path) -> ArchivedFile:
    place = tmp_path / "data" / os.fsdecode(b"Gr\xf6\xdfe/\xe4.h5")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"content")
    mtime_ns = place.stat().st_mtime_ns
    return archived(0, root=str(tmp_path / "data"), path="Gr\\xf6\\xdfe/\\xe4.h5", size_bytes=7, mtime_ns=mtime_ns)


def test_all_find_a_name_that_is_no_utf_8(file: ArchivedFile, tmp_path: Path) -> None:
    place = own_file(file)
    assert place is not None
    assert place.read_bytes() == b"content"
    assert local_places([file]) == {file.id: place}
    contents = FileContents(SqliteCatalog(tmp_path / "catalog.sqlite"), None, tmp_path)
    assert contents.local(file) == place
    assert contents.local(replace(file, mtime_ns=1)) is None


def test_what_is_not_a_file_of_its_size_is_none(file: ArchivedFile, tmp_path: Path) -> None:
    (tmp_path / "data/link.h5").symlink_to(tmp_path / "elsewhere.h5")
    (tmp_path / "elsewhere.h5").write_bytes(b"content")
    for other in (
        replace(file, size_bytes=8),
        replace(file, root=""),
        replace(file, root=str(tmp_path / "away")),
        replace(file, path="gone.h5"),
        replace(file, path="link.h5"),
        replace(file, path="\0"),
        replace(file, root="\0"),
    ):
        assert own_file(other) is None


def test_another_content_of_the_same_size_is_none(file: ArchivedFile) -> None:
    there = replace(file, sha256=hashlib.sha256(b"content").hexdigest())
    place = own_file(there)
    assert place is not None
    assert own_content(there) == place
    assert own_content(replace(there, path="gone.h5")) is None
    place.write_bytes(b"another")
    assert own_content(there) is None
    assert own_file(there) == place
