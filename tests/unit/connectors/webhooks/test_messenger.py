"""Messengers through Apprise, against a real mail server and real HTTP servers on the loopback interface."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.clock import SystemClock
from connectors.webhooks.channel import Outcome
from connectors.webhooks.messenger import AppriseMessenger
from connectors.webhooks.sender import WebhookSender, WebhookSettings
from connectors.webhooks.settings import MessengerSettings
from models.errors import FatalError
from tests.support.mail_sink import mail_sink
from tests.support.outboxes import kept_outbox, outbox_message
from tests.support.receiver import Receiver, Reply, receiving
from tests.support.watching import wait_until

TOKEN = "3ccdd113474722377935511fc85d3dd4"  # noqa: S105 - of nothing
BODY = json.dumps(
    {"title": "[high] no beam, LA-A3-31", "text": "since 09:34\nhttp://a/incidents/1?x=µ", "level": "high"}
).encode()


def messenger(url: str, timeout_s: float = 10.0) -> AppriseMessenger:
    return AppriseMessenger(MessengerSettings(name="chat", url=SecretStr(url)), timeout_s=timeout_s)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Answers 200, which is all that Mattermost's client takes for a success."""
    with receiving() as receiver:
        receiver.usual = Reply(200, {})
        yield receiver


def test_people_get_a_mail() -> None:
    with mail_sink() as sink:
        url = f"mailto://127.0.0.1:{sink.port}?from=watch@lab.example&to=shift@lab.example"
        answer = messenger(url).send("1-opened", BODY)
        assert (answer.outcome, answer.status) == (Outcome.TAKEN, "sent")
        [mail] = sink.mails
    assert mail["subject"] == "[high] no beam, LA-A3-31"
    assert "shift@lab.example" in mail["to"]
    lines = re.split(r"<br ?/>|\r?\n", mail.get_content().strip())
    assert lines == ["since 09:34", "http://a/incidents/1?x=µ"]


def test_a_mail_server_that_takes_nothing_now_is_asked_later() -> None:
    with mail_sink() as sink:
        sink.refusals = 1
        url = f"mailto://127.0.0.1:{sink.port}?from=watch@lab.example&to=shift@lab.example"
        refused = messenger(url).send("1-opened", BODY)
        assert (refused.outcome, bool(refused.error)) == (Outcome.LATER, True)
        assert messenger(url).send("1-opened", BODY).outcome is Outcome.TAKEN  # the same one sends mails 5 s apart
        assert len(sink.mails) == 1


def test_what_was_written_for_a_webhook_of_its_name_is_refused(receiver: Receiver) -> None:
    webhook = json.dumps({"type": "alert.opened", "timestamp": "2022-07-01T09:34:00.000Z", "data": {}}).encode()
    answer = messenger(f"json://127.0.0.1:{receiver.port}").send("1-opened", webhook)
    assert answer.outcome is Outcome.REFUSED
    assert "webhook" in answer.error
    assert receiver.deliveries == []


def test_mattermost_gets_a_text(receiver: Receiver) -> None:
    assert messenger(f"mmost://127.0.0.1:{receiver.port}/{TOKEN}").send("1-opened", BODY).outcome is Outcome.TAKEN
    [delivery] = receiver.deliveries
    text = json.loads(delivery.body)["text"]
    assert "[high] no beam, LA-A3-31" in text
    assert "http://a/incidents/1" in text


@pytest.mark.parametrize("kind", ["workflow", "mmosts"])
def test_a_server_that_speaks_no_tls_is_away(receiver: Receiver, kind: str) -> None:
    answer = messenger(f"{kind}://127.0.0.1:{receiver.port}/{TOKEN}/{TOKEN}").send("1-opened", BODY)
    assert (answer.outcome, bool(answer.error)) == (Outcome.LATER, True)
    assert TOKEN not in answer.error
    assert receiver.asked == []


def test_plain_json_says_how_bad_it_is(receiver: Receiver) -> None:
    chat = messenger(f"json://127.0.0.1:{receiver.port}/hook")
    for level in ("low", "medium", "high", "over"):
        chat.send("1", json.dumps({"title": "a", "text": "b", "level": level}).encode())
    types = [json.loads(delivery.body)["type"] for delivery in receiver.deliveries]
    assert types == ["info", "warning", "failure", "success"]


def test_a_messenger_that_fails_says_why_and_tells_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.refuse(500)
    caplog.set_level(logging.DEBUG)
    answer = messenger(f"mmost://127.0.0.1:{receiver.port}/{TOKEN}").send("1-opened", BODY)
    assert answer.outcome is Outcome.LATER
    assert "500" in answer.error
    assert TOKEN not in answer.error + caplog.text
    away = messenger("mmost://127.0.0.1:9/" + TOKEN).send("1-opened", BODY)
    assert (away.outcome, bool(away.error)) == (Outcome.LATER, True)
    assert TOKEN not in away.error


def test_a_silent_messenger_is_given_up_after_the_timeout(receiver: Receiver) -> None:
    receiver.hold.clear()
    answer = messenger(f"json://127.0.0.1:{receiver.port}/hook", timeout_s=0.2).send("1-opened", BODY)
    assert answer.outcome is Outcome.LATER


@pytest.mark.parametrize("url", [f"nonsense://{TOKEN}", TOKEN, f"slack://{TOKEN}"])
def test_an_address_that_is_none_is_refused_without_telling_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="the url of the messenger chat is none that Apprise understands") as failure:
        messenger(url)
    assert TOKEN not in str(failure.value)
    file = tmp_path / "url"
    file.write_text(url)
    with pytest.raises(FatalError) as failure:
        AppriseMessenger(MessengerSettings(name="chat", url_file=file), timeout_s=1.0)
    assert TOKEN not in str(failure.value)


def test_an_address_may_lie_in_a_file(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"mmost://127.0.0.1:{receiver.port}/{TOKEN}\n")
    settings = MessengerSettings(name="chat", url_file=file)
    assert AppriseMessenger(settings, timeout_s=10.0).send("1-opened", BODY).outcome is Outcome.TAKEN
    file.unlink()
    with pytest.raises(FatalError, match=r"url_file of the messenger chat: .* can't be read"):
        AppriseMessenger(settings, timeout_s=10.0)


def test_a_messenger_is_told_through_the_outbox_and_leaves_receipts(receiver: Receiver, tmp_path: Path) -> None:
    receiver.refuse(503)
    with kept_outbox(tmp_path) as kept:
        for subject in ("1", "2"):
            message = outbox_message("chat", subject)
            kept.store(type(message)(**{name: getattr(message, name) for name in message.__slots__} | {"body": BODY}))
        chat = messenger(f"json://127.0.0.1:{receiver.port}/hook")
        settings = WebhookSettings(first_retry_s=0.05, max_retry_s=0.1)
        sender = WebhookSender(kept.outbox, {"chat": chat}, SystemClock(), settings)
        sender.start()
        try:
            wait_until(lambda: kept.told() == ["chat:1-opened", "chat:2-opened"], every_s=0.01)
        finally:
            sender.stop()
        assert [(receipt.status, receipt.attempts) for receipt in kept.receipts()] == [("sent", 2), ("sent", 1)]
    assert chat.send("3", BODY).error == "stopped"
