"""`petawatch webhooks` as operators use it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from connectors.control_room.database import reading
from connectors.webhooks.signing import check_secrets, new_secret
from tests.support.commands import Run
from tests.support.outboxes import KeptOutbox, kept_outbox
from tests.support.receiver import Receiver, receiving

SECRET = new_secret()
MINUTE_NS = 60_000_000_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptOutbox]:
    with kept_outbox(tmp_path / "state") as kept:
        yield kept


@pytest.fixture
def config(tmp_path: Path, receiver: Receiver) -> Path:
    path = tmp_path / "petawatch.toml"
    path.write_text(
        f"""
        [[receivers]]
        name = "shift"
        url = "{receiver.url.replace("http://", "http://me:s3cret@")}?key=t0ken"
        secrets = ["{SECRET}"]
        [[messengers]]
        name = "chat"
        url = "json://127.0.0.1:9/t0ken"
        """
    )
    return path


def test_a_test_event_is_signed_and_the_answer_is_said(command: Run, config: Path, receiver: Receiver) -> None:
    code, out, _ = command("webhooks", "test", "shift", "--config", config)
    assert (code, out) == (0, "shift: took it\n")
    [delivery] = receiver.deliveries
    event = Webhook(SECRET).verify(delivery.body, delivery.headers)
    assert event["type"] == "webhook.test"
    assert event["data"]["event_id"] == delivery.event_id
    receiver.refuse(403)
    code, out, _ = command("webhooks", "test", "--config", config)
    assert code == 1
    shift, chat = out.splitlines()
    assert shift == "shift: answered 403 Forbidden"
    assert chat.startswith("chat: ")
    assert not any(secret in out for secret in ("s3cret", "t0ken", SECRET))


def test_who_is_not_there_is_not_tested(command: Run, config: Path) -> None:
    code, _, err = command("webhooks", "test", "shifts", "--config", config)
    assert code == 1
    assert "the settings name no receiver 'shifts', but shift, chat" in err
    code, _, err = command("webhooks", "test")
    assert code == 1
    assert "the settings name no receiver; add webhook_urls" in err


def test_the_list_says_what_waits_and_why_and_no_secret(command: Run, config: Path, kept: KeptOutbox) -> None:
    for subject in ("1", "2", "3"):
        kept.put("shift", subject, created_ns=MINUTE_NS)
    kept.put("former", "1", created_ns=MINUTE_NS)
    waiting = kept.waiting()
    kept.outbox.delivered(waiting["shift:1-opened"], "204", 2 * MINUTE_NS)
    kept.outbox.failed(waiting["shift:2-opened"], "answered 500 Oh", 5 * MINUTE_NS, 3 * MINUTE_NS)
    kept.outbox.suspend("shift", 4 * MINUTE_NS, gone=False)
    kept.put("chat", "5", created_ns=MINUTE_NS)
    kept.outbox.refused(kept.waiting()["chat:5-opened"], "answered 422 No", 9 * MINUTE_NS)
    code, out, _ = command("webhooks", "list", "--state", kept.state, "--config", config)
    assert code == 0
    heads, shift, chat, former = (line.split("\t") for line in out.splitlines())
    assert (heads[0], heads[4], heads[-1], len(heads)) == ("name", "state", "it said", len(shift))
    assert shift == [
        *("shift", "signed webhook", "alert", "low", "suspended", "2", "1970-01-01T00:01:00.000Z"),
        *("1970-01-01T00:02:00.000Z", "1970-01-01T00:03:00.000Z", "1970-01-01T00:04:00.000Z", "answered 500 Oh"),
    ]
    assert [*chat[:6], chat[-1]] == ["chat", "messenger", "incident", "low", "refusing", "1", "answered 422 No"]
    assert former[:6] == ["former", "not configured", "", "", "not configured", "1"]
    code, out, _ = command("webhooks", "list", "--state", kept.state, "--config", config, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["name"], one["state"], one["waiting"], one["failing_since"]) for one in found] == [
        ("shift", "suspended", 2, "1970-01-01T00:03:00.000Z"),
        ("chat", "refusing", 1, None),
        ("former", "not configured", 1, None),
    ]
    assert not any(secret in out for secret in ("s3cret", "t0ken", SECRET, "127.0.0.1"))


def test_what_was_told_is_told_again_under_its_id(command: Run, kept: KeptOutbox, config: Path) -> None:
    for number, subject in enumerate(("abc1", "abc2")):
        for receiver in ("shift", "chat"):
            kept.put(receiver, subject, created_ns=number * MINUTE_NS)
    for message in kept.waiting().values():
        kept.outbox.delivered(message, "204", 10 * MINUTE_NS)
    state = ("--state", kept.state)
    code, out, _ = command("webhooks", "redeliver", "abc1", *state)
    assert (code, out) == (0, "2 messages wait to be told again\n")
    code, out, _ = command("webhooks", "redeliver", "--receiver", "shift", "--from", "1970-01-01T00:01:00Z", *state)
    assert (code, out) == (0, "1 message waits to be told again\n")
    assert sorted(kept.waiting()) == ["chat:abc1-opened", "shift:abc1-opened", "shift:abc2-opened"]
    code, _, err = command(
        "webhooks", "redeliver", "--receiver", "shifts", "--from", "1970-01-01T00:00:00Z", *state, "--config", config
    )
    assert (code, "the settings name no receiver 'shifts', but shift, chat" in err) == (1, True)
    code, _, err = command("webhooks", "redeliver", "abc", *state, "--config", config)
    assert code == 1
    assert "'abc' begins the ids abc1, abc2; write more of it" in err
    code, _, err = command("webhooks", "redeliver", "ffff", *state)
    assert code == 1
    assert "no receipt of a message about ffff is kept" in err
    with reading(kept.state) as connection:
        log = connection.execute("SELECT action, subject FROM audit ORDER BY number").fetchall()
    assert log == [("tell_again", "abc1"), ("tell_again", "shift")]


@pytest.mark.parametrize("arguments", [[], ["abc", "--receiver", "a"], ["--receiver", "a"], ["abc", "--from", "2022"]])
def test_what_is_to_be_told_again_is_named(command: Run, kept: KeptOutbox, arguments: list[str]) -> None:
    code, _, err = command("webhooks", "redeliver", *arguments, "--state", kept.state)
    assert code == 2
    assert "petawatch: " in err


def test_a_suspended_receiver_is_taken_back(command: Run, config: Path, kept: KeptOutbox) -> None:
    kept.put("shift", "1")
    [message] = kept.waiting().values()
    kept.outbox.failed(message, "away", 5 * MINUTE_NS, MINUTE_NS)
    kept.outbox.suspend("shift", MINUTE_NS, gone=True)
    options = ("--state", kept.state, "--config", config)
    assert command("webhooks", "resume", "shift", *options)[:2] == (0, "shift is asked again\n")
    assert kept.suspensions() == {}
    assert kept.outbox.next_due_ns("shift") == 0
    code, out, _ = command("webhooks", "resume", "shift", *options)
    assert (code, out) == (0, "shift was not suspended; what waits for it is tried at once\n")
    assert command("webhooks", "resume", "nobody", *options)[0] == 1


def test_what_waits_for_one_that_was_renamed_is_handed_to_another_or_dropped(
    command: Run, config: Path, kept: KeptOutbox
) -> None:
    for subject in ("1", "2", "3"):
        kept.put("former", subject)
    kept.put("shift", "1")
    kept.put("shift", "2")
    kept.outbox.delivered(kept.waiting()["shift:2-opened"], "204", MINUTE_NS)
    kept.outbox.failed(kept.waiting()["former:3-opened"], "away", 5 * MINUTE_NS, MINUTE_NS)
    options = ("--state", kept.state, "--config", config)
    code, _, err = command("webhooks", "move", "former", "chat", *options)
    assert (code, "messengers get texts and webhooks get documents" in err) == (1, True)
    code, out, _ = command("webhooks", "move", "former", "shift", *options)
    assert (code, out) == (0, "1 message waits for shift now\n")  # the two others it knows
    assert sorted(kept.waiting()) == ["shift:1-opened", "shift:3-opened"]
    assert kept.outbox.next_due_ns("shift") == 0
    for arguments in (("move", "former", "shift"), ("drop", "former"), ("drop", "shift"), ("move", "shift", "chat")):
        assert command("webhooks", *arguments, *options)[0] == 1
    kept.put("other", "1")
    assert command("webhooks", "drop", "other", *options)[:2] == (0, "1 message was dropped\n")
    assert sorted(kept.waiting()) == ["shift:1-opened", "shift:3-opened"]
    with reading(kept.state) as connection:
        dropped = connection.execute("SELECT receiver, event_id FROM receipts WHERE status = 'dropped'").fetchall()
        log = connection.execute("SELECT action, subject, details FROM audit ORDER BY number").fetchall()
    assert sorted(dropped) == [("former", "1-opened"), ("former", "2-opened"), ("other", "1-opened")]
    assert [(action, subject, json.loads(details)) for action, subject, details in log] == [
        ("move_messages", "former", {"messages": 1, "to": "shift"}),
        ("drop_messages", "other", {"messages": 1}),
    ]


def test_who_was_told_of_something_and_has_another_name_now_hears_its_end(
    command: Run, config: Path, kept: KeptOutbox
) -> None:
    for subject in ("1", "2"):
        kept.put("former", subject)
        kept.outbox.delivered(kept.waiting()[f"former:{subject}-opened"], "204", MINUTE_NS)
    options = ("--state", kept.state, "--config", config)
    code, out, _ = command("webhooks", "move", "former", "chat", *options)  # nothing waits, so any form will do
    assert (code, out) == (0, "0 messages wait for chat now\n")
    assert kept.who_knows("1") == {"chat": True}
    kept.put("other", "1")
    kept.outbox.delivered(kept.waiting()["other:1-opened"], "204", MINUTE_NS)
    assert command("webhooks", "drop", "other", *options)[0] == 0
    assert kept.who_knows("1") == {"chat": True}
    assert command("webhooks", "drop", "other", *options)[0] == 1


def test_a_new_secret_is_fresh_and_fits(command: Run) -> None:
    first, second = (command("webhooks", "new-secret")[1].strip() for _ in range(2))
    assert first != second
    check_secrets([first, second], "a receiver")
