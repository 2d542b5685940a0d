"""Why the cluster can't be used, found out by one connection.

Client libraries try again and again and say at last that they got no answer, whatever the cause was: a wrong password,
a certificate that nobody trusts, a listener that speaks another protocol. Here each step is taken once and by itself.
"""

import asyncio
import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.client_options import (
    aiokafka_options,
    bootstrap_servers,
    uses_login,
    uses_tls,
)
from connectors.kafka.failures import failure_of, login_refused, tls_trouble
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError, PetawatchError


def require_reachable(settings: KafkaSettings, *, timeout_s: float = 5.0) -> None:
    """Return when one of the brokers lets this client in.

    Parameters
    ----------
    timeout_s
        For each broker.

    Raises
    ------
    RetryableError
        ``kafka_away``: nothing answers.
    FatalError
        ``kafka_address``, ``kafka_tls``, ``kafka_login`` or ``kafka_forbidden``: waiting will not help.
    """
    # In a thread of its own, so that it may be called where a loop runs, too.
    with ThreadPoolExecutor(1, thread_name_prefix="kafka-reachability") as pool:
        pool.submit(asyncio.run, check_reachable(settings, timeout_s=timeout_s)).result()


async def check_reachable(settings: KafkaSettings, *, timeout_s: float = 5.0) -> None:
    """The same for those who run a loop; see `require_reachable`."""
    failures: list[PetawatchError] = []
    for server in bootstrap_servers(settings):
        failure = await _try(settings, server, timeout_s)
        if failure is None:
            return
        failures.append(failure)
    # A broker that answers with a refusal says more than one that is away.
    raise next((failure for failure in failures if isinstance(failure, FatalError)), failures[0])


async def _try(settings: KafkaSettings, server: str, timeout_s: float) -> PetawatchError | None:
    options = aiokafka_options(settings)
    options.pop("bootstrap_servers")
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    connection: AIOKafkaConnection | None = None
    try:
        connection = await create_conn(
            host, int(port), client_id="petawatch", request_timeout_ms=int(timeout_s * 1000), **options
        )
        await connection.send(MetadataRequest([]))
    except Exception as error:
        failure = failure_of(error, settings)
        if failure is None:
            raise
        if isinstance(failure, FatalError):
            return failure
        return await _explained(failure, settings, host, int(port), timeout_s, versions_known=connection is not None)
    finally:
        if connection is not None:
            connection.close()
    return None


async def _explained(
    failure: PetawatchError, settings: KafkaSettings, host: str, port: int, timeout_s: float, *, versions_known: bool
) -> PetawatchError:
    """A broker hangs up on those who speak the wrong protocol: look which one it speaks."""
    if versions_known and not uses_login(settings):
        return login_refused(settings, "it asks for a login: kafka.security_protocol must be a SASL one")
    spoken = await asyncio.to_thread(_speaks_tls, host, port, timeout_s)
    if spoken is True and not uses_tls(settings):
        return tls_trouble(settings, f"{host}:{port} speaks TLS, but kafka.security_protocol has none")
    if spoken is False and uses_tls(settings):
        return tls_trouble(settings, f"{host}:{port} speaks no TLS, but kafka.security_protocol asks for it")
    return failure


def _speaks_tls(host: str, port: int, timeout_s: float) -> bool | None:
    """None when there is no connection at all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see what is spoken; nothing is sent
    try:
        raw = socket.create_connection((host, port), timeout=timeout_s)
    except OSError:
        return None
    with contextlib.closing(raw):
        try:
            with context.wrap_socket(raw, server_hostname=host):
                return True
        except TimeoutError:
            return None
        except ssl.SSLError as error:
            # An alert is TLS, too: the server wants a certificate or another version.
            return "ALERT" in (error.reason or "").upper()
        except OSError:
            return False
