"""Whoever follows a state directory hears of every version of a file, new or changed, and of none of the others."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.file_changes import ChangedFiles
from tests.unit.connectors.state.examples import file_record, source
from tests.unit.connectors.state.test_migration import fourth_format


def heard(reader: ChangedFiles, after: int = 0, limit: int = 100) -> list[tuple[str, str, str]]:
    found = reader.file_versions_after(after, limit)
    return [(version.path.split("/")[-1], version.sha256[:4], version.status) for version in found]


def test_new_versions_come_in_their_order_and_changed_ones_once_more(tmp_path: Path) -> None:
    one, other = file_record(source("a"), 10), file_record(source("b"), 5)
    refused = replace(one, status=FileStatus.REJECTED, reason="truncated")
    with StateDirectory.open(tmp_path) as state, ChangedFiles.open(tmp_path) as reader:
        assert reader.changes_end().number == 0
        state.commit(Commit(files=[one, other]))
        assert [name for name, _, _ in heard(reader)] == ["a.h5", "b.h5"]
        first, second = reader.file_versions_after(0, 2)
        assert heard(reader, limit=1) == heard(reader)[:1]
        state.commit(Commit(files=[refused]))
        [changed] = reader.file_versions_after(second.number, 10)
        assert (changed.version, changed.reason) == (first.version, "truncated")
        assert heard(reader) == [("b.h5", "6231", "accepted"), ("a.h5", "6131", "rejected")]
        end = reader.changes_end()
        assert end.number == changed.number > second.number
        state.commit(Commit(file_counts={"skipped": 1}))
        assert reader.changes_end() == end


def test_a_content_that_comes_again_is_a_change_of_the_version_that_was(tmp_path: Path) -> None:
    first, second = file_record(source("a", 1), 10), file_record(source("a", 2), 10)
    back = replace(first, replaced_sha256=second.sha256)
    with StateDirectory.open(tmp_path) as state, ChangedFiles.open(tmp_path) as reader:
        state.commit(Commit(files=[first]))
        state.commit(Commit(files=[replace(second, replaced_sha256=first.sha256)]))
        state.commit(Commit(files=[back]))
        versions = {each.sha256: each.version for each in reader.file_versions_after(0, 10)}
        assert [each.sha256 for each in reader.file_versions_after(0, 10)] == [second.sha256, first.sha256]
        assert versions[first.sha256] < versions[second.sha256]


def test_of_what_lies_there_the_times_of_what_lay_there_before_are_known(tmp_path: Path) -> None:
    unread = replace(file_record(source("a"), 10), sha256="", mtime_ns=9, status=FileStatus.REJECTED, reason="storage")
    versions = [
        replace(file_record(source("a", number), 10), mtime_ns=mtime_ns)
        for number, mtime_ns in ((1, 7), (2, 8), (3, 6))
    ]
    with StateDirectory.open(tmp_path) as state, ChangedFiles.open(tmp_path) as reader:
        known = []
        for each in (unread, *versions):
            state.commit(Commit(files=[each]))
            known.append([version.replaced_mtime_ns for version in reader.file_versions_after(0, 10)])
    assert known == [[None], [None, None], [None, None, 7], [None, None, None, 8]]


def test_what_could_not_be_read_has_no_content(tmp_path: Path) -> None:
    gone = FileRecord(
        path="a.h5", root="/data", sha256="", size_bytes=7, mtime_ns=8, status=FileStatus.REJECTED, reason="not_hdf5"
    )
    with StateDirectory.open(tmp_path) as state, ChangedFiles.open(tmp_path) as reader:
        state.commit(Commit(files=[gone]))
        [version] = reader.file_versions_after(0, 10)
    assert (version.root, version.sha256, version.size_bytes, version.mtime_ns) == ("/data", "", 7, 8)
    assert (version.first_ns, version.records) == (None, 0)


def test_an_earlier_format_is_followed_and_numbered_anew_by_the_first_who_writes(tmp_path: Path) -> None:
    fourth_format(tmp_path)
    with ChangedFiles.open(tmp_path) as reader:
        before, end = heard(reader), reader.changes_end()
        assert (len(before), end.identity, end.number) == (1, "", 1)
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(files=[file_record(source("z"), 1)]))
    with ChangedFiles.open(tmp_path) as reader:
        assert heard(reader)[:1] == before
        assert [name for name, _, _ in heard(reader, after=end.number)] == ["z.h5"]
        assert reader.changes_end().identity


def test_what_was_read_is_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    with StateDirectory.open(tmp_path) as state, ChangedFiles.open(tmp_path) as reader:
        state.commit(Commit(files=[file_record(source("a"), 10)]))
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
            reader.make_durable()
    assert synced == [str(tmp_path / "petawatch.sqlite-wal")]
    with ChangedFiles.open(tmp_path) as reader:
        (tmp_path / "petawatch.sqlite-wal").unlink(missing_ok=True)
        reader.make_durable()  # the last writer took the log away: the database is synced
