"""The archiver: each version once in store and catalog, whatever fails meanwhile."""

import hashlib
import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.archive.outbox import OUTBOX_NAME
from connectors.archive.outbox_lines import Sink
from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.state.commit import FileRecord, FileStatus
from models.archive.file_query import FileQuery
from models.errors import FatalError, PetawatchError, RetryableError
from tests.support.archiving import Archived, FlakyStore, assert_archived_once, read_archive, record, snapshot
from tests.support.crashes import Crash, crash_at
from tests.support.watched_archive import WatchedArchive

AWAY = RetryableError("the store is away", reason="archive_store_away")
REFUSED = FatalError("the store refuses", reason="archive_store_login")


class Installation(WatchedArchive):
    """What the watch reads, what waits, and what was archived."""

    def watch(self, name: str, content: bytes = b"content") -> FileRecord:
        """The watch reads a file."""
        self.records.append(snapshot(self.root, name, content))
        record(self.state, self.records[-1])
        return self.records[-1]

    def archive(self) -> dict[str, int]:
        """One run; what waits afterwards."""
        with self.archiver() as archiver:
            archiver.run_once()
            return {sink.value: lag.files for sink, lag in archiver._outbox.lags().items()}

    def another_store(self) -> None:
        """The settings name another folder."""
        self.store_folder = self.store_folder.with_name("another store")
        self.store_folder.mkdir()
        archive = replace(self.settings.archive, store=str(self.store_folder))
        self.settings = self.settings.model_copy(update={"archive": archive})
        self.store = FlakyStore(self.store_folder)

    def archived(self) -> Archived:
        self.store.prepare()
        return read_archive(self.settings, self.state)

    def assert_all_archived(self, *records: FileRecord) -> None:
        wanted: dict[str, list[str]] = {}
        for each in records or self.records:
            wanted.setdefault(each.path, []).append(each.sha256)
        assert_archived_once(self.archived(), wanted)


