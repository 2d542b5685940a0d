"""One connector per folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from connectors.folder_lock import FolderLocks, lock_folder
from models.errors import FatalError

_HOLD = "import sys; from pathlib import Path; from connectors.folder_lock import lock_folder\n"
_HOLD += "lock = lock_folder(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"


def test_a_second_one_is_refused_and_the_folder_is_untouched(tmp_path: Path) -> None:
    first = lock_folder(tmp_path)
    with pytest.raises(FatalError, match="another connector") as refused:
        lock_folder(tmp_path)
    assert refused.value.reason == "folder_in_use"
    assert str(tmp_path) in str(refused.value)
    assert not list(tmp_path.iterdir())
    first.release()
    first.release()
    lock_folder(tmp_path).release()


def test_it_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o555)
    lock = lock_folder(folder)
    with pytest.raises(FatalError):
        lock_folder(folder)
    lock.release()


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FatalError):
            lock_folder(tmp_path)
        holder.kill()
        holder.wait()
        lock_folder(tmp_path).release()


def test_a_folder_that_is_missing_is_locked_when_it_is_there(tmp_path: Path) -> None:
    later = tmp_path / "later"
    with FolderLocks([tmp_path, later]) as locks:
        later.mkdir()
        lock_folder(later).release()
        locks.take()
        with pytest.raises(FatalError):
            lock_folder(later)
    lock_folder(later).release()
    lock_folder(tmp_path).release()


def test_the_same_folder_by_another_name_is_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    with FolderLocks([folder]), pytest.raises(FatalError, match="another connector"), FolderLocks([link]):
        pass
