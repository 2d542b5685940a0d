"""Which snapshots are not waited for: those that the archive does not have, and has gone past."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.file_progress import FileProgress
from models.archive.archived_file import ArchivedFile
from models.archive.copies import Bundle, BundleMember, Damage, StoreCopy
from models.archive.keys import archive_key
from models.event_time import DAY_NS, MINUTE_NS, parse_iso
from streams.following.lost_snapshots import lost_snapshots

NAME = "LA_R_60s_snapshot_2022-07-01_09-00.h5"
START = parse_iso("2022-07-01T09:00")
NOW = START + 30 * DAY_NS
SNAPSHOT = FileRecord(
    path=f"10Hz/2022-07-01/{NAME}",
    root="/data",
    sha256="a" * 64,
    size_bytes=10,
    mtime_ns=1,
    status=FileStatus.ACCEPTED,
    first_ns=START,
    last_ns=START + MINUTE_NS,
    records_read=0,
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as directory:
        directory.commit(Commit(files=[SNAPSHOT]))
        yield directory


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(open_catalog(CatalogSettings(), tmp_path)) as opened:
        yield opened


def archived(catalog: Catalog, record: FileRecord, *, damaged: str = "", copied: bool = True) -> ArchivedFile:
    file = ArchivedFile(
        key=archive_key(record.path),
        path=record.path,
        root=record.root,
        sha256=record.sha256,
        size_bytes=10,
        mtime_ns=1,
        first_ns=record.first_ns,
        last_ns=record.last_ns,
    )
    catalog.add_files([file])
    if copied:
        catalog.add_store_copies([StoreCopy(file_id=file.id, store="s3://store", version="1", damaged=damaged)])
    return file


def later(days: float) -> FileRecord:
    at_ns = START + round(days * DAY_NS)
    return replace(
        SNAPSHOT, path="10Hz/LA_S_60s_snapshot.h5", sha256="c" * 64, first_ns=at_ns, last_ns=at_ns + MINUTE_NS
    )


def is_lost(state: StateDirectory, catalog: Catalog) -> bool:
    with FileProgress.open(state.path) as reader:
        [version] = [each for each in reader.file_versions_after(0, 10) if each.sha256 == SNAPSHOT.sha256]
        return lost_snapshots([version], reader, catalog, NOW) == [version]


@pytest.mark.parametrize(("days", "lost"), [(6.9, False), (7.1, True), (20_000, False)])
def test_an_archive_that_is_a_week_ahead_brings_it_no_more(
    state: StateDirectory, catalog: Catalog, days: float, lost: bool
) -> None:
    assert not is_lost(state, catalog)
    archived(catalog, later(days), copied=False)
    assert not is_lost(state, catalog)
    archived(catalog, later(days))
    assert is_lost(state, catalog) == lost
    archived(catalog, SNAPSHOT)
    assert not is_lost(state, catalog)


def test_what_has_replaced_it_is_archived(state: StateDirectory, catalog: Catalog) -> None:
    replacement = replace(SNAPSHOT, sha256="b" * 64, replaced_sha256=SNAPSHOT.sha256)
    archived(catalog, SNAPSHOT, damaged=Damage.MISSING)  # once there was a copy
    assert not is_lost(state, catalog)
    state.commit(Commit(files=[replacement]))
    assert not is_lost(state, catalog)
    archived(catalog, replacement)
    assert is_lost(state, catalog)


def test_what_lies_on_tape_is_wanted(state: StateDirectory, catalog: Catalog) -> None:
    archived(catalog, later(8))
    file = archived(catalog, SNAPSHOT, damaged=Damage.MISSING)
    assert is_lost(state, catalog)
    member = BundleMember(file_id=file.id, name="a", sha256=file.sha256, size_bytes=10, mtime_ns=1, offset=512)
    catalog.add_bundle(Bundle(id="f" * 32, sha256="f" * 64, size_bytes=1024, members=(member,)))
    assert not is_lost(state, catalog)
