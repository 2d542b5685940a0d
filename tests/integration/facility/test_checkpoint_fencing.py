"""Checkpoints when processes are stopped and killed, and when the broker goes away at the worst moment."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from connectors.checkpoints.document import decode_position
from connectors.checkpoints.store import Checkpoint, FencedError, PartitionCheckpoints
from connectors.checkpoints.topic import TopicCheckpointStore
from models.errors import FatalError, RetryableError
from servers.failures import ServerMissingError
from servers.kafka_server import KafkaServer
from servers.server_process import wait_until_stopped
from tests.support.async_tests import run_alone
from tests.support.checkpoint_stores import DirectoryStores, Stores, TopicStores
from tests.support.checkpoint_writer import states_of, store_of
from tests.support.kafka import kafka_settings, make_topic, own_installation

_PATIENCE_S = 1.0
_ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker that may be stopped."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    try:
        server.start()
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield server
    server.resume()
    server.stop()


@pytest.fixture
def topic(broker: KafkaServer) -> str:
    """A topic of checkpoints."""
    name = own_installation("fencing").installation
    return make_topic(broker, name, 2, {"cleanup.policy": "compact", "max.message.bytes": "300000"})


@pytest.fixture
def stores(broker: KafkaServer, topic: str) -> TopicStores:
    """Stores that lose patience quickly."""
    return TopicStores(kafka_settings(broker), {"image": topic}, _PATIENCE_S)


@pytest.fixture(params=["directory", "topic"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """A kind of store, for `store_of`."""
    if request.param == "directory":
        return {"folder": str(tmp_path)}
    server: KafkaServer = request.getfixturevalue("broker")
    return {"server": server.address, "topic": request.getfixturevalue("topic")}


@contextmanager
def writer(place: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.support.checkpoint_writer", json.dumps(place)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> tuple[str, int]:
    assert process.stdout is not None
    word, _, number = process.stdout.readline().partition(" ")
    return word, int(number or -1)


def read_until(process: "subprocess.Popen[str]", number: int) -> int:
    while (line := said(process))[1] < number:
        assert line[0] in {"opened", "written"}, line
    return line[1]


def looked_behind(place: dict[str, str], broker: Callable[[], KafkaServer]) -> Stores:
    if "folder" in place:
        return DirectoryStores(Path(place["folder"]))
    return TopicStores(kafka_settings(broker()), {"image": place["topic"]})


def is_one(checkpoint: Checkpoint) -> bool:
    number = checkpoint.next_offsets.get("images", 0)
    return dict(checkpoint.states) == (states_of(number) if number else {})


def test_a_process_that_was_stopped_beyond_a_takeover_writes_nothing(
    place: dict[str, str], request: pytest.FixtureRequest
) -> None:
    stores = looked_behind(place, lambda: request.getfixturevalue("broker"))

    async def take_over(process: "subprocess.Popen[str]") -> None:
        store = store_of(place)
        try:
            checkpoints, checkpoint = await store.open("image", 0)
            assert is_one(checkpoint)
            assert not checkpoint.fell_back
            number = checkpoint.next_offsets["images"]
            await checkpoints.write({"images": number + 1000}, states_of(number + 1000))
            kept = await stores.kept("image", 0)
            process.send_signal(signal.SIGCONT)
            output = (await asyncio.to_thread(process.communicate, timeout=60))[0]
            assert "fenced" in output
            # It may say at last what it had written before it was stopped, and nothing after that.
            words = [line.split() for line in output.splitlines()]
            assert all(int(line[1]) <= number for line in words if line[0] == "written")
            assert await stores.kept("image", 0) == kept
            await checkpoints.write({"images": number + 1001}, states_of(number + 1001))
        finally:
            await store.close()

    chance = random.Random(4)  # noqa: S311 - no secret
    for _ in range(4):
        with writer(place) as process:
            before = said(process)[1]
            read_until(process, before + 3)
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGSTOP)
            wait_until_stopped(process.pid)
            run_alone(take_over(process))
            assert process.returncode == 0


def test_a_process_killed_while_it_writes_leaves_one_whole_checkpoint(place: dict[str, str]) -> None:
    async def load() -> None:
        store = store_of(place)
        try:
            _, checkpoint = await store.open("image", 0)
        finally:
            await store.close()
        assert is_one(checkpoint)
        assert not checkpoint.fell_back
        assert checkpoint.next_offsets["images"] >= last

    chance = random.Random(5)  # noqa: S311 - no secret
    for _ in range(5):
        with writer(place) as process:
            last = read_until(process, said(process)[1] + 2)
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
        run_alone(load())


Trouble = Callable[[KafkaServer], None]


def pause(server: KafkaServer) -> None:
    server.pause()


def kill(server: KafkaServer) -> None:
    server.kill()


@pytest.mark.parametrize(
    ("trouble", "when", "step"),
    [
        (pause, "before", "begin_transaction"),
        (pause, "before", "send"),
        (pause, "after", "send"),
        (pause, "before", "commit_transaction"),
        (pause, "after", "commit_transaction"),
        (kill, "after", "send"),
        (kill, "after", "commit_transaction"),
    ],
)
def test_a_broker_that_goes_away_in_a_transaction_loses_nothing(
    broker: KafkaServer, stores: TopicStores, monkeypatch: pytest.MonkeyPatch, step: str, when: str, trouble: Trouble
) -> None:
    original = getattr(AIOKafkaProducer, step)

    async def troubled(producer: AIOKafkaProducer, *arguments: object, **options: object) -> object:
        if when == "before":
            trouble(broker)
            return await original(producer, *arguments, **options)
        waiting = asyncio.ensure_future(original(producer, *arguments, **options))
        await asyncio.sleep(0.004)  # the request is on its way
        trouble(broker)
        return await waiting

    async def scenario() -> None:
        store = stores.new()
        checkpoints, _ = await open_patiently(store)
        await until_written(lambda: checkpoints.write({"images": 1}, {"a": b"1", "b": b"1"}))
        with monkeypatch.context() as patch:
            patch.setattr(AIOKafkaProducer, step, troubled)
            # The answer to a commit may have come just before.
            suppressed = contextlib.suppress(RetryableError)
            with suppressed if step == "commit_transaction" else pytest.raises(RetryableError):
                await checkpoints.write({"images": 2}, {"a": b"2", "gone": b"2"})
        began = time.monotonic()
        with pytest.raises(RetryableError):
            await checkpoints.write({"images": 3}, {"a": b"3", "gone": b""})
        assert time.monotonic() - began < 3 * _PATIENCE_S + 2
        await asyncio.to_thread(broker.resume if trouble is pause else broker.start)
        await until_written(lambda: checkpoints.write({"images": 3}, {"a": b"3", "gone": b""}))
        await until_written(lambda: checkpoints.write({"images": 4}, {"a": b"4"}))
        await store.close()
        other = stores.new()
        assert (await open_patiently(other))[1] == Checkpoint(next_offsets={"images": 4}, states={"a": b"4", "b": b"1"})
        await other.close()

    try:
        run_alone(scenario())
    finally:
        broker.resume()
        broker.start()


@pytest.mark.parametrize("committed", [True, False])
def test_a_transaction_without_an_answer_is_found_out_by_the_next_write(
    stores: TopicStores, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    original = AIOKafkaProducer.commit_transaction

    async def unanswered(producer: AIOKafkaProducer) -> None:
        if committed:
            await original(producer)
        raise KafkaConnectionError("the answer is lost")

    async def scenario() -> None:
        store = stores.new()
        checkpoints, _ = await store.open("image", 0)
        await checkpoints.write({"images": 1}, {"a": b"1"})
        with monkeypatch.context() as patch:
            patch.setattr(AIOKafkaProducer, "commit_transaction", unanswered)
            with pytest.raises(RetryableError):
                await checkpoints.write({"images": 2}, {"a": b"2", "b": b"2"})
        await checkpoints.write({"images": 3}, {"a": b"3"})
        kept = await stores.kept("image", 0)
        # The second is the third write's generation before, or it never was.
        assert decode_position(kept["position-1" if committed else "position-0"], "").next_offsets == {"images": 3}
        await store.close()
        other = stores.new()
        states = {"a": b"3", "b": b"2"} if committed else {"a": b"3"}
        assert (await other.open("image", 0))[1] == Checkpoint(next_offsets={"images": 3}, states=states)
        await other.close()

    run_alone(scenario())


async def until_written(write: Callable[[], Awaitable[object]]) -> None:
    """As whoever writes does: a broker that is busy, too, may be away for as long as these stores wait."""
    deadline = time.monotonic() + 60
    while True:
        try:
            await write()
        except RetryableError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        else:
            return


def test_a_retry_after_a_takeover_does_not_disturb_the_new_owner(broker: KafkaServer, stores: TopicStores) -> None:
    async def scenario() -> None:
        former_store, store = stores.new(), stores.new()
        former, _ = await open_patiently(former_store)
        await until_written(lambda: former.write({"images": 1}, {"a": b"1"}))
        broker.pause()
        with pytest.raises(RetryableError):
            await former.write({"images": 2}, {"a": b"2"})
        broker.resume()
        owner, checkpoint = await open_patiently(store)
        assert checkpoint.states in ({"a": b"1"}, {"a": b"2"})
        for _ in range(2):
            with pytest.raises(FencedError):
                await until_written(lambda: former.write({"images": 2}, {"a": b"2"}))
        await until_written(lambda: owner.write({"images": 3}, {"a": b"3"}))
        await former_store.close()
        await store.close()

    run_alone(scenario())


async def open_patiently(store: TopicCheckpointStore) -> tuple[PartitionCheckpoints, Checkpoint]:
    while True:
        try:
            return await store.open("image", 0)
        except RetryableError:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("trouble", [pause, kill])
def test_opening_and_closing_take_seconds_when_the_broker_is_away(
    broker: KafkaServer, stores: TopicStores, trouble: Trouble
) -> None:
    async def scenario() -> None:
        store = stores.new()
        idle, _ = await store.open("image", 0)
        busy, _ = await store.open("image", 1)
        await asyncio.to_thread(trouble, broker)
        writing = asyncio.create_task(busy.write({"images": 1}, {"a": b"1" * 100_000}))
        await asyncio.sleep(0.3)
        writing.cancel()
        began = time.monotonic()
        await asyncio.wait([writing])
        await asyncio.gather(idle.close(), busy.close())
        await store.close()
        assert time.monotonic() - began < 6
        other = stores.new()
        with pytest.raises(RetryableError) as raised:
            await other.open("image", 0)
        assert raised.value.reason == "kafka_away"
        await other.close()

    try:
        run_alone(scenario())
    finally:
        broker.resume()
        broker.start()


def test_a_state_that_the_topic_does_not_take_is_told_with_the_setting(stores: TopicStores) -> None:
    async def scenario() -> None:
        store = stores.new()
        checkpoints, _ = await store.open("image", 0)
        await checkpoints.write({"images": 1}, {"a": b"1", "b": b"1"})
        with pytest.raises(FatalError, match=r"the state b has 4000\d\d bytes.*max\.message\.bytes") as raised:
            await checkpoints.write({"images": 2}, {"a": b"2", "b": os.urandom(400_000), "c": b"2"})
        assert raised.value.reason == "checkpoint_too_large"
        await store.close()
        other = stores.new()
        assert (await other.open("image", 0))[1] == Checkpoint(
            next_offsets={"images": 1}, states={"a": b"1", "b": b"1"}
        )
        await other.close()

    run_alone(scenario())


@pytest.mark.parametrize(("partition", "what"), [(2, "with a partition 2"), (0, "nowhere")])
def test_a_missing_topic_or_partition_is_told_with_the_command_that_makes_it(
    broker: KafkaServer, topic: str, partition: int, what: str
) -> None:
    async def scenario() -> None:
        name = topic if partition else "nowhere"
        store = TopicStores(kafka_settings(broker), {"image": name}).new()
        with pytest.raises(FatalError, match=f"{what}.*petawatch topics apply") as raised:
            await store.open("image", partition)
        assert raised.value.reason == "kafka_topic_missing"
        await store.close()

    run_alone(scenario())


def test_a_write_may_take_long_as_long_as_the_broker_answers(
    stores: TopicStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = AIOKafkaProducer.send

    async def slow(producer: AIOKafkaProducer, *arguments: object, **options: object) -> object:
        await asyncio.sleep(_PATIENCE_S / 2)
        return await original(producer, *arguments, **options)

    async def scenario() -> None:
        store = stores.new()
        checkpoints, _ = await store.open("image", 0)
        monkeypatch.setattr(AIOKafkaProducer, "send", slow)
        await checkpoints.write({"images": 1}, {"a": b"1", "b": b"1", "c": b"1"})
        await store.close()

    run_alone(scenario())


def test_a_reader_that_does_not_end_in_time_leaves_no_connection_open(
    stores: TopicStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[AIOKafkaConsumer] = []

    async def stop(reader: AIOKafkaConsumer) -> None:
        readers.append(reader)
        reader._closed = True
        await reader._coordinator.close()
        await reader._fetcher.close()
        await asyncio.Event().wait()

    async def scenario() -> None:
        monkeypatch.setattr(AIOKafkaConsumer, "stop", stop)
        assert await stores.kept("image", 0) == {}
        (reader,) = readers
        connections = reader._client._conns.values()
        assert [connection for connection in connections if connection.connected()] == []

    run_alone(scenario())
