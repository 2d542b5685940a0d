"""The settings in the words of the client libraries: nothing is guessed, and no secret shows."""

from pathlib import Path

import faust
import pytest
from pydantic import SecretStr

from connectors.kafka.client_options import bootstrap_servers, client_options
from connectors.kafka.faust_options import faust_broker_options
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError

PASSWORD = "not to be seen"  # noqa: S105 - nobody's


def _login(**options: object) -> KafkaSettings:
    given = {"security_protocol": "SASL_PLAINTEXT", "username": "alice", "password": SecretStr(PASSWORD), **options}
    return KafkaSettings(**given)  # type: ignore[arg-type]


def test_several_brokers_may_be_named() -> None:
    settings = KafkaSettings(bootstrap_servers="one:9092, two:9093,[::1]:9094,")
    servers = ["one:9092", "two:9093", "[::1]:9094"]
    assert bootstrap_servers(settings) == servers
    assert client_options(settings) == {"bootstrap_servers": servers, "security_protocol": "PLAINTEXT"}
    assert faust_broker_options(settings) == {"broker": [f"kafka://{server}" for server in servers]}


@pytest.mark.parametrize("wrong", ["", "broker", "broker:", ":9092", "broker:kafka", "broker:0", "broker:70000"])
def test_an_address_that_is_none_is_named(wrong: str) -> None:
    with pytest.raises(FatalError, match=r"kafka\.bootstrap_servers: .* is no HOST:PORT") as refused:
        client_options(KafkaSettings(bootstrap_servers=wrong))
    assert refused.value.reason == "kafka_address"


def test_a_password_is_given_and_does_not_show() -> None:
    options = client_options(_login())
    assert options["sasl_plain_password"] == PASSWORD
    assert options["sasl_plain_password"].encode() == PASSWORD.encode()
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert PASSWORD not in repr(options)
    assert PASSWORD not in str(options)
    credentials = faust_broker_options(_login())["broker_credentials"]
    assert isinstance(credentials, faust.SASLCredentials)
    assert (credentials.username, credentials.password) == ("alice", PASSWORD)
    assert PASSWORD not in repr(credentials)
    assert PASSWORD not in repr(_login())


def test_the_first_line_of_a_file_is_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nsecond line\n")
    options = client_options(_login(password=SecretStr(""), password_file=file))
    assert options["sasl_plain_password"] == PASSWORD


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"", "is empty"), (b"\nnext\n", "is empty"), (b"\xff\xfe", "no text")],
)
def test_a_password_file_that_holds_none_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(FatalError, match=said) as refused:
        client_options(_login(password=SecretStr(""), password_file=file))
    assert refused.value.reason == "kafka_login"
    assert f"kafka.password_file: {file}".split()[0] in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_missing_password_is_asked_for() -> None:
    with pytest.raises(FatalError, match="PETAWATCH_KAFKA__PASSWORD"):
        client_options(_login(password=SecretStr("")))


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n"])
def test_certificates_that_are_none_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_bytes(content)
    for options in (client_options, faust_broker_options):
        with pytest.raises(FatalError, match=r"kafka\.ca_file: .*authority\.pem can't be used") as refused:
            options(KafkaSettings(security_protocol="SSL", ca_file=file))
        assert refused.value.reason == "kafka_tls"


def test_tls_checks_names_unless_it_is_told_not_to() -> None:
    checked = client_options(KafkaSettings(security_protocol="SSL"))["ssl_context"]
    assert checked.check_hostname
    unchecked = client_options(KafkaSettings(security_protocol="SSL", check_hostname=False))["ssl_context"]
    assert not unchecked.check_hostname
    assert unchecked.verify_mode == checked.verify_mode
