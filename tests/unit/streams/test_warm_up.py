"""The warm-up does what a watch does, and nobody outside notices."""

import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from connectors.control_room.outbox import OutboxMessage
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from streams import warm_up
from streams.alarms import alarm_steps


def test_it_raises_alerts_that_nobody_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETAWATCH_WEBHOOK_URLS", '["http://127.0.0.1:9/"]')
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    commits: list[Commit] = []
    told: list[OutboxMessage] = []
    write = StateDirectory.commit

    def watched(directory: StateDirectory, commit: Commit) -> int:
        commits.append(commit)
        return write(directory, commit)

    def stored(_: sqlite3.Connection, messages: Iterable[OutboxMessage]) -> int:
        found = list(messages)
        told.extend(found)
        return len(found)

    monkeypatch.setattr(StateDirectory, "commit", watched)
    monkeypatch.setattr(alarm_steps, "store_messages", stored)
    warm_up.warm_up()
    assert any(commit.alerts and commit.evidence for commit in commits)
    assert not told
    assert not list(tmp_path.iterdir())


def test_without_room_it_says_so_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    told: list[str] = []
    warm_up.warm_up_if_possible(told.append)
    assert len(told) == 1
    assert told[0].startswith("the first alert will take some seconds longer")
