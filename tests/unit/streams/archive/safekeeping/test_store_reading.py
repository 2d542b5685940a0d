"""What a pass over a store notes: what nobody has taken out of the catalog meanwhile."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.archive.archived_file import ArchivedFile
from models.archive.file_query import FileQuery
from streams.archive.opened_archive import OpenedArchive
from streams.archive.safekeeping.good_contents import few_at_once
from streams.archive.safekeeping.store_reading import StoreReading
from tests.support.manual_clock import ManualClock
from tests.support.tape_archive import TapeArchive


def read_all(opened: OpenedArchive) -> StoreReading:
    assert opened.store is not None
    reading = StoreReading(opened.store, opened.catalog, ManualClock(), lambda _: True)
    assert list(reading.damaged(opened.catalog.find_files(FileQuery()), lambda: None)) == []
    return reading


def test_a_copy_that_was_removed_while_it_was_read_stays_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = TapeArchive(tmp_path / "site", [])
    first, second = archive.fill(2)
    with archive.opened() as opened:
        store, catalog = opened.store, opened.catalog
        assert store is not None
        read = type(store).read

        def removed_meanwhile(self: object, key: str, version: str, into: object) -> str:
            sha256 = read(store, key, version, into)  # type: ignore[arg-type]
            if key == first.key:
                catalog.remove_store_copy(f"{store.address}|{first.id}")
            return sha256

        monkeypatch.setattr(type(store), "read", removed_meanwhile)
        assert read_all(opened).read == 2
        copies = catalog.store_copies([first.id, second.id])
    assert set(copies) == {second.id}
    assert copies[second.id][0].read_back_ns == ManualClock().now_ns()


def test_few_at_once_have_each_key_once() -> None:
    file = ArchivedFile(key="a", path="a", root="/data", sha256="1", size_bytes=1, mtime_ns=0)
    again, other, large = (
        replace(file, sha256="2"),
        replace(file, key="b"),
        replace(file, key="c", size_bytes=5 << 30),
    )
    assert list(few_at_once([file, other, again, large])) == [[file, other], [again], [large]]
