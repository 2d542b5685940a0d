"""The archiver beside a watch: whatever happens to it is told and alerted, and ends nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from connectors.archive.outbox import OUTBOX_NAME
from connectors.clock import SystemClock
from connectors.state.commit import FileRecord
from models.alerts.alert import AlertStatus
from streams.archive.uploading import archive_service
from streams.archive.uploading.archive_metrics import ArchiveMetrics
from streams.archive.uploading.archive_service import ArchiveService
from streams.archive.uploading.archiver import Archiver
from streams.settings import Settings, load_settings
from tests.support.archiving import assert_archived_once, read_archive, record, snapshot
from tests.support.watching import wait_until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_service, "_AGAIN_S", 0.3)
    monkeypatch.setattr(archive_service, "_LOOK_S", 0.05)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(None, archive={"store": str(tmp_path / "store"), "oldest_waiting_s": 0.2})


@pytest.fixture
def known(tmp_path: Path) -> FileRecord:
    known = snapshot(tmp_path / "data", "a.h5", b"content")
    record(tmp_path / "state", known)
    return known


@contextmanager
def served(state: Path, settings: Settings, told: list[str]) -> Iterator[ArchiveService]:
    clock = SystemClock()
    service = ArchiveService(state, settings, clock, ArchiveMetrics(CollectorRegistry(), clock), told.append)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def reasons(service: ArchiveService) -> list[tuple[str, str]]:
    return [(event.alert.status.value, event.alert.reasons[0]) for event in service.events()]


def test_a_damaged_outbox_is_told_alerted_and_made_anew_once_it_is_removed(
    settings: Settings, known: FileRecord, tmp_path: Path
) -> None:
    outbox = tmp_path / "state" / "archive" / OUTBOX_NAME
    outbox.parent.mkdir()
    (tmp_path / "store").mkdir()
    outbox.write_bytes(b"nonsense" * 1000)
    told: list[str] = []
    with served(tmp_path / "state", settings, told) as service:
        wait_until(lambda: reasons(service) == [("open", "stopped")])
        service.told(service.events())
        assert len(told) == 1
        assert "it is made anew" in told[0]
        outbox.unlink()
        wait_until(lambda: reasons(service) == [("closed", "stopped")])
        service.told(service.events())
        service.drain(10.0)
        wait_until(lambda: service.events() == [])
    assert told[1:] == ["the archiver works"]
    assert_archived_once(read_archive(settings, tmp_path / "state"), {known.path: known.sha256})


def test_a_failure_that_nobody_foresaw_ends_nothing(
    settings: Settings, known: FileRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(Archiver, "turn", lambda _: 1 / 0)
        with served(tmp_path / "state", settings, told) as service:
            wait_until(lambda: reasons(service) == [("open", "stopped")])
            assert "ZeroDivisionError" in told[0]
    with served(tmp_path / "state", settings, told) as service:
        # What was not told before the end is told now.
        wait_until(lambda: [event.alert.status for event in service.events()][-1:] == [AlertStatus.CLOSED])
        assert reasons(service) == [("open", "stopped"), ("closed", "stopped")]
        wait_until(lambda: service.drain(10.0))
    assert_archived_once(read_archive(settings, tmp_path / "state"), {known.path: known.sha256})


def test_what_can_t_be_archived_when_the_input_ends_is_told(
    settings: Settings, known: FileRecord, tmp_path: Path
) -> None:
    (tmp_path / "store").write_text("no folder")
    told: list[str] = []
    with served(tmp_path / "state", settings, told) as service:
        wait_until(lambda: bool(told))
        service.drain(10.0)
    assert "can't be kept" in told[0]
    assert "may still wait for the archive" in told[-1]
