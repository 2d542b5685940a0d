"""What goes wrong with Kafka, as one clear sentence each, whichever client library says it."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError, PetawatchError, RetryableError


class MessageTooLargeError(FatalError):
    """The cluster takes no message as large as this one; whoever can split it may send it in parts."""


# By name: kafka-python and aiokafka have classes of their own for the same answers of a broker, and a worker need not
# load both libraries to know them.
_LOGIN = frozenset(
    {
        *("SaslAuthenticationFailedError", "SaslAuthenticationFailed", "AuthenticationFailedError"),
        *("UnsupportedSaslMechanismError", "AuthenticationMethodNotSupported", "IllegalSaslStateError"),
    }
)
_FORBIDDEN = ("AuthorizationError", "AuthorizationFailedError", "AuthorizationFailed")
_TOPIC_MISSING = frozenset({"UnknownTopicOrPartitionError", "UnknownTopicIdError", "InvalidTopicError"})
_TOO_LARGE = frozenset({"MessageSizeTooLargeError", "RecordTooLargeError", "RecordListTooLargeError"})
_STORAGE = frozenset({"KafkaStorageError"})
_ROOTS = frozenset({"KafkaError"})
_AWAY = frozenset({"KafkaTimeoutError", "BrokerNotAvailableError", "UnknownBrokerIdError"})
_ABRUPT = frozenset({"SSLEOFError", "SSLZeroReturnError", "SSLSyscallError"})


@contextmanager
def clear_failures(settings: KafkaSettings, what: str = "") -> Iterator[None]:
    """Turn failures of kafka-python, aiokafka, TLS and sockets into the kinds of failure.

    Parameters
    ----------
    what
        The topic, group or other thing that is worked with, for the sentence; empty when there is none.

    Raises
    ------
    RetryableError
        ``kafka_away``: the cluster does not answer; ``kafka_storage``: a broker's disk is full or fails.
    FatalError
        ``kafka_login``, ``kafka_forbidden``, ``kafka_tls``, ``kafka_address``, ``kafka_topic_missing``,
        ``kafka_message_too_large`` (as `MessageTooLargeError`), or ``kafka_refused`` for everything else.
    """
    try:
        yield
    except PetawatchError:
        raise
    except Exception as error:
        failure = failure_of(error, settings, what)
        if failure is None:
            raise
        raise failure from error


def failure_of(error: BaseException, settings: KafkaSettings, what: str = "") -> PetawatchError | None:
    """The failure that an exception of a client library means; None when it is no failure of Kafka's."""
    if isinstance(error, PetawatchError):
        return error
    names = [kind.__name__ for kind in type(error).__mro__]
    if _ROOTS.intersection(names):
        return _of_kafka(error, names, settings, what)
    if isinstance(error, OSError):  # also ssl.SSLError, socket.gaierror and TimeoutError
        return _of_system(error, settings)
    return None


def away(settings: KafkaSettings, detail: str = "") -> RetryableError:
    """The cluster does not answer."""
    return RetryableError(
        f"Kafka at {settings.bootstrap_servers} does not answer{_in_brackets(detail)}; is it running, and is "
        "kafka.bootstrap_servers right?",
        reason="kafka_away",
    )


def login_refused(settings: KafkaSettings, detail: str = "") -> FatalError:
    """The broker refuses this user."""
    return FatalError(
        f"Kafka at {settings.bootstrap_servers} refuses the login of {settings.username or 'a client without a name'}"
        f"{_in_brackets(detail)}; check kafka.username, the password, kafka.sasl_mechanism and kafka.security_protocol",
        reason="kafka_login",
    )


def tls_trouble(settings: KafkaSettings, detail: str) -> FatalError:
    """No encrypted connection comes about."""
    return FatalError(
        f"no TLS connection to Kafka at {settings.bootstrap_servers}{_in_brackets(detail)}; check kafka.ca_file, "
        "kafka.certificate_file, kafka.check_hostname and kafka.security_protocol",
        reason="kafka_tls",
    )


def wrong_address(settings: KafkaSettings, detail: str) -> FatalError:
    """There is no such host."""
    return FatalError(
        f"Kafka at {settings.bootstrap_servers} can't be found{_in_brackets(detail)}; correct kafka.bootstrap_servers",
        reason="kafka_address",
    )


def topic_missing(settings: KafkaSettings, what: str) -> FatalError:
    """A topic is not there."""
    return FatalError(
        f"the topic {what or 'that is needed'} is missing at {settings.bootstrap_servers}; make it by: "
        "petawatch topics apply --config FILE",
        reason="kafka_topic_missing",
    )


def too_large(settings: KafkaSettings, what: str) -> MessageTooLargeError:
    """A message exceeds a limit of the cluster."""
    return MessageTooLargeError(
        f"Kafka at {settings.bootstrap_servers} takes no message as large as one for {what or 'a topic'}; lower "
        "connect.block_bytes, or raise the topic's max.message.bytes (petawatch topics apply --config FILE sets it)",
        reason="kafka_message_too_large",
    )


def _of_kafka(error: BaseException, names: list[str], settings: KafkaSettings, what: str) -> PetawatchError:
    inner = error.__cause__
    if isinstance(inner, ssl.SSLError):
        return _of_system(inner, settings)
    failure: PetawatchError
    if _LOGIN.intersection(names):
        failure = login_refused(settings, _said(error))
    elif any(name.endswith(_FORBIDDEN) for name in names):
        failure = _forbidden(settings, error, what)
    elif "CERTIFICATE" in str(error).upper():  # kafka-python keeps only the text of a failed handshake
        failure = tls_trouble(settings, _said(error))
    elif _TOPIC_MISSING.intersection(names):
        failure = topic_missing(settings, what)
    elif _TOO_LARGE.intersection(names):
        failure = too_large(settings, what)
    elif _STORAGE.intersection(names):
        failure = RetryableError(
            f"a broker of Kafka at {settings.bootstrap_servers} can't write {what or 'a topic'}; make room on its disk",
            reason="kafka_storage",
        )
    elif getattr(error, "retriable", False) or _AWAY.intersection(names):
        failure = away(settings, _said(error))
    else:
        failure = FatalError(
            f"Kafka at {settings.bootstrap_servers} refuses what was asked of {what or 'it'}: {_said(error)}; look "
            "into the broker's log",
            reason="kafka_refused",
        )
    return failure


def _of_system(error: OSError, settings: KafkaSettings) -> PetawatchError:
    # A connection that breaks off says nothing of certificates.
    if isinstance(error, ssl.SSLError) and type(error).__name__ not in _ABRUPT:
        said = getattr(error, "verify_message", "") or getattr(error, "reason", "")
        return tls_trouble(settings, said or error.strerror or "handshake failed")
    # A name server that is away for the moment (EAI_AGAIN) is no wrong address.
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return wrong_address(settings, error.strerror or "unknown host")
    return away(settings, error.strerror or str(error) or type(error).__name__)


def _forbidden(settings: KafkaSettings, error: BaseException, what: str) -> FatalError:
    return FatalError(
        f"Kafka at {settings.bootstrap_servers} does not let {settings.username or 'this client'} use "
        f"{what or 'what it needs'} ({type(error).__name__}); give it the rights (ACLs) or another kafka.username",
        reason="kafka_forbidden",
    )


def _said(error: BaseException) -> str:
    """What the library says, in one line."""
    return " ".join(str(error).split())[:300]


def _in_brackets(detail: str) -> str:
    return f" ({detail})" if detail else ""
