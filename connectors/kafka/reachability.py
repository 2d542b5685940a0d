"""Why the cluster can't be used, found out by one connection.

Client libraries try again and again and say at last that they got no answer, whatever the cause was: a wrong password,
a certificate that nobody trusts, a listener that speaks another protocol. Here each step is taken once and by itself.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, NoError, UnsupportedSaslMechanismError
from aiokafka.protocol.admin import SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.client_options import (
    bootstrap_servers,
    client_options,
    tls_context,
    uses_login,
    uses_tls,
)
from connectors.kafka.failures import failure_of, login_refused, tls_trouble
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError, PetawatchError

_CLOSE_S = 0.5

_Address = tuple[str, int]


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
    options = client_options(settings)
    options.pop("bootstrap_servers")
    host, _, port = server.rpartition(":")
    address = (host.strip("[]"), int(port))
    versions_known = False
    try:
        async with _connected(address, timeout_s, **options) as connection:
            versions_known = True
            await connection.send(MetadataRequest([]))
    except Exception as error:
        failure = failure_of(error, settings)
        if failure is None:
            raise
        if isinstance(failure, FatalError):
            return failure
        return await _explained(failure, settings, address, timeout_s, versions_known=versions_known)
    return None


@asynccontextmanager
async def _connected(address: _Address, timeout_s: float, **options: Any) -> AsyncIterator[AIOKafkaConnection]:
    connection = AIOKafkaConnection(
        *address, client_id="petawatch", request_timeout_ms=int(timeout_s * 1000), **options
    )
    made = True
    try:
        await connection.connect()
        yield connection
    except OSError:
        made = False
        raise
    finally:
        closed = connection.close()
        if made and closed is not None:
            # The loop may end right after this, and would leave the socket to the collector.
            await asyncio.wait([closed], timeout=_CLOSE_S)


async def _explained(
    failure: PetawatchError, settings: KafkaSettings, address: _Address, timeout_s: float, *, versions_known: bool
) -> PetawatchError:
    """A broker hangs up on those who speak the wrong protocol; it does so, too, when it ends. Look which it is."""
    where = f"{address[0]}:{address[1]}"
    if versions_known and not uses_login(settings):
        if await _asks_for_login(settings, address, timeout_s):
            return login_refused(settings, "it asks for a login: kafka.security_protocol must be a SASL one")
    elif uses_tls(settings):
        if await _speaks_plainly(address, timeout_s):
            return tls_trouble(settings, f"{where} speaks no TLS, but kafka.security_protocol asks for it")
    elif await asyncio.to_thread(_speaks_tls, address, timeout_s):
        return tls_trouble(settings, f"{where} speaks TLS, but kafka.security_protocol has none")
    return failure


async def _asks_for_login(settings: KafkaSettings, address: _Address, timeout_s: float) -> bool:
    options: dict[str, Any] = {"security_protocol": settings.security_protocol, "ssl_context": tls_context(settings)}
    try:
        async with _connected(address, timeout_s, **options) as connection:
            answer = await connection.send(SaslHandShakeRequest(settings.sasl_mechanism))
    except (OSError, KafkaError):
        return False
    return answer.error_code in {NoError.errno, UnsupportedSaslMechanismError.errno}


async def _speaks_plainly(address: _Address, timeout_s: float) -> bool:
    try:
        async with _connected(address, timeout_s, security_protocol="PLAINTEXT"):
            return True
    except (OSError, KafkaError):
        return False


def _speaks_tls(address: _Address, timeout_s: float) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see what is spoken; nothing is sent
    try:
        with (
            socket.create_connection(address, timeout=timeout_s) as raw,
            context.wrap_socket(raw, server_hostname=address[0]),
        ):
            return True
    except ssl.SSLError as error:
        # An alert is TLS, too: the server wants a certificate or another version.
        return "ALERT" in str(error).upper()
    except OSError:
        return False
