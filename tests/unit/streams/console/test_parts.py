"""What the console's pages work with ends with the console."""

from pathlib import Path

import pytest

from streams.alert_pages.pages import AlertPages
from tests.support.consoles import console_client


def test_the_process_that_makes_pages_ends_with_the_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[AlertPages] = []

    def close(pages: AlertPages) -> None:
        closed.append(pages)

    monkeypatch.setattr(AlertPages, "close", close)
    parts = console_client(tmp_path).app.state.parts  # type: ignore[attr-defined]
    parts.close()
    assert closed == [parts.alert_pages]