@pytest.fixture
def there(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


DONE = {"store": 0, "catalog": 0}


def test_new_and_replaced_files_are_archived_once(there: Installation) -> None:
    there.watch("a.h5")
    there.watch("b.h5", b"same")
    assert there.archive() == DONE
    there.assert_all_archived()
    there.watch("a.h5", b"replaced")
    there.watch("b.h5", b"same")
    assert there.archive() == DONE
    there.assert_all_archived(*there.records[:3])
    assert len(there.store.puts) == 3
    assert there.told == []


def test_the_catalog_has_what_the_watch_knows(there: Installation) -> None:
    known = there.watch("LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5")
    there.archive()
    [file] = there.archived().files
    assert (file.key, file.path, file.root) == (known.path, known.path, str(there.root))
    assert (file.interval, file.date, file.recorder) == ("10Hz", "2022-07-01", "CameraComputer01-Recorder")
    assert (file.size_bytes, file.mtime_ns, file.refused) == (known.size_bytes, known.mtime_ns, "")


def test_a_file_that_is_refused_later_is_told_to_the_catalog(there: Installation) -> None:
    known = there.watch("a.h5")
    there.archive()
    record(there.state, replace(known, status=FileStatus.REJECTED, reason="truncated"))
    assert there.archive() == DONE
    assert [file.refused for file in there.archived().files] == ["truncated"]
    there.assert_all_archived()
    assert len(there.store.puts) == 1


def test_a_damaged_file_that_was_never_hashed_is_archived(there: Installation) -> None:
    known = snapshot(there.root, "a.h5", b"damaged")
    record(there.state, replace(known, sha256="", status=FileStatus.REJECTED, reason="not_hdf5"))
    assert there.archive() == DONE
    there.assert_all_archived(known)
    assert there.archived().files[0].refused == "not_hdf5"


@pytest.mark.parametrize("reason", ["permission", "storage", "vanished", "changed_while_read"])
def test_what_could_not_be_read_waits_until_it_could(there: Installation, reason: str) -> None:
    known = snapshot(there.root, "a.h5", b"content")
    record(there.state, replace(known, sha256="", status=FileStatus.REJECTED, reason=reason))
    assert there.archive() == DONE
    there.assert_all_archived(*[])
    assert there.archived().files == []
    record(there.state, known)
    there.archive()
    there.assert_all_archived(known)


def test_what_is_ignored_is_not_archived(there: Installation) -> None:
    known = snapshot(there.root, "a.txt", b"content")
    record(there.state, replace(known, sha256="", status=FileStatus.IGNORED, reason="not_hdf5_name"))
    there.archive()
    assert there.archived().files == []


@pytest.mark.parametrize("failure", [AWAY, REFUSED])
def test_a_store_that_is_away_delays(there: Installation, failure: PetawatchError) -> None:
    for number in range(20):
        there.watch(f"{number}.h5", f"{number}".encode())
    there.store.failure = failure
    with there.archiver() as archiver:
        for _ in range(40):
            archiver.run_once()
            there.clock.advance(20)
        assert archiver._outbox.lags()[Sink.STORE].files == 20
        assert archiver._outbox.lags()[Sink.STORE].reason == failure.reason
        tries = len(there.store.puts)
        assert 4 + 10 < tries < 4 + 25, "after the first ones only a scout tries, once a minute"
        there.store.failure = None
        there.clock.advance(60)
        archiver.run_once()
        assert archiver.waiting_files() == 0
    there.assert_all_archived()
    assert [sentence.split(";")[0] for sentence in there.told] == [
        str(failure),
        "the archive's store takes files again",
    ]


def test_a_store_whose_file_system_is_gone_is_not_made_anew(there: Installation) -> None:
    there.watch("a.h5")
    there.archive()
    there.store_folder.rename(there.store_folder.with_name("unmounted"))
    there.watch("b.h5", b"other")
    assert there.archive() == {"store": 1, "catalog": 0}
    assert not there.store_folder.exists()
    there.store_folder.with_name("unmounted").rename(there.store_folder)
    there.clock.advance(60)
    there.archive()
    there.assert_all_archived()


def test_a_catalog_that_is_away_delays(there: Installation) -> None:
    there.watch("a.h5")
    failure: list[PetawatchError] = [RetryableError("the catalog is away", reason="catalog_away")]

    def opened() -> Catalog:
        if failure:
            raise failure[0]
        return open_catalog(there.settings.catalog, there.state / "archive")

    there.make_catalog = opened
    assert there.archive() == {"store": 0, "catalog": 1}
    failure.clear()
    assert there.archive() == DONE
    there.assert_all_archived()
    assert len(there.store.puts) == 1


def test_a_file_that_is_gone_is_left_out_and_counted(there: Installation) -> None:
    there.watch("a.h5")
    there.watch("b.h5", b"other")
    (there.root / there.records[0].path).unlink()
    with there.archiver() as archiver:
        archiver.run_once()
        assert archiver._outbox.counts() == {"file_gone": 1, "stored": 1, "stored_bytes": 5}
        assert [each.path for each in archiver._outbox.left_out(9)] == [there.records[0].path]
    there.assert_all_archived(there.records[1])
    assert len(there.told) == 1
    assert "was gone before it was archived" in there.told[0]


def test_what_was_freed_and_lies_in_an_earlier_store_is_archived_and_told_once(there: Installation) -> None:
    for name in ("a.h5", "b.h5", "c.h5"):
        there.watch(name, name.encode())
    there.archive()
    for each in there.records[:2]:
        (there.root / each.path).unlink()
    there.another_store()
    assert there.archive() == DONE
    assert len(there.told) == 1
    assert "lie in an earlier store or on tape" in there.told[0]
    with there.archiver() as archiver:
        counts = archiver._outbox.counts()
        assert (counts["archived_elsewhere"], "file_gone" in counts, archiver._outbox.left_out(9)) == (2, False, [])
    assert [each.key for each in there.archived().files] == sorted(each.path for each in there.records)


def test_what_was_freed_is_archived_when_the_outbox_is_made_anew(there: Installation) -> None:
    known = there.watch("a.h5")
    there.watch("b.h5", b"other")
    there.archive()
    (there.root / known.path).unlink()
    (there.state / "archive" / OUTBOX_NAME).unlink()
    assert there.archive() == DONE
    assert there.told == []
    there.assert_all_archived()


def test_whether_what_is_gone_was_archived_waits_for_the_catalog(there: Installation) -> None:
    known = there.watch("a.h5")
    there.watch("b.h5", b"other")
    there.archive()
    (there.root / known.path).unlink()
    there.another_store()
    failure = [RetryableError("the catalog is away", reason="catalog_away")]

    def opened() -> Catalog:
        if failure:
            raise failure[0]
        return open_catalog(there.settings.catalog, there.state / "archive")

    there.make_catalog = opened
    assert there.archive()["store"] == 1
    failure.clear()
    there.clock.advance(60)
    assert there.archive() == DONE
    assert not [sentence for sentence in there.told if "not in the archive" in sentence]


def test_of_many_that_are_gone_the_first_ones_are_told(there: Installation) -> None:
    known = [snapshot(there.root, f"{number}.h5", f"{number}".encode()) for number in range(30)]
    record(there.state, *known)
    for each in known:
        (there.root / each.path).unlink()
    assert there.archive() == DONE
    assert len(there.told) == 21
    assert "archive status" in there.told[-1]


def test_without_the_state_of_a_watch_nothing_is_made(there: Installation) -> None:
    with pytest.raises(FatalError, match="no state of a watch") as error:
        there.archive()
    assert error.value.reason == "state_missing"
    assert not there.state.exists()


def test_a_file_that_was_gone_and_is_back_is_archived_by_the_next_run(there: Installation) -> None:
    there.watch("a.h5")
    there.watch("b.h5", b"other")
    path = there.root / there.records[0].path
    aside = path.rename(there.root / "aside")
    there.archive()
    there.archive()
    there.assert_all_archived(there.records[1])
    aside.rename(path)
    assert there.archive() == DONE
    there.assert_all_archived()
    with there.archiver() as archiver:
        assert archiver._outbox.left_out(9) == []


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_that_is_away_is_waited_for(there: Installation, empty: bool) -> None:
    there.watch("a.h5")
    there.watch("b.h5", b"other")
    there.root.rename(there.root.with_name("unmounted"))
    if empty:
        there.root.mkdir()
    with there.archiver() as archiver:
        for _ in range(10):
            archiver.run_once()
            there.clock.advance(600)
        assert archiver._outbox.lags()[Sink.STORE].reason == "folder_away"
        assert archiver.waiting_files() == 2
        shutil.rmtree(there.root, ignore_errors=True)
        there.root.with_name("unmounted").rename(there.root)
        there.clock.advance(600)
        archiver.run_once()
        assert archiver.waiting_files() == 0
    there.assert_all_archived()
    assert len(there.told) == 1


def test_a_file_system_in_the_watched_folder_that_is_away_is_waited_for(there: Installation) -> None:
    there.watch("a.h5")
    (there.root / "1Hz").mkdir()
    (there.root / "1Hz" / "others").touch()
    inner = there.root / Path(there.records[0].path).parts[0]
    aside = inner.rename(there.root.with_name("unmounted"))
    inner.mkdir()
    with there.archiver() as archiver:
        archiver.run_once()
        assert archiver._outbox.lags()[Sink.STORE].reason == "folder_away"
        inner.rmdir()
        aside.rename(inner)
        there.clock.advance(600)
        archiver.run_once()
        assert archiver.waiting_files() == 0
    there.assert_all_archived()


def test_of_a_replaced_file_the_content_that_is_there_is_archived(there: Installation) -> None:
    there.watch("a.h5", b"before")
    (there.root / there.records[0].path).write_bytes(b"behind it")
    with there.archiver() as archiver:
        archiver.run_once()
        assert archiver._outbox.counts() == {"file_changed": 1}
        record(there.state, snapshot(there.root, "a.h5", b"behind it"))
        archiver.run_once()
    there.assert_all_archived(snapshot(there.root, "a.h5", b"behind it"))


def test_a_content_that_differs_though_nobody_wrote_to_it_is_kept_waiting(there: Installation) -> None:
    known = there.watch("a.h5", b"before")
    path = there.root / known.path
    path.write_bytes(b"BEFORE")
    os.utime(path, ns=(known.mtime_ns, known.mtime_ns))
    there.watch("b.h5", b"other")
    assert there.archive() == {"store": 1, "catalog": 0}
    assert "nobody wrote to it" in there.told[0]
    there.assert_all_archived(there.records[1])


def test_a_copy_that_reads_back_otherwise_is_sent_again(tmp_path: Path) -> None:
    there = Installation(tmp_path, read_back_share=1.0)
    there.watch("a.h5")
    there.store.garbles_reading = True
    assert there.archive() == {"store": 1, "catalog": 0}
    assert there.archived().files == []
    there.store.garbles_reading = False
    there.clock.advance(60)
    assert there.archive() == DONE
    there.assert_all_archived()
    [[copy]] = there.archived().copies.values()
    assert copy.read_back_ns is not None


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("connectors.archive.outbox", "ArchiveOutbox.follow"),
        ("connectors.archive.outbox", "_set_note"),
        ("streams.archive.uploading.store_sink", "StoreSink._stored"),
        ("connectors.archive.outbox", "ArchiveOutbox.take"),
        ("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_files"),
        ("connectors.catalog.sqlite_catalog", "SqliteCatalog.add_store_copies"),
    ],
)
def test_killed_at_any_step_it_goes_on(
    there: Installation, where: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        there.watch(f"{number}.h5", f"{number}".encode())
    for times in (1, 2, 3):
        with crash_at(monkeypatch, where, name, times):
            try:
                there.archive()
            except Crash:
                continue
            break
    assert there.archive() == DONE
    there.assert_all_archived()


def test_a_lost_outbox_is_made_anew_and_nothing_is_sent_twice(there: Installation) -> None:
    there.watch("a.h5")
    there.watch("a.h5", b"replaced")
    there.watch("b.h5", b"other")
    there.archive()
    for path in (there.state / "archive").glob(f"{OUTBOX_NAME}*"):
        path.unlink()
    assert there.archive() == DONE
    there.assert_all_archived(*there.records[1:])


def test_what_is_known_to_be_damaged_stays_so_when_it_is_found_there_again(there: Installation) -> None:
    there.watch("a.h5")
    there.archive()
    with closing(open_catalog(there.settings.catalog, there.state / "archive")) as catalog:
        (file,) = catalog.find_files(FileQuery())
        (copy,) = catalog.store_copies([file.id])[file.id]
        catalog.add_store_copies([replace(copy, read_back_ns=5, damaged="other_content")])
        for path in (there.state / "archive").glob(f"{OUTBOX_NAME}*"):
            path.unlink()
        assert there.archive() == DONE
        assert catalog.store_copies([file.id])[file.id] == [replace(copy, read_back_ns=5, damaged="other_content")]


def test_another_store_gets_all_local_files(there: Installation) -> None:
    there.watch("a.h5")
    there.watch("b.h5", b"other")
    there.archive()
    there.another_store()
    assert there.archive() == DONE
    found = there.archived()
    assert {version.sha256 for versions in found.versions.values() for version in versions} == {
        each.sha256 for each in there.records
    }
    assert [len(copies) for copies in found.copies.values()] == [2, 2]


def test_an_earlier_copy_of_the_state_directory_is_followed_from_its_beginning(there: Installation) -> None:
    there.watch("a.h5")
    shutil.copytree(there.state, there.state.with_name("copy"))
    there.watch("b.h5", b"other")
    there.archive()
    for path in there.state.glob("petawatch.sqlite*"):
        path.unlink()
    shutil.copy(there.state.with_name("copy") / "petawatch.sqlite", there.state)
    there.watch("c.h5", b"third")
    assert there.archive() == DONE
    there.assert_all_archived()


def test_a_second_archiver_refuses(there: Installation) -> None:
    there.watch("a.h5")
    with there.archiver(), pytest.raises(FatalError, match=r"archives into .* already") as error, there.archiver():
        pass
    assert error.value.reason == "archive_in_use"


def test_a_name_that_is_no_text_is_found(there: Installation) -> None:
    folder = there.root / "10Hz" / "2022-07-01"
    folder.mkdir(parents=True)
    path = folder / os.fsdecode(b"n\xe4me.h5")
    path.write_bytes(b"content")
    status = path.stat()
    known = FileRecord(
        path="10Hz/2022-07-01/n\\xe4me.h5",
        root=str(there.root),
        sha256=hashlib.sha256(b"content").hexdigest(),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        status=FileStatus.ACCEPTED,
    )
    record(there.state, known)
    assert there.archive() == DONE
    there.assert_all_archived(known)
