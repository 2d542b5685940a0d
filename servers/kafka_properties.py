"""The configuration of a broker for tests: one node on loopback, small and quick to start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from servers.certificates import Identity

_SMALL = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "log.cleaner.backoff.ms": "2000",
    "log.index.size.max.bytes": str(1 << 20),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What a broker asks of its clients.

    Attributes
    ----------
    users
        Passwords by name; clients must log in when there are any.
    identity, trusted
        The broker's own certificate and key, and the certificate of the authority that clients' certificates must come
        from; TLS when there is an identity, mutual when there is a trusted authority, too.
    administrators
        Only these users may do anything; None lets everybody.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None
    trusted: Path | None = None
    administrators: tuple[str, ...] | None = None

    @property
    def protocol(self) -> str:
        """In Kafka's words."""
        if self.users:
            return "SASL_SSL" if self.identity else "SASL_PLAINTEXT"
        return "SSL" if self.identity else "PLAINTEXT"


def broker_properties(
    folder: Path, ports: tuple[int, int, int], security: Security, extra: Mapping[str, str]
) -> dict[str, str]:
    """The properties by name; ``ports`` are those of the clients, the controller and the broker itself."""
    clients, controller, inner = (f"127.0.0.1:{port}" for port in ports)
    return {
        **_SMALL,
        "listeners": f"CLIENTS://{clients},CONTROLLER://{controller},INNER://{inner}",
        "advertised.listeners": f"CLIENTS://{clients},INNER://{inner}",
        # The broker talks with itself, too: by a listener of its own that asks for nothing.
        "inter.broker.listener.name": "INNER",
        "listener.security.protocol.map": f"CLIENTS:{security.protocol},CONTROLLER:PLAINTEXT,INNER:PLAINTEXT",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(folder / "data"),
        **_login(security),
        **_tls(folder, security),
        **_rights(security),
        **extra,
    }


def scram_arguments(security: Security) -> list[str]:
    """What formatting the storage is told of the users."""
    return [
        argument
        for name, password in security.users.items()
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for argument in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
    ]


def _login(security: Security) -> dict[str, str]:
    if not security.users:
        return {}
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    users = "".join(f' user_{name}="{password}"' for name, password in security.users.items())
    return {
        "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.clients.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.clients.plain.sasl.jaas.config": f"{plain}{users};",
    }


def _tls(folder: Path, security: Security) -> dict[str, str]:
    if security.identity is None:
        return {}
    store = folder / "broker.pem"
    store.write_text(security.identity.pem)
    store.chmod(0o600)
    properties = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(store)}
    if security.trusted is not None:
        properties |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(security.trusted)}
        properties["listener.name.clients.ssl.client.auth"] = "required"
    return properties


def _rights(security: Security) -> dict[str, str]:
    if security.administrators is None:
        return {}
    names = ("ANONYMOUS", *security.administrators)  # anonymous is the broker itself, and whoever has no login to give
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{name}" for name in names),
    }
