"""An archive that exists already comes into the catalog, once and whole."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from connectors.clock import SystemClock
from connectors.index_journal import IndexJournal
from connectors.spool_intake import SpoolSettings
from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery
from models.errors import FatalError, RetryableError
from streams.archive.cataloguing import indexing
from streams.archive.cataloguing.file_description import describe_file
from streams.archive.cataloguing.indexing import IndexCounts, Indexer, IndexOptions, index_folders
from tests.support.crashes import Crash, crash_at
from tests.support.snapshot_files import NAME, minute, write_production

AT_ONCE = SpoolSettings(settle_s=0, settle_empty_s=0)


class Archive:
    """A folder of snapshots, and a catalog that is filled from it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.folder = folder / "archive"
        self.told: list[str] = []
        self.advanced: list[tuple[int, int]] = []

    def write(self, number: int, rate: str = "10Hz") -> Path:
        name = NAME.replace("09-34", f"{number // 60:02d}-{number % 60:02d}")
        return write_production(self.data / rate / "2022-07-01" / name, minute(2, seed=number))

    def index(self, *paths: Path, **options: object) -> IndexCounts:
        wanted = replace(IndexOptions(spool=AT_ONCE), **options)  # type: ignore[arg-type]
        with closing(self.catalog()) as catalog, IndexJournal(self.folder / "index.sqlite") as journal:
            indexer = Indexer(
                catalog,
                journal,
                wanted,
                SystemClock(),
                self.told.append,
                lambda done, total: self.advanced.append((done, total)),
            )
            return indexer.index(paths or [self.data])

    def catalog(self) -> Catalog:
        self.folder.mkdir(exist_ok=True)
        return open_catalog(CatalogSettings(), self.folder)

    def files(self) -> list[ArchivedFile]:
        with closing(self.catalog()) as catalog:
            return list(catalog.find_files(FileQuery()))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "_BATCH", 3)
    monkeypatch.setattr(indexing, "_TASK", 2)


@pytest.mark.usefixtures("small_batches")
def test_every_file_is_indexed_once_and_not_read_again(archive: Archive) -> None:
    paths = [archive.write(number) for number in range(7)] + [archive.write(3, "1Hz")]
    counts = archive.index()
    assert (counts.found, counts.added, counts.known, counts.unchanged) == (8, 8, 0, 0)
    assert counts.read_bytes == sum(path.stat().st_size for path in paths)
    assert sorted(file.path for file in archive.files()) == sorted(
        path.relative_to(archive.data).as_posix() for path in paths
    )
    assert archive.advanced[-1] == (8, 8)
    assert archive.told == []
    again = archive.index()
    assert (again.found, again.added, again.unchanged, again.read_bytes) == (8, 0, 8, 0)
    everything = archive.index(again=True)
    assert (everything.added, everything.known, everything.unchanged) == (0, 8, 0)


def test_large_files_make_small_portions(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        archive.write(number)
    monkeypatch.setattr(indexing, "_BATCH_BYTES", 1)
    monkeypatch.setattr(indexing, "_TASK_BYTES", 1)
    assert archive.index().added == 5
    assert [done for done, _ in archive.advanced] == [1, 2, 3, 4, 5]  # each was durable before the next


def test_a_file_that_has_changed_is_read_again_and_is_another_one(archive: Archive) -> None:
    path, other = archive.write(1), archive.write(2)
    archive.index()
    status = path.stat()
    shutil.copyfile(other, path)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns + 1))
    counts = archive.index()
    assert (counts.added, counts.unchanged) == (1, 1)
    assert len(archive.files()) == 3


