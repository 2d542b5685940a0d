"""What an earlier program left in a watch's own database is delivered, once."""

import json
import sqlite3
from pathlib import Path

from connectors.state.database import DATABASE_NAME
from connectors.state.directory import StateDirectory
from connectors.state.outbox import take_over
from tests.support.outboxes import KeptOutbox, kept_outbox

NAMES = {"http://a/": "first", "http://b/": "second"}
DATA = {"id": "1", "event": "opened", "event_id": "1-opened", "sent_at": "2022-07-01T09:30:00.000Z", "age_ms": 12}


def leave(state: Path, *urls: str) -> None:
    """Write messages as earlier programs did."""
    with StateDirectory.open(state):
        pass
    with sqlite3.connect(state / DATABASE_NAME) as connection:
        connection.executemany(
            "INSERT INTO outbox (url, alert_id, event_id, body, created_ns) VALUES (?, '1', '1-opened', ?, 5)",
            [(url, json.dumps(DATA).encode()) for url in urls],
        )
    connection.close()


def left(state: Path) -> list[str]:
    connection = sqlite3.connect(state / DATABASE_NAME)
    urls = [row[0] for row in connection.execute("SELECT url FROM outbox")]
    connection.close()
    return urls


def test_messages_are_taken_over_as_this_program_writes_them(tmp_path: Path) -> None:
    leave(tmp_path, "http://a/", "http://b/")
    with kept_outbox(tmp_path) as kept:
        assert take_over(tmp_path, kept.outbox, NAMES) == 0
        waiting = kept.waiting()
        assert list(waiting) == ["first:1-opened", "second:1-opened"]
        message = waiting["first:1-opened"]
        assert (message.subject_id, message.type, message.created_ns) == ("1", "alert.opened", 5)
        assert json.loads(message.body) == {"type": "alert.opened", "timestamp": DATA["sent_at"], "data": DATA}
    assert left(tmp_path) == []


def test_a_kill_after_the_first_half_doubles_nothing(tmp_path: Path) -> None:
    leave(tmp_path, "http://a/")
    with kept_outbox(tmp_path) as kept:
        take_over(tmp_path, kept.outbox, NAMES)
        leave(tmp_path, "http://a/")  # it was not removed
        take_over(tmp_path, kept.outbox, NAMES)
        assert list(kept.waiting()) == ["first:1-opened"]
        _deliver(kept)
        leave(tmp_path, "http://a/")
        take_over(tmp_path, kept.outbox, NAMES)
        assert kept.waiting() == {}
    assert left(tmp_path) == []


def test_what_is_for_an_address_that_nobody_has_stays_until_somebody_has_it(tmp_path: Path) -> None:
    leave(tmp_path, "http://gone/", "http://a/")
    with kept_outbox(tmp_path) as kept:
        assert take_over(tmp_path, kept.outbox, NAMES) == 1
        assert left(tmp_path) == ["http://gone/"]
        assert take_over(tmp_path, kept.outbox, NAMES | {"http://gone/": "third"}) == 0
        assert list(kept.waiting()) == ["first:1-opened", "third:1-opened"]


def _deliver(kept: KeptOutbox) -> None:
    [message] = kept.waiting().values()
    kept.outbox.delivered(message, "204", 50)
