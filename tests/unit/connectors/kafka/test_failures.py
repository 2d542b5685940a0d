"""What either library raises is one of the three kinds of failure, with one sentence that says what to do."""

import socket
import ssl
from pathlib import Path

import aiokafka.errors
import kafka.errors
import pytest

from connectors.kafka.failures import MessageTooLargeError, clear_failures, failure_of
from connectors.kafka.settings import KafkaSettings
from models.errors import FatalError, RecordError, RetryableError

_SETTINGS = KafkaSettings(
    bootstrap_servers="broker:9092", security_protocol="SASL_SSL", username="alice", ca_file=Path("ca.pem")
)

_CASES = [
    (kafka.errors.KafkaTimeoutError("no bootstrap"), RetryableError, "kafka_away"),
    (aiokafka.errors.KafkaTimeoutError(), RetryableError, "kafka_away"),
    (kafka.errors.KafkaConnectionError("unable to connect"), RetryableError, "kafka_away"),
    (aiokafka.errors.KafkaConnectionError("unable to bootstrap"), RetryableError, "kafka_away"),
    (kafka.errors.NotEnoughReplicasError(), RetryableError, "kafka_away"),
    (aiokafka.errors.RequestTimedOutError(), RetryableError, "kafka_away"),
    (ConnectionRefusedError(111, "Connection refused"), RetryableError, "kafka_away"),
    (TimeoutError(), RetryableError, "kafka_away"),
    (ssl.SSLEOFError(8, "EOF occurred"), RetryableError, "kafka_away"),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), RetryableError, "kafka_away"),
    (kafka.errors.KafkaStorageError(), RetryableError, "kafka_storage"),
    (aiokafka.errors.KafkaStorageError(), RetryableError, "kafka_storage"),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), FatalError, "kafka_address"),
    (kafka.errors.SaslAuthenticationFailedError("bad"), FatalError, "kafka_login"),
    (aiokafka.errors.AuthenticationFailedError("bad"), FatalError, "kafka_login"),
    (aiokafka.errors.SaslAuthenticationFailed("bad"), FatalError, "kafka_login"),
    (kafka.errors.UnsupportedSaslMechanismError(), FatalError, "kafka_login"),
    (kafka.errors.TopicAuthorizationFailedError(), FatalError, "kafka_forbidden"),
    (aiokafka.errors.TopicAuthorizationFailedError(), FatalError, "kafka_forbidden"),
    (aiokafka.errors.TransactionalIdAuthorizationFailed(), FatalError, "kafka_forbidden"),
    (aiokafka.errors.GroupAuthorizationFailedError(), FatalError, "kafka_forbidden"),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), FatalError, "kafka_tls"),
    (kafka.errors.KafkaConnectionError("Handshake failed: CERTIFICATE_VERIFY_FAILED"), FatalError, "kafka_tls"),
    (kafka.errors.UnknownTopicOrPartitionError(), FatalError, "kafka_topic_missing"),
    (aiokafka.errors.UnknownTopicOrPartitionError(), FatalError, "kafka_topic_missing"),
    (kafka.errors.MessageSizeTooLargeError(), MessageTooLargeError, "kafka_message_too_large"),
    (aiokafka.errors.MessageSizeTooLargeError(), MessageTooLargeError, "kafka_message_too_large"),
    (aiokafka.errors.RecordTooLargeError(), MessageTooLargeError, "kafka_message_too_large"),
    (kafka.errors.PolicyViolationError("no"), FatalError, "kafka_refused"),
    (aiokafka.errors.InvalidConfigurationError("no"), FatalError, "kafka_refused"),
]


@pytest.mark.parametrize(("raised", "kind", "reason"), _CASES, ids=lambda value: type(value).__name__)
def test_every_failure_has_its_kind_and_one_sentence(raised: Exception, kind: type[Exception], reason: str) -> None:
    with pytest.raises(kind) as failure, clear_failures(_SETTINGS, "hpls.images"):
        raise raised
    assert getattr(failure.value, "reason", None) == reason
    assert failure.value.__cause__ is raised
    sentence = str(failure.value)
    assert "broker:9092" in sentence
    assert "\n" not in sentence


def test_what_is_not_kafkas_goes_on_as_it_is() -> None:
    assert failure_of(KeyError("x"), _SETTINGS) is None
    with pytest.raises(KeyError), clear_failures(_SETTINGS):
        raise KeyError("x")
    mine = RecordError("a damaged block", reason="damaged")
    with pytest.raises(RecordError) as failure, clear_failures(_SETTINGS):
        raise mine
    assert failure.value is mine


def test_tls_hidden_in_an_error_of_the_library_is_found() -> None:
    hidden = aiokafka.errors.KafkaConnectionError("closed")
    hidden.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    failure = failure_of(hidden, _SETTINGS)
    assert failure is not None
    assert failure.reason == "kafka_tls"
