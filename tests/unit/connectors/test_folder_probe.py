"""Whether folders answer, and that one that hangs holds up nobody."""

import threading
from pathlib import Path

import pytest

from connectors.folder_probe import FolderAnswer, FolderProbe

THERE, AWAY, HANGS = FolderAnswer.THERE, FolderAnswer.AWAY, FolderAnswer.HANGS


def test_what_is_missing_or_empty_is_away(tmp_path: Path) -> None:
    good, other = tmp_path / "good", tmp_path / "other"
    good.mkdir()
    (good / "10Hz").mkdir()
    probe = FolderProbe([good, other])
    assert probe.answer() is AWAY
    other.mkdir()
    assert probe.answer() is AWAY  # the place of a mount that is gone
    (other / "10Hz").mkdir()
    assert probe.answer() is THERE


def test_a_folder_that_hangs_is_named_and_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.folder_probe._ANSWER_S", 0.05)
    monkeypatch.setattr("connectors.folder_probe._ANSWER_AGAIN_S", 0.05)
    free, asked, asking = threading.Event(), list[Path](), list[threading.Thread]()

    def ask(path: Path) -> bool:
        asked.append(path)
        asking.append(threading.current_thread())
        return path == tmp_path or free.wait(60)

    mount = tmp_path / "mount"
    probe = FolderProbe([tmp_path, mount], ask)
    assert [probe.answer() for _ in range(3)] == [HANGS] * 3
    assert (asked, probe.asked_last) == ([tmp_path, mount], mount)
    free.set()
    asking[0].join()
    assert probe.answer() is THERE
    assert asked == [tmp_path, mount] * 2, "not the answer from before"
