"""Files that several make at once: who comes while another one switches to a log of writes asks again."""

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.archive.outbox import OUTBOX_NAME, ArchiveOutbox
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.index_journal import IndexJournal
from models.errors import RetryableError

CONNECT = sqlite3.connect


def open_outbox(file: Path) -> None:
    ArchiveOutbox.open(file.parent).close()


def open_journal(file: Path) -> None:
    IndexJournal(file).close()


def open_catalog(file: Path) -> None:
    SqliteCatalog(file).close()


def refusing(times: float) -> Callable[..., sqlite3.Connection]:
    """As SQLite does while others switch, too: it refuses without waiting."""

    class Refusing(sqlite3.Connection):
        left: float = times

        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            if sql == "PRAGMA journal_mode=WAL" and self.left > 0:
                self.left -= 1
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(sql, *parameters)

    return lambda *where, **options: CONNECT(*where, factory=Refusing, **options)


@pytest.mark.parametrize("opened", [open_outbox, open_journal, open_catalog])
def test_a_new_file_that_another_one_is_just_making_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], None]
) -> None:
    file = tmp_path / OUTBOX_NAME
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(sqlite3, "connect", refusing(math.inf))
    with pytest.raises(RetryableError):
        opened(file)
    monkeypatch.setattr(sqlite3, "connect", refusing(3))
    opened(file)
    monkeypatch.setattr(sqlite3, "connect", CONNECT)
    opened(file)
