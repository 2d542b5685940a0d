"""Writing and reading messages against a real broker."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumberError
from kafka.producer.sender import Sender

from connectors.kafka.admin import open_admin, remove_topics
from connectors.kafka.failures import MessageTooLargeError
from connectors.kafka.producer import BlockProducer
from connectors.kafka.reader import TopicReader
from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Outgoing
from models.errors import FatalError, RetryableError
from servers.kafka_server import KafkaServer, free_port
from tests.support.kafka import kafka_settings, make_topic, own_installation
from tests.support.watching import wait_until

_TOPIC = "images"


def _installation(server: KafkaServer, partitions: int = 4, **configs: str) -> str:
    name = own_installation().installation
    make_topic(server, f"{name}.{_TOPIC}", partitions, {key.replace("_", "."): value for key, value in configs.items()})
    return name


def _message(number: int, size: int = 10, key: bytes | None = None) -> Outgoing:
    headers = (("number", str(number).encode()), ("number", b"again"))
    return Outgoing(topic=_TOPIC, key=key or f"device-{number % 7}".encode(), value=bytes(size), headers=headers)


def _numbers(settings: KafkaSettings, installation: str) -> list[int]:
    with TopicReader(settings, installation) as reader:
        return [int(dict(reversed(message.headers))["number"]) for message in reader.read([_TOPIC])]


def _send_and_flush(producer: BlockProducer, messages: Iterable[Outgoing], pause_s: float = 0.0) -> None:
    for message in messages:
        producer.send(message)
    time.sleep(pause_s)
    producer.flush()


@pytest.fixture
def own_server(kafka: KafkaServer, tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that the test may stop; asking for the shared one skips where there is none."""
    with KafkaServer(tmp_path / "broker") as server:
        yield server


def test_messages_arrive_as_they_were_sent_in_the_order_of_their_key(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka)
    with BlockProducer(settings, installation) as producer:
        for number in range(500):
            producer.send(_message(number, size=number * 40))
        producer.flush()
        assert producer.waiting_bytes == 0
    with TopicReader(settings, installation) as reader:
        messages = list(reader.read([_TOPIC]))
    assert sorted(int(message.headers[0][1]) for message in messages) == list(range(500))
    by_key: dict[bytes | None, list[int]] = {}
    for message in messages:
        number = int(message.headers[0][1])
        assert (message.topic, message.value) == (_TOPIC, bytes(number * 40))
        assert message.headers == (("number", str(number).encode()), ("number", b"again"))
        by_key.setdefault(message.key, []).append(number)
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_all_clients_choose_the_same_partition_of_a_key(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka, partitions=8)
    keys = [f"LA_A3_3{number}-Camera_{number}-Camera-1-Gerät".encode() for number in range(40)]
    with BlockProducer(settings, installation) as producer:
        for number, key in enumerate(keys):
            producer.send(_message(number, key=key))
        producer.flush()
    with TopicReader(settings, installation) as reader:
        ours = {message.key: message.partition for message in reader.read([_TOPIC])}

    async def theirs() -> dict[bytes, int]:
        async with AIOKafkaProducer(bootstrap_servers=kafka.address) as other:
            return {key: (await other.send_and_wait(f"{installation}.{_TOPIC}", b"", key)).partition for key in keys}

    assert ours == asyncio.run(theirs())
    assert len(set(ours.values())) > 1


def test_aiokafka_reads_what_was_sent(kafka: KafkaServer) -> None:
    installation = _installation(kafka, partitions=1)
    with BlockProducer(kafka_settings(kafka), installation) as producer:
        producer.send(_message(1))
        producer.flush()

    async def first() -> tuple[bytes, bytes, object]:
        options = {"bootstrap_servers": kafka.address, "auto_offset_reset": "earliest"}
        async with AIOKafkaConsumer(f"{installation}.{_TOPIC}", **options) as consumer:
            record = await consumer.getone()
            return record.key, record.value, record.headers

    assert asyncio.run(first()) == (b"device-1", bytes(10), (("number", b"1"), ("number", b"again")))


def test_a_reader_begins_where_it_is_told_and_follows_what_comes(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka, partitions=1)
    with BlockProducer(settings, installation) as producer, TopicReader(settings, installation) as reader:
        for number in range(10):
            producer.send(_message(number))
        producer.flush()
        assert reader.end_offsets([_TOPIC]) == {(_TOPIC, 0): 10}
        assert [message.offset for message in reader.read([_TOPIC], {(_TOPIC, 0): 7})] == [7, 8, 9]
        reader.follow([_TOPIC])
        assert reader.poll(0.2) == []
        producer.send(_message(10))
        producer.flush()
        followed = [message.offset for _ in range(20) for message in reader.poll(0.5)]
    assert followed == [10]


def test_a_reader_ends_where_transactions_leave_holes(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka, partitions=1)
    topic = f"{installation}.{_TOPIC}"

    async def write() -> None:
        options = {"bootstrap_servers": kafka.address, "transactional_id": installation}
        async with AIOKafkaProducer(**options) as producer:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept", b"k")
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"taken back", b"k")
            await producer.abort_transaction()

    asyncio.run(write())
    with TopicReader(settings, installation, patience_s=5) as reader:
        assert [message.value for message in reader.read([_TOPIC])] == [b"kept"]
        assert reader.end_offsets([_TOPIC]) == {(_TOPIC, 0): 4}


def test_a_message_above_the_limit_is_refused_before_anything_is_queued(kafka: KafkaServer) -> None:
    settings = kafka_settings(kafka)
    installation = _installation(kafka, partitions=1, max_message_bytes="20000")
    with BlockProducer(settings, installation) as producer:
        producer.send(_message(0))
        with pytest.raises(MessageTooLargeError, match="block_bytes") as refused:
            producer.send(_message(1, size=20_000))
        assert refused.value.reason == "kafka_message_too_large"
        producer.send(_message(2, size=19_000))
        producer.flush()
    assert _numbers(settings, installation) == [0, 2]


