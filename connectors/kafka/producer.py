"""Writing messages in order and without losing one, by kafka-python."""

import contextlib
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import kafka.errors
from kafka import KafkaProducer

from connectors.kafka.admin import ClusterTopic, open_admin
from connectors.kafka.client_options import client_options
from connectors.kafka.failures import away, clear_failures, failure_of, too_large, topic_missing
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Outgoing
from models.errors import FatalError, PetawatchError, RetryableError

# A message that could expire in the library's memory might be lost while a later one of its partition goes out.
_NEVER_MS = 1 << 31
_BATCH_BYTES = 1 << 20
_METADATA_MS = 10_000
_REQUEST_MS = 15_000
_RECONNECT_MS = 1_000
_CLOSE_S = 1.0
_HEADER_OVERHEAD_BYTES = 16
_MESSAGE_OVERHEAD_BYTES = 128
_LARGEST_REQUEST_BYTES = 96 << 20  # brokers take 100 MB


class BlockProducer:
    """Sends messages; what `flush` returned for is on the brokers, each message once and in the order of its partition.

    Messages are acknowledged by all replicas. A key's partition is the one that aiokafka and Java clients choose, too.
    For one thread.

    Parameters
    ----------
    prefix
        Of the topics' full names: the installation.
    most_bytes
        Most bytes of messages that wait for their acknowledgement; `send` waits for room.
    patience_s
        How long `send` waits for room and `flush` for acknowledgements before they say that Kafka is away.
    """

    def __init__(
        self, settings: KafkaSettings, prefix: str, *, most_bytes: int = 64 << 20, patience_s: float = 30.0
    ) -> None:
        self._settings = settings
        self._prefix = prefix
        self._most_bytes = most_bytes
        self._patience_s = patience_s
        self._session: _Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of messages that are not acknowledged yet."""
        return self._session.waiting_bytes if self._session is not None else 0

    def open(self) -> None:
        """Connect, unless it is done; `send` does it, too.

        Raises
        ------
        RetryableError
            ``kafka_away``.
        FatalError
            ``kafka_login``, ``kafka_tls`` or ``kafka_address``.
        """
        if self._session is not None:
            return
        with open_admin(self._settings) as admin:
            limits = _limits(admin.topics(admin.names(f"{self._prefix}.")))
        with clear_failures(self._settings):
            self._session = _Session(self._settings, limits)

    def send(self, message: Outgoing, partition: int | None = None) -> None:
        """Queue a message; its key chooses the partition where none is given.

        Raises
        ------
        RetryableError
            ``kafka_away``: there is no room, or no connection; this message was not queued, send it again.
        MessageTooLargeError
            ``kafka_message_too_large``: this message was not queued; split it.
        FatalError
            ``kafka_login``, ``kafka_tls``, ``kafka_address``, ``kafka_forbidden``, ``kafka_topic_missing``,
            ``kafka_refused``: see `flush`.
        """
        topic, size = f"{self._prefix}.{message.topic}", _size(message)
        self.open()
        session = self._session
        assert session is not None  # noqa: S101 - for mypy
        if topic not in session.limits:
            raise self._given_up(topic_missing(self._settings, topic))
        if size > session.limits[topic]:
            raise too_large(self._settings, topic)
        if not session.wait_for_room(self._most_bytes - size, self._patience_s):
            raise self._explained()
        if session.failure is None:
            try:
                session.send(topic, message, size, partition)
            except kafka.errors.KafkaTimeoutError as error:
                raise self._explained() from error
        if session.failure is not None:
            raise self._given_up(session.failure)

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged.

        Raises
        ------
        RetryableError
            ``kafka_away``: not everything is acknowledged yet. It still waits to be sent, in order: flush again.
        FatalError
            ``kafka_login``, ``kafka_tls``, ``kafka_forbidden``, ``kafka_topic_missing``, ``kafka_message_too_large``
            or ``kafka_refused``: some of what was sent since the last flush is lost, and nothing that was sent later
            went to its partition. Whoever goes on sends all of it again.
        """
        if self._session is None:
            return
        settled = self._session.wait_until_settled(self._patience_s)
        if self._session.failure is not None:
            raise self._given_up(self._session.failure)
        if not settled:
            raise self._explained()

    def close(self) -> None:
        """Let the connection go; what is not acknowledged is given up."""
        session, self._session = self._session, None
        if session is not None:
            session.give_up()

    def _given_up(self, failure: PetawatchError) -> PetawatchError:
        self.close()
        return failure

    def _explained(self) -> PetawatchError:
        """Why nothing goes on: Kafka is away, or it would not help to wait."""
        assert self._session is not None  # noqa: S101 - for mypy
        try:
            with open_admin(self._settings) as admin:
                missing = self._session.topics.difference(admin.names(f"{self._prefix}."))
        except FatalError as failure:
            if failure.reason == "kafka_address":  # it was right, or nothing could have been sent
                return away(self._settings, "its name is not known at present")
            return self._given_up(failure)
        except RetryableError as failure:
            return failure
        if missing:
            return self._given_up(topic_missing(self._settings, min(missing)))
        return away(self._settings, f"no acknowledgement within {self._patience_s:g} s")


