"""Outputs reach Kafka in order, at least once, and again until they are acknowledged."""

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, MessageSizeTooLargeError

from connectors.kafka.settings import KafkaSettings
from connectors.wire.message import Outgoing
from models.errors import FatalError
from streams.topology import TopicName, TopicSettings
from streams.worker import output_sender
from streams.worker.output_sender import OutputSender, OversizedError


class Batch:
    """Takes three messages."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(self, *, key: bytes, value: bytes, timestamp: int | None, headers: list[tuple[str, bytes]]) -> object:
        if len(self.values) == 3:
            return None
        self.values.append(value)
        return self

    def close(self) -> None:
        pass


class Producer:
    """A client whose sends fail as they are told to: before the batch is written, or after."""

    failures: ClassVar[list[tuple[str, Exception]]] = []
    written: ClassVar[list[tuple[str, int, list[bytes]]]] = []
    stopped: ClassVar[int] = 0
    away: ClassVar[str] = ""

    def __init__(self, **options: Any) -> None:
        assert options["acks"] == "all"

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        Producer.stopped += 1

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        await asyncio.sleep(0)
        if topic == Producer.away:
            raise KafkaConnectionError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        when, error = Producer.failures.pop(0) if Producer.failures else ("", None)
        if when == "at once" and error is not None:
            raise error
        if when != "unwritten":
            Producer.written.append((topic, partition, batch.values))
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
        return done


@pytest.fixture(autouse=True)
def _producer(monkeypatch: pytest.MonkeyPatch) -> None:
    Producer.failures, Producer.written, Producer.stopped, Producer.away = [], [], 0, ""
    monkeypatch.setattr(output_sender, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(output_sender, "_RETRY_EVERY_S", 0.01)


def outputs(*numbers: int, topic: TopicName = TopicName.DECIDED) -> list[Outgoing]:
    return [Outgoing(topic=topic, key=b"k", value=b"%d" % number) for number in numbers]


class Bench:
    """A started sender, and what it says."""

    def __init__(self, limits: dict[TopicName, int] | None = None) -> None:
        self.told: list[str] = []
        self.failed: list[BaseException] = []
        self.sender = OutputSender(
            KafkaSettings(), TopicSettings(), limits=limits or {}, tell=self.told.append, fail=self.failed.append
        )


def run(bench: Bench, test: Coroutine[Any, Any, None]) -> None:
    async def alone() -> None:
        await bench.sender.start()
        async with asyncio.timeout(60):
            await test
        await bench.sender.stop()

    asyncio.run(alone())
    assert Producer.stopped == 1


def first_times(topic: str) -> list[bytes]:
    """The values of a topic as a receiver takes them."""
    return list(dict.fromkeys(value for name, _, values in Producer.written if name == topic for value in values))


def test_messages_of_a_partition_go_in_order_and_in_batches() -> None:
    bench = Bench()

    async def test() -> None:
        done = await bench.sender.send(outputs(0, 1, 2, 3, 4))
        more = await bench.sender.send(outputs(5))
        await asyncio.gather(done, more)

    run(bench, test())
    assert Producer.written == [("hpls.decided", 0, [b"0", b"1", b"2"]), ("hpls.decided", 0, [b"3", b"4", b"5"])]


@pytest.mark.parametrize("when", ["at once", "unwritten", "written"])
@pytest.mark.parametrize("error", [KafkaTimeoutError(), KafkaConnectionError()])
def test_a_batch_is_sent_again_before_anything_that_follows_it(when: str, error: Exception) -> None:
    bench = Bench()
    Producer.failures = [(when, error), (when, error)]

    async def test() -> None:
        await asyncio.gather(*[await bench.sender.send(outputs(number)) for number in range(7)])
        assert bench.sender.waits_for == ""

    run(bench, test())
    assert first_times("hpls.decided") == [b"%d" % number for number in range(7)]
    assert (len(bench.told), bench.failed) == (1, [])


def test_a_topic_that_takes_its_messages_does_not_hide_that_another_takes_none() -> None:
    bench = Bench()
    Producer.away = "hpls.decided"

    async def test() -> None:
        late = await bench.sender.send(outputs(0))
        while not bench.sender.waits_for:  # noqa: ASYNC110 - another topic is to be tried meanwhile
            await asyncio.sleep(0.01)
        await (await bench.sender.send(outputs(1, topic=TopicName.ALERTS)))
        assert bench.sender.waits_for != ""
        Producer.away = ""
        await late
        assert bench.sender.waits_for == ""

    run(bench, test())
    assert (len(bench.told), bench.failed) == (1, [])


def test_the_key_chooses_the_partition_as_other_clients_do() -> None:
    """By murmur2, as kafka-python and the Java client do."""
    bench = Bench()

    async def test() -> None:
        keys = [b"LA-A3-31", b"LA-A3-32", b"LB-A1-00", b"LB-FE-00"]
        sent = [Outgoing(topic=TopicName.SCORED, key=key, value=key) for key in keys]
        await (await bench.sender.send(sent))

    run(bench, test())
    numbers = {value: partition for _, partition, values in Producer.written for value in values}
    assert numbers == {b"LA-A3-31": 1, b"LA-A3-32": 1, b"LB-A1-00": 3, b"LB-FE-00": 0}


def test_a_message_larger_than_its_topic_takes_is_not_sent_at_all() -> None:
    bench = Bench({TopicName.DECIDED: 1000})

    async def test() -> None:
        large = Outgoing(topic=TopicName.DECIDED, key=b"k", value=bytes(1000))
        with pytest.raises(OversizedError, match=r"hpls.decided is larger than its max.message.bytes of 1000; raise"):
            await bench.sender.send([*outputs(1), large])

    run(bench, test())
    assert Producer.written == []


def test_what_kafka_refuses_ends_the_worker() -> None:
    bench = Bench()
    Producer.failures = [("at once", MessageSizeTooLargeError())]

    async def test() -> None:
        await bench.sender.send(outputs(1))
        while not bench.failed:  # noqa: ASYNC110 - the sender tells nobody else
            await asyncio.sleep(0.01)

    run(bench, test())
    assert isinstance(bench.failed[0], FatalError)
    assert "max.message.bytes" in str(bench.failed[0])


def test_whoever_sends_waits_while_too_much_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_sender, "_MOST_BYTES", 100)
    bench = Bench()
    Producer.failures = [("unwritten", KafkaTimeoutError())] * 20

    async def test() -> None:
        await bench.sender.send(outputs(1))
        waiting = asyncio.create_task(bench.sender.send(outputs(2)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await (await waiting)

    run(bench, test())
    assert first_times("hpls.decided") == [b"1", b"2"]


def test_nothing_to_send_is_done_at_once() -> None:
    bench = Bench()

    async def test() -> None:
        assert (await bench.sender.send([])).done()

    run(bench, test())
