"""Signatures, verified as receivers do it: by the library of the Standard Webhooks specification."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.clock import SystemClock
from connectors.webhooks.channel import Outcome
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.settings import ReceiverSettings
from connectors.webhooks.signing import check_secrets, new_secret, signed_headers
from models.errors import FatalError
from models.event_time import SECOND_NS
from tests.support.receiver import Receiver, receiving

BODY = json.dumps({"type": "alert.opened", "timestamp": "2022-07-01T09:30:00.000Z", "data": {"why": "flèche µJ"}})
OLD, NEW = new_secret(), new_secret()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with ExitStack() as stack:
        yield stack.enter_context(receiving())


def send(receiver: Receiver, *secrets: str, file: Path | None = None) -> None:
    settings = ReceiverSettings(
        name="a",
        url=SecretStr(receiver.url),
        secrets=tuple(SecretStr(secret) for secret in secrets),
        secrets_file=file,
    )
    answer = HttpReceiver(settings, SystemClock(), timeout_s=10.0).send("1-opened", BODY.encode())
    assert answer.outcome is Outcome.TAKEN, answer.error


def test_a_receiver_verifies_each_message(receiver: Receiver) -> None:
    send(receiver, OLD)
    [delivery] = receiver.deliveries
    assert Webhook(OLD).verify(delivery.body, delivery.headers) == json.loads(BODY)
    assert delivery.headers["webhook-id"] == "1-opened"
    assert abs(int(delivery.headers["webhook-timestamp"]) - SystemClock().now_ns() // SECOND_NS) < 60
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(delivery.body, delivery.headers)


@pytest.mark.parametrize("what", ["body", "id", "time"])
def test_what_was_tampered_with_is_not_verified(receiver: Receiver, what: str) -> None:
    send(receiver, OLD)
    [(headers, body)] = receiver.deliveries
    if what == "body":
        body = body.replace(b"opened", b"closed")
    elif what == "id":
        headers = headers | {"webhook-id": "2-opened"}
    else:
        headers = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body, headers)


def test_while_the_secret_is_changed_both_are_verified(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{OLD}\n")
    settings = ReceiverSettings(name="a", url=SecretStr(receiver.url), secrets_file=file)
    channel = HttpReceiver(settings, SystemClock(), timeout_s=10.0)
    valid: list[list[bool]] = []
    for text in (f"{OLD}\n", f"{NEW}\n{OLD}\n", f"{NEW}\n"):  # no restart
        file.write_text(text)
        assert channel.send("1-opened", BODY.encode()).outcome is Outcome.TAKEN
        delivery = receiver.deliveries[-1]
        valid.append([_verified(secret, delivery.body, delivery.headers) for secret in (OLD, NEW)])
    assert valid == [[True, False], [True, True], [False, True]]
    assert receiver.deliveries[1].headers["webhook-signature"].count("v1,") == 2


def _verified(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    send(receiver)
    [delivery] = receiver.deliveries
    assert delivery.headers["webhook-id"] == "1-opened"
    assert "webhook-signature" not in delivery.headers


@pytest.mark.parametrize("text", ["", "whsec_short", f"{OLD}\n{NEW}\n{OLD}\n"])
def test_a_file_without_fitting_secrets_is_refused_and_stops_nothing_later(
    receiver: Receiver, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    settings = ReceiverSettings(name="a", url=SecretStr(receiver.url), secrets_file=file)
    with pytest.raises(FatalError, match="the receiver a") as failure:
        HttpReceiver(settings, SystemClock(), timeout_s=10.0)
    file.write_text(OLD)
    channel = HttpReceiver(settings, SystemClock(), timeout_s=10.0)
    file.write_text(text)
    answer = channel.send("1-opened", BODY.encode())
    assert (answer.outcome, answer.error) == (Outcome.LATER, str(failure.value))
    assert OLD not in answer.error
    assert receiver.asked == []


def test_new_secrets_are_fresh_and_fit() -> None:
    check_secrets([new_secret(), new_secret()], "a receiver")
    assert len({new_secret() for _ in range(10)}) == 10


def test_each_attempt_has_its_own_time_and_the_same_id() -> None:
    first, second = (signed_headers([OLD], "1-opened", BODY.encode(), seconds * SECOND_NS) for seconds in (100, 101))
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("100", "101")
    assert first["webhook-signature"] != second["webhook-signature"]
