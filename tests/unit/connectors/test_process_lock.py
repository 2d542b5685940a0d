"""Locks between processes."""

import fcntl
import threading
from pathlib import Path

import pytest

from connectors.process_lock import LockHeldError, ProcessLock


def test_the_holder_is_told_and_keeps_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert ProcessLock.holder_of(path) == ""
    assert not path.exists()
    with ProcessLock.of_file(path):
        named = path.read_text()
        assert ProcessLock.holder_of(path) == named.strip()
        assert "process" in named
        with pytest.raises(LockHeldError):
            ProcessLock.of_file(path)
    assert ProcessLock.holder_of(path) == ""
    assert path.read_text() == named
    ProcessLock.of_file(path).release()


def test_who_looks_at_a_lock_keeps_nobody_from_taking_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    ProcessLock.of_file(path).release()
    tried, flock = threading.Event(), fcntl.flock

    def trying(descriptor: int, operation: int) -> None:
        try:
            flock(descriptor, operation)
        finally:
            tried.set()

    with path.open("rb") as looking:
        flock(looking, fcntl.LOCK_SH)  # as ``holder_of`` does for a moment
        monkeypatch.setattr(fcntl, "flock", trying)
        threading.Thread(target=lambda: tried.wait(60) and flock(looking, fcntl.LOCK_UN)).start()
        with ProcessLock.of_file(path):
            assert ProcessLock.holder_of(path) == path.read_text().strip()


def test_who_looks_without_an_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.process_lock._LOOK_S", 0.0)
    path = tmp_path / "lock"
    ProcessLock.of_file(path).release()
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(LockHeldError):
            ProcessLock.of_file(path)
