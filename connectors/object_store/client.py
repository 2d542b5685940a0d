"""How the client of object stores is made: its login, its certificates, and when it asks again."""

import ssl
from pathlib import Path

import urllib3
from minio import Minio
from urllib3.util import Retry, Timeout

from connectors.object_store.settings import ObjectStoreSettings
from connectors.secret_file import secret_of
from models.errors import FatalError

_STATUS_TO_RETRY = (500, 502, 503, 504)
#: Bytes; what is read from a file while it is sent.
_SENT_AT_ONCE = 1 << 20
#: Kept open; more can be used at once.
_CONNECTIONS = 64


def secret(settings: ObjectStoreSettings) -> str | None:
    """The secret of the access key; None without an access key.

    Raises
    ------
    FatalError
        ``object_store_login``: there is none, or it can't be read.
    """
    if not settings.access_key:
        return None
    if settings.secret_key.get_secret_value():
        return settings.secret_key.get_secret_value()
    if settings.secret_key_file is None:
        raise FatalError(
            "object_store.secret_key is missing; give it, or an object_store.secret_key_file, or set "
            "PETAWATCH_OBJECT_STORE__SECRET_KEY",
            reason="object_store_login",
        )
    return secret_of(settings.secret_key_file, "object_store.secret_key_file", reason="object_store_login")


def store_client(settings: ObjectStoreSettings, again: Retry) -> Minio:
    """The client, which does nothing yet."""
    return Minio(
        settings.endpoint,
        access_key=settings.access_key or None,
        secret_key=secret(settings),
        secure=settings.secure,
        region=settings.region,
        http_client=connections(settings, again),
    )


def connections(settings: ObjectStoreSettings, again: Retry) -> urllib3.PoolManager:
    """Connections to the store, for several threads.

    Raises
    ------
    FatalError
        ``object_store_tls``: the authorities' certificates can't be read.
    """
    if settings.ca_file is not None:
        _check_authorities(settings.ca_file)
    return urllib3.PoolManager(
        timeout=Timeout(connect=settings.timeout_s, read=settings.timeout_s),
        cert_reqs="CERT_REQUIRED",
        ca_certs=None if settings.ca_file is None else str(settings.ca_file),
        retries=again,
        maxsize=_CONNECTIONS,
        blocksize=_SENT_AT_ONCE,
    )


def _check_authorities(file: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(file))
    except ssl.SSLError as error:
        raise FatalError(
            f"object_store.ca_file: {file} holds no certificates ({error.reason}); give a PEM file",
            reason="object_store_tls",
        ) from error
    except OSError as error:
        raise FatalError(
            f"object_store.ca_file: {file} is no file; give a PEM file that this user may read",
            reason="object_store_tls",
        ) from error


def asking_again(times: int) -> Retry:
    """How often, and after which pauses, what may pass is asked again."""
    return Retry(
        total=times,
        backoff_factor=0.5,
        status_forcelist=_STATUS_TO_RETRY,
        # Whatever is asked; what must not be done twice asks with no times at all.
        allowed_methods=None,
        # The last answer is wanted: it says what is wrong.
        raise_on_status=False,
        # A store may ask for any pause; ours are bounded.
        respect_retry_after_header=False,
    )