class _Session:
    """One producer of the library, and the account of what waits in it; never used again after a failure."""

    def __init__(self, settings: KafkaSettings, limits: Mapping[str, int]) -> None:
        self.limits = limits
        self.topics: set[str] = set()
        self.waiting_bytes = 0
        self.failure: PetawatchError | None = None
        self._settings = settings
        self._waiting = 0
        self._changed = threading.Condition()
        self._producer = KafkaProducer(
            client_id="petawatch-connect",
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            delivery_timeout_ms=_NEVER_MS,
            batch_size=_BATCH_BYTES,
            max_request_size=_LARGEST_REQUEST_BYTES,
            max_block_ms=_METADATA_MS,
            request_timeout_ms=_REQUEST_MS,
            reconnect_backoff_max_ms=_RECONNECT_MS,
            metrics_enabled=False,
            **client_options(settings),
        )

    def send(self, topic: str, message: Outgoing, size: int, partition: int | None) -> None:
        headers = list(message.headers)
        future = self._producer.send(topic, value=message.value, key=message.key, headers=headers, partition=partition)
        self.topics.add(topic)
        with self._changed:
            self.waiting_bytes += size
            self._waiting += 1
        future.add_callback(lambda _: self._settle(size, None))
        future.add_errback(lambda error: self._settle(size, self._ended(error, topic)))

    def wait_for_room(self, most_bytes: int, patience_s: float) -> bool:
        # A message that is larger than all room travels alone.
        with self._changed:
            return self._changed.wait_for(
                lambda: self.failure is not None or not self._waiting or self.waiting_bytes <= most_bytes, patience_s
            )

    def wait_until_settled(self, patience_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.failure is not None or not self._waiting, patience_s)

    def give_up(self) -> None:
        self._stop()
        # It waits for what can't be sent any more; its thread ends by itself.
        with contextlib.suppress(kafka.errors.KafkaTimeoutError):
            self._producer.close(timeout=_CLOSE_S)

    def _settle(self, size: int, failure: PetawatchError | None) -> None:
        with self._changed:
            self.waiting_bytes -= size
            self._waiting -= 1
            self.failure = self.failure or failure
            self._changed.notify_all()

    def _ended(self, error: BaseException, topic: str) -> PetawatchError:
        # In the library's own thread, before it takes up the next batch: no later message of the partition may be
        # written when this one is not, or its reader would take the lost one for one that came before.
        self._stop()
        failure = failure_of(error, self._settings, topic)
        if isinstance(failure, FatalError):
            return failure
        return FatalError(
            f"Kafka at {self._settings.bootstrap_servers} lost what was sent to {topic} ({type(error).__name__}); "
            "send it again",
            reason="kafka_refused",
        )

    def _stop(self) -> None:
        self._producer._sender.force_close()  # noqa: SLF001 - `close` sends what it can, and can't be called inside


def _limits(topics: Mapping[str, ClusterTopic]) -> dict[str, int]:
    """Most bytes of a message by topic: the broker's refusal would come when later ones are on their way already."""
    return {name: int(topic.options.get("max.message.bytes", _LARGEST_REQUEST_BYTES)) for name, topic in topics.items()}


def _size(message: Outgoing) -> int:
    """As the broker counts it, at most."""
    headers = sum(len(name.encode()) + len(value) + _HEADER_OVERHEAD_BYTES for name, value in message.headers)
    return len(message.key) + len(message.value or b"") + headers + _MESSAGE_OVERHEAD_BYTES