def test_nothing_is_written_after_a_message_that_the_broker_refused(kafka: KafkaServer) -> None:
    settings = kafka_settings(kafka)
    installation = _installation(kafka, partitions=1, max_message_bytes="200000")
    with BlockProducer(settings, installation) as producer:
        producer.send(_message(0))
        producer.flush()
        with open_admin(settings) as admin:
            admin.set_options(f"{installation}.{_TOPIC}", {"max.message.bytes": "20000"})
        taken = _until_refused(settings, f"{installation}.{_TOPIC}", 60_000)
        before = [0] * (1 + taken)
        with pytest.raises(MessageTooLargeError):
            # The pause is time enough to write what comes after the refused one.
            _send_and_flush(producer, [_message(n, size=60_000 if n == 1 else 15_000) for n in range(1, 40)], pause_s=3)
        assert _numbers(settings, installation) == before
        producer.send(_message(40))
        producer.flush()
    assert _numbers(settings, installation) == [*before, 40]


def _until_refused(settings: KafkaSettings, topic: str, size: int) -> int:
    """How many messages of this size the broker still took: it hears of changed options a moment after it took them."""
    other = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, max_request_size=2 * size)
    taken = 0
    try:
        while True:
            other.send(topic, bytes(size), headers=[("number", b"0")]).get(30)
            taken += 1
    except MessageSizeTooLargeError:
        return taken
    finally:
        other.close()


def test_nothing_is_written_after_a_message_that_was_lost(kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka, partitions=1)
    complete = Sender._complete_batch
    seen: list[object] = []

    def lose_the_first(sender: Sender, batch: object, response: Any) -> None:
        if not seen:
            response.error_code = OutOfOrderSequenceNumberError.errno  # after this the library goes on with the next
        seen.append(batch)
        complete(sender, batch, response)

    monkeypatch.setattr(Sender, "_complete_batch", lose_the_first)
    with BlockProducer(settings, installation) as producer:
        with pytest.raises(FatalError):
            _send_and_flush(producer, [_message(number, size=700_000) for number in range(6)], pause_s=3)
        assert len(seen) == 1
        assert _numbers(settings, installation) == [0]
        _send_and_flush(producer, [_message(6)])
    assert _numbers(settings, installation) == [0, 6]


def test_a_missing_topic_is_named_with_the_command_that_makes_it(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), own_installation().installation
    sentence = rf"{installation}\.images is missing .* petawatch topics apply"
    with BlockProducer(settings, installation) as producer, pytest.raises(FatalError, match=sentence) as missing:
        producer.send(_message(0))
    assert missing.value.reason == "kafka_topic_missing"
    with TopicReader(settings, installation) as reader, pytest.raises(FatalError, match="is missing"):
        reader.end_offsets([_TOPIC])


def test_a_topic_that_is_taken_away_is_missed(kafka: KafkaServer) -> None:
    settings, installation = kafka_settings(kafka), _installation(kafka, partitions=1)
    with BlockProducer(settings, installation, patience_s=2) as producer:
        producer.send(_message(0))
        _patiently(producer.flush)
        remove_topics(settings, f"{installation}.")
        with pytest.raises(FatalError, match="is missing"):
            _send_for_ever(producer, _message(1))


def _send_for_ever(producer: BlockProducer, message: Outgoing) -> None:
    """The broker takes a topic away a moment after it was asked to."""
    while True:
        with suppress(RetryableError):
            _send_and_flush(producer, [message])


def test_absent_brokers_are_waited_for() -> None:
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with BlockProducer(settings, "test") as producer, pytest.raises(RetryableError, match="does not answer") as away:
        producer.send(_message(0))
    assert away.value.reason == "kafka_away"
    with pytest.raises(RetryableError, match="does not answer"):
        TopicReader(settings, "test")


def test_a_kill_of_the_broker_loses_and_doubles_nothing(own_server: KafkaServer) -> None:
    settings, installation = kafka_settings(own_server), _installation(own_server)
    killer = threading.Timer(0.5, own_server.kill)
    killer.start()
    reasons: list[str] = []

    def persist(attempt: Callable[[], None]) -> None:
        while True:
            try:
                return attempt()
            except RetryableError as away:
                reasons.append(away.reason)
                own_server.start()

    with BlockProducer(settings, installation, most_bytes=1 << 20, patience_s=2) as producer:
        for number in range(400):
            persist(partial(producer.send, _message(number, size=60_000)))
            assert producer.waiting_bytes <= 1 << 20
            time.sleep(0.005)
        persist(producer.flush)
    killer.join()
    assert set(reasons) == {"kafka_away"}
    assert sorted(_numbers(settings, installation)) == list(range(400))


def _patiently(attempt: Callable[[], None]) -> None:
    """As whoever sends does: a broker that is busy, too, may be away for as long as a producer waits."""

    def done() -> bool:
        with suppress(RetryableError):
            attempt()
            return True
        return False

    wait_until(done)


def test_a_broker_that_hangs_is_away_and_gets_everything_later(own_server: KafkaServer) -> None:
    settings, installation = kafka_settings(own_server), _installation(own_server)
    with BlockProducer(settings, installation, patience_s=1) as producer:
        producer.send(_message(0))
        _patiently(producer.flush)
        own_server.pause()
        producer.send(_message(1))
        with pytest.raises(RetryableError, match="does not answer"):
            producer.flush()
        own_server.resume()
        _patiently(producer.flush)
    assert _numbers(settings, installation) == [0, 1]
