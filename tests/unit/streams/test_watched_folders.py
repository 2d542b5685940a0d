"""Folders that are looked into only while they answer."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from connectors.clock import Clock, SystemClock
from connectors.folder_probe import FolderAnswer, FolderProbe
from connectors.spool_listing import SpoolFile
from connectors.spool_watcher import SpoolSettings
from streams.watched_folders import Unknown, WatchedFolders
from tests.support.manual_clock import ManualClock
from tests.support.snapshot_files import NAME, minute, write_production
from tests.support.watching import wait_until

LATER = NAME.replace("09-34-00", "09-35-00")


class Site:
    """A folder that may hang, and what was heard of it."""

    def __init__(self, data: Path, clock: Clock, *, rescan_s: float = 0.1) -> None:
        self.data = data
        self.free = threading.Event()
        self.free.set()
        self.looks: list[tuple[list[str] | Unknown, FolderAnswer]] = []
        self.told: list[str] = []
        self.taken: list[str] = []
        self.folders = WatchedFolders(
            [data],
            clock,
            SpoolSettings(settle_s=0.0, rescan_s=rescan_s),
            lambda *_: False,
            looked=self.looked,
            tell=self.told.append,
            probe=FolderProbe([data], lambda _: self.free.wait(60)),
        )

    def looked(self, files: Sequence[SpoolFile] | Unknown, answer: FolderAnswer) -> None:
        self.looks.append((files if isinstance(files, Unknown) else [file.relative for file in files], answer))

    def take(self) -> bool:
        found = self.folders.take(0.05)
        self.taken += [item.relative for item in found if isinstance(item, SpoolFile)]
        return bool(found)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    write_production(tmp_path / NAME, minute(1))
    site = Site(tmp_path, SystemClock())
    yield site
    site.free.set()
    site.folders.stop()


def test_what_lay_there_at_the_start_has_not_come(site: Site) -> None:
    wait_until(lambda: not site.take() and bool(site.taken))
    write_production(site.data / LATER, minute(1))
    wait_until(lambda: site.take() and LATER in site.taken)
    assert site.taken == [NAME, LATER]
    assert [files for files, _ in site.looks if isinstance(files, list) and files] == [[LATER]]
    assert {answer for _, answer in site.looks} == {FolderAnswer.THERE}


def test_where_the_kernel_tells_of_files_each_look_says_that_none_came(tmp_path: Path) -> None:
    write_production(tmp_path / NAME, minute(1))
    site = Site(tmp_path, SystemClock(), rescan_s=3_600.0)
    wait_until(lambda: not site.take() and bool(site.taken))
    write_production(tmp_path / LATER, minute(1))
    wait_until(lambda: site.take() and LATER in site.taken)
    site.looks.clear()
    for _ in range(3):
        site.take()
    assert site.looks == [([], FolderAnswer.THERE)] * 3
    site.folders.stop()


def test_while_what_lay_there_is_worked_off_nobody_says_whether_anything_comes(site: Site) -> None:
    for number in range(180):
        (site.data / NAME.replace("09-34-00", f"{number // 60:02}-{number % 60:02}-00")).write_bytes(b"x")
    while len(site.taken) < 181:
        site.take()
    assert len(site.looks) >= 3
    assert {files for files, _ in site.looks if isinstance(files, Unknown)} == {Unknown.BACKLOG}
    assert [files for files, _ in site.looks if not isinstance(files, Unknown)] == []
    site.take()
    assert site.looks[-1] == ([], FolderAnswer.THERE)


def test_where_nothing_tells_of_files_only_a_look_through_all_folders_says_that_none_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.spool_watcher.open_notifier", lambda *_: None)
    write_production(tmp_path / NAME, minute(1))
    clock = ManualClock()
    site = Site(tmp_path, clock, rescan_s=30.0)
    for _ in range(3):
        site.take()
    assert site.taken == [NAME]
    assert site.looks[-1] == (Unknown.NOT_YET, FolderAnswer.THERE)
    site.looks.clear()
    for _ in range(12):
        clock.advance(5)
        site.take()
    seen = [files for files, _ in site.looks]
    assert seen == [*[Unknown.NOT_YET] * 5, [], *[Unknown.NOT_YET] * 5, []]
    write_production(tmp_path / LATER, minute(1))
    site.looks.clear()
    for _ in range(7):
        clock.advance(5)
        site.take()
    seen = [files for files, _ in site.looks]
    assert seen[:5] == [Unknown.NOT_YET] * 5
    assert [files for files in seen[5:] if not isinstance(files, Unknown)] == [[LATER]]
    site.folders.stop()


def test_a_folder_that_hangs_is_told_and_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.folder_probe._ANSWER_S", 0.05)
    monkeypatch.setattr("connectors.folder_probe._ANSWER_AGAIN_S", 0.05)
    write_production(tmp_path / NAME, minute(1))
    site = Site(tmp_path, SystemClock())
    site.free.clear()
    assert [site.take() for _ in range(3)] == [False] * 3
    assert site.folders.hang
    assert site.looks == [([], FolderAnswer.HANGS)] * 3
    [sentence] = site.told
    assert sentence.startswith(f"{site.data} does not answer")
    site.free.set()
    wait_until(lambda: site.take() and bool(site.taken))
    assert site.told[1:] == ["the watched folders answer again"]
    assert not site.folders.hang
    site.folders.stop()
