"""Locks between processes."""

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