def test_a_catalog_that_is_begun_anew_is_filled_anew(archive: Archive) -> None:
    archive.write(1)
    archive.index()
    before = archive.files()
    for path in archive.folder.glob("catalog.sqlite*"):
        path.unlink()
    assert archive.index().added == 1
    assert archive.files() == before


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    ("where", "step", "times"),
    [
        ("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_files", 1),
        ("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_files", 2),
        ("connectors.index_journal", "IndexJournal.add", 2),
    ],
)
def test_what_a_crash_left_out_is_done_by_the_next_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, where: str, step: str, times: int
) -> None:
    for number in range(9):
        archive.write(number)
    with crash_at(monkeypatch, where, step, times), pytest.raises(Crash):
        archive.index()
    assert len(archive.files()) < 9
    counts = archive.index()
    assert counts.found == counts.added + counts.known + counts.unchanged == 9
    assert len(archive.files()) == 9


def test_files_that_are_no_snapshots_are_told_and_kept_with_their_reason(archive: Archive) -> None:
    good, bad = archive.write(1), archive.write(2)
    bad.write_bytes(b"nothing like it")
    (good.parent / "notes.txt").write_text("left alone")
    (good.parent / ".hidden.h5").write_text("left alone")
    counts = archive.index()
    assert (counts.found, counts.added, dict(counts.refused)) == (2, 2, {"not_hdf5": 1})
    [sentence] = archive.told
    assert str(bad) in sentence
    assert "not_hdf5" in sentence
    assert sorted(file.refused for file in archive.files()) == ["", "not_hdf5"]


def test_a_file_that_cannot_be_read_is_told_and_tried_again(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.write(1)
    bad = archive.write(2)
    real = describe_file

    def failing(path: Path, **options: object) -> ArchivedFile:
        if path == bad:
            raise RetryableError(f"{path} can't be read now: Input/output error", reason="storage")
        return real(path, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "describe_file", failing)
        counts = archive.index()
    assert (counts.added, dict(counts.unread), counts.complete) == (1, {"storage": 1}, False)
    assert archive.told == [f"{bad} can't be read now: Input/output error"]
    assert archive.index().added == 1


def test_a_file_that_may_still_be_written_is_left_for_the_next_time(archive: Archive) -> None:
    path, old = archive.write(1), archive.write(2)
    os.utime(old, (1, 1))
    counts = archive.index(spool=SpoolSettings(settle_s=3600, settle_empty_s=3600))
    assert (counts.found, counts.added, counts.unsettled, counts.complete) == (2, 1, 1, True)
    far_ahead_s = path.stat().st_mtime + 86_400
    os.utime(path, (far_ahead_s, far_ahead_s))  # a clock that is wrong says nothing
    assert archive.index(spool=SpoolSettings(settle_s=3600, settle_empty_s=3600)).added == 1


def test_keys_begin_below_the_root(archive: Archive) -> None:
    path = archive.write(1)
    archive.index(path.parent, root=archive.data)
    assert [file.key for file in archive.files()] == [f"10Hz/2022-07-01/{path.name}"]


def test_a_folder_that_cannot_be_listed_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive.write(1)
    real = os.scandir

    def refusing(folder: str) -> "Iterator[os.DirEntry[str]]":
        if str(folder) == str(path.parent):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr("connectors.spool_listing.os.scandir", refusing)
    counts = archive.index()
    assert (counts.found, counts.folders, counts.complete) == (0, 1, False)
    assert "can't be listed" in archive.told[0]


def _below(folder: Path) -> tuple[list[Path], Path | None]:
    return [folder, folder / "below"], None


def _absent(folder: Path) -> tuple[list[Path], Path | None]:
    return [folder / "absent"], None


def _elsewhere(folder: Path) -> tuple[list[Path], Path | None]:
    return [folder], folder / "below"


@pytest.mark.parametrize("case", [_below, _absent, _elsewhere])
def test_wrong_folders_are_one_sentence(tmp_path: Path, case: Callable[[Path], tuple[list[Path], Path | None]]) -> None:
    (tmp_path / "below").mkdir()
    with pytest.raises(FatalError) as raised:
        index_folders(*case(tmp_path))
    assert raised.value.reason == "index_paths"
