"""The directory as a kill -9 leaves it, at every step of a commit and of a flush, and a full disk at each of them."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from connectors.state import directory, parts, row_store
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.errors import RetryableError
from tests.unit.connectors.state.examples import CAMERA, commit_of, decided, file_record, source

# Every step of a flush that touches the disk, by what it calls.
STEPS = [
    (parts, "row_order"),
    (parts, "write_table"),
    (os, "fsync"),
    (row_store, "list_part"),
    (row_store, "publish"),
    (Path, "rename"),
    (Path, "unlink"),
    (parts, "sync_folder"),
]


def _before_and_after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, hook: Callable[[], None]) -> None:
    """Call a hook before and after every call of a function."""
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        hook()
        result = original(*arguments, **options)
        hook()
        return result

    monkeypatch.setattr(owner, name, wrapped)


def _prepare(state: StateDirectory) -> None:
    """Parts, buffered rows, and a replacement whose void rows lie in a part."""
    state.commit(commit_of(0))
    state.commit(commit_of(1))
    state.flush()
    state.commit(commit_of(2))
    new = source("file0", 2)
    replaced = file_record(new, 30, replaced_sha256=source("file0").sha256)
    state.commit(Commit(files=[replaced], decided=[decided(CAMERA, 30, of=new, seed=3)]))


def _contents(state: StateDirectory) -> dict[str, Any]:
    found: dict[str, Any] = {"ledger": state.ledger(), "states": state.load_states(), "alerts": list(state.alerts())}
    for what in ("shots", "triplets"):
        state.export(state.path / "out.parquet", what=what)
        found[what] = pq.read_table(state.path / "out.parquet")
    return found


def _listed_files(state: StateDirectory) -> None:
    """What lies there is what is listed."""
    listed = {str(part.path) for part in parts.list_parts(state._connection)}
    found = {
        str(path.relative_to(state.path))
        for what in ("shots", "triplets")
        for path in state.path.glob(f"{what}/**/*.*")
    }
    assert found == listed
    assert list(state.path.glob("staging/*")) == []


@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_a_kill_at_any_step_of_a_flush_loses_nothing(
    owner: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies: list[Path] = []

    def copy() -> None:
        copies.append(tmp_path / f"copy{len(copies)}")
        shutil.copytree(tmp_path / "state", copies[-1])

    with StateDirectory.open(tmp_path / "state") as state:
        _prepare(state)
        wanted = _contents(state)
        with monkeypatch.context() as patched:
            _before_and_after(patched, owner, name, copy)
            state.flush()
        assert _contents(state) == wanted
        _listed_files(state)
    assert len(copies) >= 2
    for place in {copies[0], copies[len(copies) // 3], copies[len(copies) * 2 // 3], copies[-1]}:
        with StateDirectory.open(place) as state:
            _listed_files(state)
            assert _contents(state) == wanted
            state.flush()
            assert _contents(state) == wanted
            _listed_files(state)


def test_readers_see_the_same_at_every_step_of_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = []
    with StateDirectory.open(tmp_path / "state") as state:
        _prepare(state)

        def read() -> None:
            with StateReader.open(tmp_path / "state") as reader:
                exported.append(reader.export(tmp_path / "out.parquet"))

        for owner, name in STEPS[3:7]:
            _before_and_after(monkeypatch, owner, name, read)
        with monkeypatch.context():
            state.flush()
    assert len(exported) > 6
    assert set(exported) == {210}


def test_a_kill_in_a_commit_is_as_if_it_had_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[Path] = []

    def copy() -> None:
        copies.append(tmp_path / f"copy{len(copies)}")
        shutil.copytree(tmp_path / "state", copies[-1])

    with StateDirectory.open(tmp_path / "state") as state:
        state.commit(commit_of(0))
        before = _contents(state)
        with monkeypatch.context() as patched:
            for name in ("record_file", "add_outcomes", "add_triplets", "store_alerts", "store_pending"):
                _before_and_after(patched, directory, name, copy)
            state.commit(commit_of(1))
        after = _contents(state)
    assert len(copies) == 10
    for place in copies:
        with StateDirectory.open(place) as state:
            assert _contents(state) == before
            state.commit(commit_of(1))
            assert _contents(state) == after


@pytest.mark.parametrize(("owner", "name"), [step for step in STEPS if step[1] not in {"row_order", "list_part"}])
def test_a_full_disk_at_any_step_of_a_flush_is_retried(
    owner: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with StateDirectory.open(tmp_path / "state") as state:
        _prepare(state)
        wanted = _contents(state)
        with monkeypatch.context() as patched:
            _before_and_after(patched, owner, name, full)
            with pytest.raises(RetryableError, match="is full") as refused:
                state.flush()
            assert refused.value.reason == "disk_full"
        assert _contents(state) == wanted
        state.commit(Commit(stage_states={"later": b"1"}))
        state.flush()
        assert _contents(state) == wanted | {"states": wanted["states"] | {"later": b"1"}}
        _listed_files(state)


def test_parts_that_are_not_listed_are_removed(tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(commit_of(0))
        state.flush()
    part = next(tmp_path.glob("shots/**/*.parquet"))
    shutil.copy(part, part.with_name("part-0123456789abcdef.parquet"))
    (tmp_path / "staging" / "part-0123456789abcdef.tmp").write_bytes(b"half")
    with StateDirectory.open(tmp_path) as state:
        _listed_files(state)
        assert state.export(tmp_path / "out.parquet") == 90
