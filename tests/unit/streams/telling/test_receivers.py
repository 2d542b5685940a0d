"""Who is told, as the settings say."""

from contextlib import ExitStack
from pathlib import Path

from streams.settings import load_settings
from streams.telling.receivers import open_sender
from tests.support.manual_clock import ManualClock
from tests.support.outboxes import kept_outbox


def test_at_the_start_it_is_said_that_messages_wait_for_nobody(tmp_path: Path) -> None:
    with kept_outbox(tmp_path) as kept:
        kept.put("former", "1")
        kept.put("shift", "1")
    settings = load_settings(None, receivers=[{"name": "shift", "url": "http://127.0.0.1:9/"}])
    told: list[str] = []
    with ExitStack() as stack:
        open_sender(stack, tmp_path, settings, ManualClock(), told.append)
    [sentence] = told
    assert sentence.startswith("1 message waits for former, which the settings do not name")
    assert "petawatch webhooks move former NEW" in sentence


def test_at_the_start_it_is_said_who_is_owed_an_end_and_is_named_no_more(tmp_path: Path) -> None:
    with kept_outbox(tmp_path) as kept:
        kept.put("former", "1")
        kept.outbox.delivered(kept.waiting()["former:1-opened"], "204", 50)
    told: list[str] = []
    with ExitStack() as stack:
        open_sender(stack, tmp_path, load_settings(None), ManualClock(), told.append)
    [sentence] = told
    assert sentence.startswith("former, which the settings do not name, was told of 1 alerts or incidents")
    assert "petawatch webhooks drop former" in sentence
