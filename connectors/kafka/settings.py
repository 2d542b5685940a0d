"""How the cluster is reached."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How the cluster is reached, for the connector, the workers and the topic commands alike.

    Attributes
    ----------
    bootstrap_servers
        ``HOST:PORT``, several separated by commas.
    security_protocol
        ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
    sasl_mechanism
        ``SCRAM-SHA-512``, ``SCRAM-SHA-256`` or ``PLAIN``.
    username
        For SASL.
    password, password_file
        For SASL: the password, or a file whose first line it is. The environment gives it as
        ``PETAWATCH_KAFKA__PASSWORD``. It is never written to a log.
    ca_file
        Certificates of the authorities that are trusted (PEM); the system's when there is none.
    certificate_file, key_file
        This client's own certificate and key (PEM), for mutual TLS.
    check_hostname
        Whether the broker's certificate must name the host.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    check_hostname: bool = True

    def __post_init__(self) -> None:
        if self.security_protocol not in _PROTOCOLS:
            raise ValueError(f"security_protocol must be one of {', '.join(_PROTOCOLS)}")
        if self.sasl_mechanism not in _MECHANISMS:
            raise ValueError(f"sasl_mechanism must be one of {', '.join(_MECHANISMS)}")
        if self.security_protocol.startswith("SASL") and not self.username:
            raise ValueError("SASL needs a username, and a password or a password_file")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
