"""The settings of the cluster in the words of each client library."""

import ssl
from typing import Any

from connectors.kafka.settings import KafkaSettings
from connectors.secret_file import secret_of
from models.errors import FatalError


class HiddenText(str):
    """A text that is a plain one to whoever uses it and shows nothing of itself where it is logged.

    Client libraries want the password as a string and put their options into sentences and logs.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Options of every client of kafka-python and of aiokafka, which have the same names for them.

    Raises
    ------
    FatalError
        ``kafka_address``, ``kafka_login`` or ``kafka_tls``: the settings, or a file that they name, can't be used.
    """
    return {"bootstrap_servers": bootstrap_servers(settings), **_access(settings)}


def bootstrap_servers(settings: KafkaSettings) -> list[str]:
    """The brokers that are asked first, as ``HOST:PORT``."""
    servers = [server.strip() for server in settings.bootstrap_servers.split(",") if server.strip()]
    for server in servers or [settings.bootstrap_servers]:
        host, colon, port = server.rpartition(":")
        if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
            raise FatalError(
                f"kafka.bootstrap_servers: {server!r} is no HOST:PORT; write for example broker.example.org:9092",
                reason="kafka_address",
            )
    return servers


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What is trusted and who this client is; None where the protocol has no TLS."""
    if not uses_tls(settings):
        return None
    option, file = "kafka.ca_file", settings.ca_file
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.check_hostname = settings.check_hostname
        if settings.certificate_file is not None:
            option, file = "kafka.certificate_file or kafka.key_file", settings.certificate_file
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError, too
        what = (error.strerror if isinstance(error, OSError) else None) or str(error) or "it is empty"
        raise FatalError(
            f"{option}: {file} can't be used ({what}); give a PEM file that this user may read", reason="kafka_tls"
        ) from error
    return context


def uses_tls(settings: KafkaSettings) -> bool:
    """Whether the connection is encrypted."""
    return settings.security_protocol.endswith("SSL")


def uses_login(settings: KafkaSettings) -> bool:
    """Whether the broker asks for a name and a password."""
    return settings.security_protocol.startswith("SASL")


def password(settings: KafkaSettings) -> HiddenText:
    """The password, or the first line of the file that holds it."""
    if settings.password.get_secret_value():
        return HiddenText(settings.password.get_secret_value())
    if settings.password_file is None:
        raise FatalError(
            "kafka.password is missing; give it, or a kafka.password_file, or set PETAWATCH_KAFKA__PASSWORD",
            reason="kafka_login",
        )
    return HiddenText(secret_of(settings.password_file, "kafka.password_file", reason="kafka_login"))


def _access(settings: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if uses_tls(settings):
        options["ssl_context"] = tls_context(settings)
    if uses_login(settings):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.username
        options["sasl_plain_password"] = password(settings)
    return options


def _no_passphrase() -> str:
    # Without this OpenSSL would ask for it on the terminal, and a service would hang.
    raise ValueError("its key has a passphrase; take it off")
