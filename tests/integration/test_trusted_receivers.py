"""Alertmanager and receivers behind TLS with certificates of an authority that only the settings name."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.alertmanager import Alertmanager, AlertmanagerSettings
from connectors.webhooks.channel import Outcome
from connectors.webhooks.receiver import HttpReceiver
from connectors.webhooks.settings import ReceiverSettings
from models.errors import FatalError, RetryableError
from servers.certificates import Authority, Identity
from streams.settings import load_settings
from tests.support.commands import Run
from tests.support.manual_clock import ManualClock
from tests.support.receiver import receiving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "stranger")


@pytest.fixture(scope="module")
def identity(authority: Authority) -> Identity:
    return authority.identity("server")


def alertmanager(url: str, ca_file: Path | None) -> Alertmanager:
    return Alertmanager(AlertmanagerSettings(url=url, ca_file=ca_file))


def receiver(url: str, ca_file: Path | None) -> HttpReceiver:
    settings = ReceiverSettings(name="log", url=SecretStr(url), ca_file=ca_file)
    return HttpReceiver(settings, ManualClock(), timeout_s=10.0)


def test_alertmanager_is_trusted_by_its_authority_and_by_no_other(
    authority: Authority, stranger: Authority, identity: Identity
) -> None:
    with receiving(identity=identity) as server:
        url = server.url.removesuffix("/alerts")
        alertmanager(url, authority.certificate).tell([])
        for other in (stranger.certificate, None):
            with pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED") as refused:
                alertmanager(url, other).tell([])
            assert refused.value.reason == "alertmanager_away"
        assert len(server.deliveries) == 1


def test_the_name_is_checked_too(authority: Authority) -> None:
    with (
        receiving(identity=authority.identity("nameless", "nameless server")) as server,
        pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        alertmanager(server.url.removesuffix("/alerts"), authority.certificate).tell([])


def test_a_receiver_is_trusted_by_its_authority_and_by_no_other(
    authority: Authority, stranger: Authority, identity: Identity
) -> None:
    with receiving(identity=identity) as server:
        assert receiver(server.url, authority.certificate).send("1", b"{}").outcome is Outcome.TAKEN
        for other in (stranger.certificate, None):
            answer = receiver(server.url, other).send("2", b"{}")
            assert answer.outcome is Outcome.LATER
            assert "CERTIFICATE_VERIFY_FAILED" in answer.error
        assert server.event_ids() == ["1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file or directory"),
        ("", "holds no certificate"),
        ("no certificate", "holds no certificate"),
    ],
)
def test_a_file_that_is_none_is_told_at_the_start(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    for open_one, option in ((alertmanager, "alertmanager.ca_file"), (receiver, "ca_file of the receiver log")):
        with pytest.raises(FatalError, match=said) as refused:
            open_one("https://127.0.0.1:9", file)
        assert refused.value.reason == "tls"
        assert str(refused.value).startswith(f"{option}: {file}")
        assert "\n" not in str(refused.value)


def test_authorities_need_an_https_address(tmp_path: Path) -> None:
    for tables in (
        {"alertmanager": {"url": "http://a:9093", "ca_file": tmp_path / "ca.pem"}},
        {"receivers": [{"name": "log", "url": "http://a/", "ca_file": tmp_path / "ca.pem"}]},
    ):
        with pytest.raises(FatalError, match="has a ca_file, so its url must be an https address"):
            load_settings(None, **tables)


def test_operators_try_a_receiver_with_its_authority(
    tmp_path: Path, command: Run, authority: Authority, identity: Identity
) -> None:
    config = tmp_path / "petawatch.toml"
    with receiving(identity=identity) as server:
        table = f'[[receivers]]\nname = "log"\nurl = "{server.url}"\n'
        config.write_text(table)
        code, out, err = command("webhooks", "test", "--config", config)
        assert code == 1
        assert "CERTIFICATE_VERIFY_FAILED" in out + err
        config.write_text(f'{table}ca_file = "{authority.certificate}"\n')
        assert command("webhooks", "test", "--config", config)[0] == 0
        assert len(server.deliveries) == 1
