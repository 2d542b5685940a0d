"""Posts to Alertmanager's API: their form, logins, and what is said when it does not take them."""

import json
from pathlib import Path

import pytest

from connectors.alertmanager import Alertmanager, AlertmanagerSettings, RoutedAlert
from models.errors import FatalError, RetryableError
from models.event_time import SECOND_NS
from tests.support.receiver import Reply, receiving

ALERT = RoutedAlert(
    labels={"alertname": "PetawatchIncident", "incident": "1"},
    annotations={"summary": "something"},
    starts_ns=1_700_000_000 * SECOND_NS,
    ends_ns=1_700_000_060 * SECOND_NS,
    generator_url="https://console/incidents/1",
)


def test_an_alert_is_posted_as_the_api_takes_it() -> None:
    with receiving() as receiver:
        Alertmanager(AlertmanagerSettings(url=f"http://127.0.0.1:{receiver.port}/alertmanager")).tell([ALERT])
        (delivery,) = receiver.deliveries
    assert json.loads(delivery.body) == [
        {
            "labels": {"alertname": "PetawatchIncident", "incident": "1"},
            "annotations": {"summary": "something"},
            "startsAt": "2023-11-14T22:13:20.000Z",
            "endsAt": "2023-11-14T22:14:20.000Z",
            "generatorURL": "https://console/incidents/1",
        }
    ]
    assert set(delivery.headers) >= {"content-type"}
    assert not {name for name in delivery.headers if name == "authorization"}


def test_many_alerts_come_in_parts_and_none_ask_whether_it_listens() -> None:
    with receiving() as receiver:
        alertmanager = Alertmanager(AlertmanagerSettings(url=f"http://127.0.0.1:{receiver.port}"))
        alertmanager.tell([ALERT] * 250)
        alertmanager.tell([])
        assert [len(json.loads(delivery.body)) for delivery in receiver.deliveries] == [100, 100, 50, 0]


def test_logins_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pass:word\n")
    with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}"
        Alertmanager(AlertmanagerSettings(url=url, user="petawatch", password_file=secret)).tell([])
        Alertmanager(AlertmanagerSettings(url=url, token_file=secret)).tell([])
        logins = [delivery.headers["authorization"] for delivery in receiver.deliveries]
    assert logins == ["Basic cGV0YXdhdGNoOnBhc3M6d29yZA==", "Bearer pass:word"]


def test_a_file_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    settings = AlertmanagerSettings(url="http://a:1", token_file=tmp_path / "none")
    with pytest.raises(FatalError, match=r"alertmanager.token_file: .*none can't be read"):
        Alertmanager(settings)


def test_one_that_refuses_or_is_away_is_told_without_secrets() -> None:
    with receiving() as receiver:
        alertmanager = Alertmanager(AlertmanagerSettings(url=f"http://127.0.0.1:{receiver.port}/secret"))
        receiver.replies.append(Reply(401, {}))
        with pytest.raises(RetryableError, match=rf"at http://127.0.0.1:{receiver.port} does not take") as refused:
            alertmanager.tell([ALERT])
    assert refused.value.reason == "alertmanager_refuses"
    with pytest.raises(RetryableError, match="ConnectionRefusedError") as away:
        alertmanager.tell([ALERT])
    assert away.value.reason == "alertmanager_away"
    assert "secret" not in f"{refused.value}{away.value}"


def test_an_end_never_comes_before_the_beginning() -> None:
    document = RoutedAlert(labels={}, annotations={}, starts_ns=5 * SECOND_NS, ends_ns=SECOND_NS).document()
    assert document["startsAt"] == document["endsAt"]
    assert "generatorURL" not in document


@pytest.mark.parametrize(
    "options",
    [
        {"url": "127.0.0.1:9093"},
        {"url": "http://user:secret@host:9093"},
        {"url": "http://host:9093/"},
        {"resend_s": 0.5},
        {"timeout_s": 0},
        {"user": "somebody"},
        {"password_file": Path("file")},
        {"user": "somebody", "password_file": Path("file"), "token_file": Path("file")},
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"url must be|is no http or https|resend_s must|give user"):
        AlertmanagerSettings(**options)  # type: ignore[arg-type]
