"""Logins and TLS against a real broker, for every client; what is refused is one clear sentence without a secret."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import SecretStr

from connectors.kafka.admin import open_admin
from connectors.kafka.client_options import client_options
from connectors.kafka.failures import failure_of
from connectors.kafka.faust_options import faust_broker_options
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reachability import check_reachable, require_reachable
from connectors.kafka.reader import TopicReader
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Outgoing
from models.errors import FatalError, PetawatchError, RetryableError
from servers.certificates import Authority, Identity
from servers.kafka_properties import Security
from servers.kafka_server import KafkaServer, free_port
from streams.command_line import run
from tests.support.kafka import own_installation

#: Nothing that is written anywhere may hold one of these.
PASSWORD = "s3cret-of-alice"  # noqa: S105 - of a test's own broker
WRONG_PASSWORD = "wr0ng-of-alice"  # noqa: S105
_TOPIC = "images"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A broker with SCRAM and TLS, and what its clients need."""

    server: KafkaServer
    settings: KafkaSettings
    authority: Authority
    other_authority: Authority


@pytest.fixture(scope="module")
def secured(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Asking for the shared broker skips where there is none."""
    folder = tmp_path_factory.mktemp("secured")
    authority, other = Authority(folder / "ours"), Authority(folder / "theirs", "stranger")
    security = Security(
        users={"alice": PASSWORD, "bob": "of-b0b"}, identity=authority.identity("broker"), administrators=("alice",)
    )
    offered = {"sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN"}
    with KafkaServer(folder / "broker", security=security, properties=offered) as server:
        settings = KafkaSettings(
            bootstrap_servers=server.address,
            security_protocol="SASL_SSL",
            username="alice",
            password=SecretStr(PASSWORD),
            ca_file=authority.certificate,
        )
        yield Secured(server=server, settings=settings, authority=authority, other_authority=other)


def _installation(settings: KafkaSettings) -> str:
    topics = own_installation("secured")
    with open_admin(settings) as admin:
        admin.create([_NewTopic(name=f"{topics.installation}.{_TOPIC}")])
    return topics.installation


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewTopic:
    name: str
    partitions: int = 1
    replication: int = 1
    options: dict[str, str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", {})


def _round_trip(settings: KafkaSettings) -> list[bytes | None]:
    installation = _installation(settings)
    with BlockProducer(settings, installation) as producer:
        producer.send(Outgoing(topic=_TOPIC, key=b"device", value=b"said in private"))
        producer.flush()
    with TopicReader(settings, installation) as reader:
        return [message.value for message in reader.read([_TOPIC])]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_kafka_python_logs_in(secured: Secured, mechanism: str) -> None:
    assert _round_trip(replace(secured.settings, sasl_mechanism=mechanism)) == [b"said in private"]


def test_the_password_may_stand_in_a_file(secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nnot this line\n")
    settings = replace(secured.settings, password=SecretStr(""), password_file=file)
    assert _round_trip(settings) == [b"said in private"]


def test_aiokafka_logs_in(secured: Secured) -> None:
    topic = f"{_installation(secured.settings)}.{_TOPIC}"

    async def round_trip() -> bytes:
        async with AIOKafkaProducer(**client_options(secured.settings)) as producer:
            await producer.send_and_wait(topic, b"said in private")
        options = {"auto_offset_reset": "earliest", **client_options(secured.settings)}
        async with AIOKafkaConsumer(topic, **options) as consumer:
            return bytes((await consumer.getone()).value)

    assert asyncio.run(asyncio.wait_for(round_trip(), 60)) == b"said in private"


def test_faust_logs_in(secured: Secured) -> None:
    installation = _installation(secured.settings)
    with BlockProducer(secured.settings, installation) as producer:
        producer.send(Outgoing(topic=_TOPIC, key=b"device", value=b"said in private"))
        producer.flush()

    async def first() -> bytes:
        app = faust.App(
            f"{installation}.worker",
            **faust_broker_options(secured.settings),
            topic_disable_leader=True,
            topic_allow_declare=False,
            web_enabled=False,
            consumer_auto_offset_reset="earliest",
        )
        topic = app.topic(f"{installation}.{_TOPIC}", key_serializer="raw", value_serializer="raw")
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        @app.agent(topic)
        async def agent(stream: Any) -> None:
            async for value in stream:
                if not got.done():
                    got.set_result(value)

        app.finalize()
        await app.start()
        try:
            return await asyncio.wait_for(got, 60)
        finally:
            await app.stop()

    assert asyncio.run(first()) == b"said in private"


def test_a_login_works_without_tls_too(kafka: KafkaServer, tmp_path: Path) -> None:
    with KafkaServer(tmp_path / "broker", security=Security(users={"alice": PASSWORD})) as server:
        settings = KafkaSettings(
            bootstrap_servers=server.address,
            security_protocol="SASL_PLAINTEXT",
            username="alice",
            password=SecretStr(PASSWORD),
        )
        assert _round_trip(settings) == [b"said in private"]
        refused = _refused(replace(settings, security_protocol="PLAINTEXT"))
        assert refused.reason == "kafka_login"
        assert "asks for a login" in str(refused)


def test_mutual_tls_knows_the_client_by_its_certificate(kafka: KafkaServer, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "stranger")
    security = Security(identity=authority.identity("broker"), trusted=authority.certificate)
    with KafkaServer(tmp_path / "broker", security=security) as server:
        plain = KafkaSettings(bootstrap_servers=server.address, security_protocol="SSL", ca_file=authority.certificate)

        def with_identity(identity: Identity) -> KafkaSettings:
            return replace(plain, certificate_file=identity.certificate, key_file=identity.key)

        assert _round_trip(with_identity(authority.identity("connector", "client"))) == [b"said in private"]
        for settings in (plain, with_identity(stranger.identity("intruder", "client"))):
            refused = _refused(settings)
            assert refused.reason == "kafka_tls", refused
            assert "kafka.certificate_file" in str(refused)


def _refused(settings: KafkaSettings) -> PetawatchError:
    """What every way in says; it must be the same sentence."""
    ways: list[Callable[[], object]] = [
        lambda: require_reachable(settings),
        lambda: BlockProducer(settings, "hpls").send(Outgoing(topic=_TOPIC, key=b"k", value=b"v")),
        lambda: TopicReader(settings, "hpls"),
    ]
    failures = []
    for way in ways:
        with pytest.raises(PetawatchError) as refused:
            way()
        failures.append(refused.value)
    assert len({str(failure) for failure in failures}) == 1, failures
    sentence = str(failures[0])
    assert settings.bootstrap_servers in sentence
    assert "\n" not in sentence
    for secret in (PASSWORD, WRONG_PASSWORD):
        assert secret not in sentence
        assert secret not in repr(failures)
    return failures[0]


def test_a_wrong_password_is_one_sentence(secured: Secured) -> None:
    refused = _refused(replace(secured.settings, password=SecretStr(WRONG_PASSWORD)))
    assert isinstance(refused, FatalError)
    assert refused.reason == "kafka_login"
    assert "refuses the login of alice" in str(refused)
    assert "kafka.username" in str(refused)


def test_an_unknown_user_is_one_sentence(secured: Secured) -> None:
    refused = _refused(replace(secured.settings, username="mallory"))
    assert refused.reason == "kafka_login"
    assert "refuses the login of mallory" in str(refused)


def test_a_mechanism_that_the_broker_does_not_offer_is_one_sentence(secured: Secured) -> None:
    refused = _refused(replace(secured.settings, sasl_mechanism="SCRAM-SHA-256"))
    assert refused.reason == "kafka_login"
    assert "kafka.sasl_mechanism" in str(refused)


def test_an_untrusted_certificate_is_one_sentence(secured: Secured) -> None:
    refused = _refused(replace(secured.settings, ca_file=secured.other_authority.certificate))
    assert isinstance(refused, FatalError)
    assert refused.reason == "kafka_tls"
    assert "certificate" in str(refused)
    assert "kafka.ca_file" in str(refused)
    assert _refused(replace(secured.settings, ca_file=None)).reason == "kafka_tls"


def test_a_certificate_of_another_host_is_one_sentence(secured: Secured) -> None:
    # Only the handshake matters: whoever listens need not be Kafka.
    nameless = secured.authority.identity("nameless", "nameless server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(nameless.certificate, nameless.key)

    async def refused() -> PetawatchError:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(PetawatchError) as failure:
                await check_reachable(replace(secured.settings, bootstrap_servers=f"127.0.0.1:{port}"), timeout_s=5)
            return failure.value

    failure = asyncio.run(refused())
    assert failure.reason == "kafka_tls"
    assert "not valid for '127.0.0.1'" in str(failure)
    assert "kafka.check_hostname" in str(failure)


def test_plaintext_against_tls_is_one_sentence(secured: Secured) -> None:
    for protocol in ("PLAINTEXT", "SASL_PLAINTEXT"):
        refused = _refused(replace(secured.settings, security_protocol=protocol))
        assert isinstance(refused, FatalError)
        assert refused.reason == "kafka_tls"
        assert "speaks TLS, but kafka.security_protocol has none" in str(refused)


def test_tls_against_plaintext_is_one_sentence(kafka: KafkaServer, secured: Secured) -> None:
    refused = _refused(replace(secured.settings, bootstrap_servers=kafka.address))
    assert isinstance(refused, FatalError)
    assert refused.reason == "kafka_tls"
    assert "speaks no TLS" in str(refused)


def test_a_login_where_none_is_asked_for_is_one_sentence(kafka: KafkaServer, secured: Secured) -> None:
    refused = _refused(replace(secured.settings, bootstrap_servers=kafka.address, security_protocol="SASL_PLAINTEXT"))
    assert isinstance(refused, FatalError)
    assert refused.reason == "kafka_login"
    assert "kafka.security_protocol" in str(refused)


def test_tls_without_the_login_that_is_asked_for_is_one_sentence(secured: Secured) -> None:
    refused = _refused(replace(secured.settings, security_protocol="SSL"))
    assert refused.reason == "kafka_login"
    assert "kafka.security_protocol must be a SASL one" in str(refused)


def test_a_user_without_rights_is_told_what_is_missing(secured: Secured) -> None:
    installation = _installation(secured.settings)
    bob = replace(secured.settings, username="bob", password=SecretStr("of-b0b"))
    with BlockProducer(bob, installation) as producer, pytest.raises(FatalError) as refused:
        producer.send(Outgoing(topic=_TOPIC, key=b"device", value=b"not allowed"))
    assert refused.value.reason == "kafka_topic_missing"  # what one may not see is not there
    with open_admin(bob) as admin, pytest.raises(FatalError, match="does not let bob use") as refused:
        admin.create([_NewTopic(name=f"{installation}.mine")])
    assert refused.value.reason == "kafka_forbidden"


def test_a_host_that_does_not_exist_is_one_sentence() -> None:
    refused = _refused(KafkaSettings(bootstrap_servers="no-such-host.invalid:9092"))
    assert isinstance(refused, FatalError)
    assert refused.reason == "kafka_address"
    assert "correct kafka.bootstrap_servers" in str(refused)


def test_a_port_where_nobody_listens_may_be_a_broker_that_comes() -> None:
    refused = _refused(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    assert isinstance(refused, RetryableError)
    assert refused.reason == "kafka_away"


def test_one_broker_that_answers_is_enough(kafka: KafkaServer) -> None:
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}, {kafka.address}")
    require_reachable(settings)


def test_what_aiokafka_raises_is_understood(secured: Secured) -> None:
    async def refused(settings: KafkaSettings) -> PetawatchError | None:
        producer = AIOKafkaProducer(**client_options(settings))
        try:
            await producer.start()
        except Exception as error:  # noqa: BLE001 - whatever it raises must be understood
            return failure_of(error, settings)
        finally:
            await producer.stop()
        return None

    failure = asyncio.run(refused(replace(secured.settings, password=SecretStr(WRONG_PASSWORD))))
    assert failure is not None
    assert failure.reason in {"kafka_away", "kafka_login"}


def test_the_command_says_it_in_one_sentence(
    secured: Secured, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(
        f"""[kafka]
bootstrap_servers = "{secured.server.address}"
security_protocol = "SASL_SSL"
username = "alice"
password = "{WRONG_PASSWORD}"
ca_file = "{secured.authority.certificate}"
"""
    )
    assert run(["topics", "check", "--config", str(config)]) == 1
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"petawatch: Kafka at {secured.server.address} refuses the login of alice")
    assert output.err.count("\n") == 1
    assert WRONG_PASSWORD not in output.err


def test_no_log_holds_a_secret(secured: Secured, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        _round_trip(secured.settings)
        _refused(replace(secured.settings, password=SecretStr(WRONG_PASSWORD)))
    assert "SASL_SSL" in caplog.text
    for secret in (PASSWORD, WRONG_PASSWORD):
        assert secret not in caplog.text
