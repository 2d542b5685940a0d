"""Which snapshots a recorder has finished, and in which order they are taken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.state.commit import Commit, FileRecord, FileStatus
from connectors.state.directory import StateDirectory
from connectors.state.file_progress import FileProgress
from models.event_time import HOUR_NS, MINUTE_NS, parse_iso
from streams.following.finished_files import finished_files

START = parse_iso("2022-07-01T09:00")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as directory:
        yield directory


def announce(state: StateDirectory, minute: int, *, waiting: int = 0, root: str = "/data") -> None:
    """A snapshot of a minute, of which so many records have no outcome."""
    record = FileRecord(
        path=f"10Hz/LA_R_60s_snapshot_{minute}.h5",
        root=root,
        sha256=f"{minute:064x}",
        size_bytes=10,
        mtime_ns=1 if root else 0,
        status=FileStatus.ACCEPTED,
        first_ns=START + minute * MINUTE_NS,
        last_ns=START + (minute + 1) * MINUTE_NS - 1,
        records_read=waiting,
    )
    state.commit(Commit(files=[record]))


def minutes(state: StateDirectory, number: int = 0, from_ns: int = 0) -> tuple[list[int], int]:
    with FileProgress.open(state.path) as reader:
        versions, number = finished_files(reader, number, from_ns)
    return [int(version.sha256, 16) for version in versions], number


def test_they_come_as_they_were_announced(state: StateDirectory) -> None:
    for minute in (1, 0, 2):
        announce(state, minute)
    assert minutes(state) == ([1, 0, 2], 3)
    assert minutes(state, 1) == ([0, 2], 3)
    assert minutes(state, 3) == ([], 3)
    assert minutes(state, from_ns=START + MINUTE_NS) == ([1, 2], 3)


def test_the_first_that_is_not_finished_holds_up_those_behind(state: StateDirectory) -> None:
    announce(state, 0)
    announce(state, 1, waiting=3)
    announce(state, 2)
    assert minutes(state) == ([0], 1)
    announce(state, 1)
    assert minutes(state, 1) == ([2, 1], 4)


def test_one_that_is_never_finished_is_taken_in_the_end(state: StateDirectory) -> None:
    announce(state, 0, waiting=3)
    announce(state, 59)
    assert minutes(state) == ([], 0)
    # One clock that is wrong does not tell the time.
    announce(state, 60 * 24 * 365)
    announce(state, 60)
    assert minutes(state) == ([], 0)
    for minute in range(1, 6):
        announce(state, HOUR_NS // MINUTE_NS + minute)
    assert minutes(state)[0][0] == 0


def test_what_is_not_announced_comes_with_its_announcement(state: StateDirectory) -> None:
    announce(state, 0, waiting=3, root="")
    announce(state, 1)
    assert minutes(state) == ([1], 2)
    announce(state, 0)
    assert minutes(state, 2) == ([0], 3)
    state.commit(
        Commit(
            files=[
                FileRecord(path="notes", root="/data", sha256="", size_bytes=0, mtime_ns=0, status=FileStatus.IGNORED)
            ]
        )
    )
    assert minutes(state, 3) == ([], 4)
