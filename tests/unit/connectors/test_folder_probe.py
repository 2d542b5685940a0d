"""Whether folders answer, and that one that hangs holds up nobody."""

import threading
from pathlib import Path

from connectors.folder_probe import FolderAnswer, FolderProbe

THERE, AWAY, HANGS = FolderAnswer.THERE, FolderAnswer.AWAY, FolderAnswer.HANGS


def test_what_is_missing_or_empty_is_away(tmp_path: Path) -> None:
    good, other = tmp_path / "good", tmp_path / "other"
    good.mkdir()
    (good / "10Hz").mkdir()
    probe = FolderProbe([good, other])
    assert probe.answer(60) is AWAY
    other.mkdir()
    assert probe.answer(60) is AWAY  # the place of a mount that is gone
    (other / "10Hz").mkdir()
    assert probe.answer(60) is THERE
    probe.stop()


def test_a_folder_that_hangs_is_named_and_asked_once(tmp_path: Path) -> None:
    free, asked = threading.Event(), []

    def ask(path: Path) -> bool:
        asked.append(path)
        return path == tmp_path or free.wait(60)

    mount = tmp_path / "mount"
    probe = FolderProbe([tmp_path, mount], ask)
    assert [probe.answer(0.05) for _ in range(3)] == [HANGS] * 3
    assert (asked, probe.asked_last) == ([tmp_path, mount], mount)
    free.set()
    assert probe.answer(60) is THERE
    assert probe.answer(60) is THERE
    assert len(asked) == 4
    probe.stop()


def test_it_ends(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    probe = FolderProbe([tmp_path])
    probe.answer(60)
    begun = set(threading.enumerate()) - before
    assert begun
    probe.stop()
    for thread in begun:
        thread.join(60)
    assert not any(thread.is_alive() for thread in begun)
