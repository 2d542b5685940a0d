"""One suite against both stores of checkpoints: the folder and the compacted topic."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.checkpoints import document
from connectors.checkpoints.document import MIGRATIONS, slot_name
from connectors.checkpoints.store import Checkpoint, FencedError, PartitionCheckpoints
from models.errors import FatalError
from servers.kafka_server import KafkaServer
from tests.support.checkpoint_stores import DirectoryStores, Stores, TopicStores, dies_at
from tests.support.crashes import Crash
from tests.support.kafka import kafka_settings, make_topic, own_installation

_EAGER_COMPACTION = {
    "cleanup.policy": "compact",
    "segment.bytes": str(4 << 20),
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "1000",
}


@pytest.fixture(params=["directory", "topic"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """A kind of store."""
    if request.param == "directory":
        return DirectoryStores(tmp_path)
    server: KafkaServer = request.getfixturevalue("kafka")
    name = make_topic(server, own_installation("checkpoints").installation, 3, _EAGER_COMPACTION)
    return TopicStores(kafka_settings(server), {"image": name, "join": name})


@asynccontextmanager
async def opened(
    stores: Stores, agent: str = "image", partition: int = 0
) -> AsyncIterator[tuple[PartitionCheckpoints, Checkpoint]]:
    """A partition in the hands of another process."""
    store = stores.new()
    try:
        yield await store.open(agent, partition)
    finally:
        await store.close()


async def loaded(stores: Stores, agent: str = "image", partition: int = 0) -> Checkpoint:
    async with opened(stores, agent, partition) as (_, checkpoint):
        return checkpoint


async def written(stores: Stores, *writes: tuple[int, Mapping[str, bytes]]) -> None:
    async with opened(stores) as (checkpoints, _):
        for offset, changed in writes:
            await checkpoints.write({"images": offset}, changed)


async def damage(stores: Stores, name: str) -> None:
    content = (await stores.kept("image", 0))[name]
    middle = len(content) // 2
    await stores.put("image", 0, name, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


async def test_the_first_checkpoint_is_empty(stores: Stores) -> None:
    assert await loaded(stores) == Checkpoint()
    assert await loaded(stores) == Checkpoint()


async def test_what_was_written_is_read_back_and_only_changes_are_written(stores: Stores) -> None:
    await written(stores, (10, {"a": b"a1", "b": b"b1"}), (20, {"a": b"a2"}), (30, {}), (40, {"c": b"\x00c"}))
    expected = Checkpoint(next_offsets={"images": 40}, states={"a": b"a2", "b": b"b1", "c": b"\x00c"})
    assert await loaded(stores) == expected
    await written(stores, (50, {"a": b"a3"}))
    assert await loaded(stores) == Checkpoint(
        next_offsets={"images": 50}, states={"a": b"a3", "b": b"b1", "c": b"\x00c"}
    )


async def test_reading_disturbs_nobody(stores: Stores) -> None:
    reader = stores.new()
    assert await reader.read("image", 0) == Checkpoint()
    async with opened(stores) as (owner, _):
        assert await reader.read("image", 0) == Checkpoint()
        for offset in (1, 2, 3):
            await owner.write({"images": offset}, {"a": b"%d" % offset})
            before = await stores.kept("image", 0)
            assert await reader.read("image", 0) == Checkpoint(
                next_offsets={"images": offset}, states={"a": b"%d" % offset}
            )
            assert await stores.kept("image", 0) == before
    assert (await loaded(stores)).next_offsets == {"images": 3}
    await reader.close()


async def test_an_empty_state_removes_its_key_and_its_slots_go(stores: Stores) -> None:
    await written(stores, (1, {"a": b"1", "b": b"1"}), (2, {"a": b"2"}), (3, {"a": b""}))
    assert (await loaded(stores)).states == {"b": b"1"}
    await written(stores, (4, {"b": b"2"}), (5, {"b": b"3"}))
    assert not [name for name in await stores.kept("image", 0) if name.startswith("a")]
    await written(stores, (6, {"a": b"again"}))
    assert (await loaded(stores)).states == {"a": b"again", "b": b"3"}


@pytest.mark.parametrize("key", ["position-0", "LA_A3_31-Camera_1", "a/../b#0", "é 雷射" * 20, "owner", ".", "x" * 200])
async def test_any_key_will_do(stores: Stores, key: str) -> None:
    await written(stores, (1, {key: b"1", "a": b"1"}), (2, {key: b"2"}))
    assert (await loaded(stores)).states == {key: b"2", "a": b"1"}


async def test_a_takeover_shuts_out_the_former_owner(stores: Stores) -> None:
    async with opened(stores) as (former, _):
        await former.write({"images": 1}, {"a": b"1"})
        async with opened(stores) as (owner, checkpoint):
            assert checkpoint.states == {"a": b"1"}
            before = await stores.kept("image", 0)
            for _ in range(2):
                with pytest.raises(FencedError):
                    await former.write({"images": 7}, {"a": b"wrong", "b": b"wrong"})
            assert await stores.kept("image", 0) == before
            await owner.write({"images": 2}, {"a": b"2"})
            with pytest.raises(FencedError):
                await former.write({"images": 8}, {"a": b"wrong"})
    assert await loaded(stores) == Checkpoint(next_offsets={"images": 2}, states={"a": b"2"})


async def test_a_former_owner_is_shut_out_before_the_new_one_writes_anything(stores: Stores) -> None:
    async with opened(stores) as (former, _), opened(stores) as (owner, _):
        with pytest.raises(FencedError):
            await former.write({"images": 7}, {"a": b"wrong"})
        await owner.write({"images": 1}, {"a": b"1"})
    assert (await loaded(stores)).states == {"a": b"1"}


async def test_of_many_that_take_over_at_once_one_is_the_owner(stores: Stores) -> None:
    await written(stores, (1, {"a": b"1"}))
    processes = [stores.new() for _ in range(4)]
    results = await asyncio.gather(*(store.open("image", 0) for store in processes), return_exceptions=True)
    successes = 0
    for number, result in enumerate(results):
        if isinstance(result, BaseException):
            assert isinstance(result, FencedError | Exception)
            continue
        with contextlib.suppress(FencedError):
            await result[0].write({"images": 10 + number}, {"a": b"%d" % number})
            successes += 1
            last = number
    assert successes == 1
    assert await loaded(stores) == Checkpoint(next_offsets={"images": 10 + last}, states={"a": b"%d" % last})
    await asyncio.gather(*(store.close() for store in processes))


async def test_partitions_and_agents_are_apart(stores: Stores) -> None:
    async with opened(stores, partition=1) as (one, _), opened(stores, partition=2) as (other, _):
        await one.write({"images": 1}, {"a": b"one"})
        await other.write({"images": 2}, {"a": b"other"})
        await one.write({"images": 3}, {"b": b"one"})
    assert await loaded(stores, partition=0) == Checkpoint()
    assert await loaded(stores, partition=1) == Checkpoint(
        next_offsets={"images": 3}, states={"a": b"one", "b": b"one"}
    )
    assert await loaded(stores, partition=2) == Checkpoint(next_offsets={"images": 2}, states={"a": b"other"})


async def test_a_death_between_any_two_steps_of_a_write_leaves_one_of_the_two(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(stores, (1, {"a": b"1", "b": b"1", "gone": b"1"}))
    before = await loaded(stores)
    deaths = 0
    for step in stores.steps:
        for times in range(1, 30):
            after = Checkpoint(next_offsets={"images": 100 + deaths}, states={"a": b"%d" % deaths, "b": b"new"})
            async with opened(stores) as (checkpoints, _):
                with dies_at(monkeypatch, step, times):
                    try:
                        await checkpoints.write(after.next_offsets, {**after.states, "gone": b""})
                    except Crash:
                        deaths += 1
                    else:
                        break
            found = await loaded(stores)
            assert found in {"before": before, "after": after}.values(), (step, times)
            before = found
        before = await loaded(stores)
        await written(stores, (50, {"gone": b"back"}))
        before = await loaded(stores)
    assert deaths >= 5


async def test_a_death_while_taking_over_loses_nothing(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(stores, (1, {"a": b"1"}), (2, {"a": b"2", "b": b"2"}))
    deaths = 0
    for step in (*stores.steps, "os.link"):
        for times in range(1, 20):
            store = stores.new()
            with dies_at(monkeypatch, step, times):
                try:
                    await store.open("image", 0)
                except Crash:
                    deaths += 1
                else:
                    await store.close()
                    break
            assert (await loaded(stores)) == Checkpoint(next_offsets={"images": 2}, states={"a": b"2", "b": b"2"})
    assert deaths >= 2


@pytest.mark.parametrize("name", ["position-1", slot_name("a", 0), slot_name("b", 0)])
async def test_a_damaged_checkpoint_falls_back_to_the_one_before(stores: Stores, name: str) -> None:
    # Generations 0 (empty), 1, 2, 3: the latest document is position-1, the latest states lie in the slots 0.
    writes = [(n, {"a": b"state a %d" % n, "b": b"state b %d" % n}) for n in (11, 12, 13)]
    await written(stores, *writes)
    await damage(stores, name)
    checkpoint = await loaded(stores)
    assert checkpoint.next_offsets == {"images": 12}
    assert checkpoint.states == writes[1][1]
    assert "agent image, partition 0" in checkpoint.fell_back
    assert "offset 12 of images" in checkpoint.fell_back
    # The next write makes it whole again.
    await written(stores, (14, {"a": b"state a 14"}))
    assert await loaded(stores) == Checkpoint(
        next_offsets={"images": 14}, states={"a": b"state a 14", "b": b"state b 12"}
    )


@pytest.mark.parametrize("name", ["position-1", slot_name("a", 0)])
async def test_what_is_missing_is_damaged(stores: Stores, name: str) -> None:
    await written(stores, (1, {"a": b"1"}), (2, {"a": b"2"}), (3, {"a": b"3"}))
    await stores.put("image", 0, name, None)
    checkpoint = await loaded(stores)
    assert (checkpoint.next_offsets, checkpoint.states) == ({"images": 2}, {"a": b"2"})
    assert checkpoint.fell_back


async def test_the_very_first_checkpoint_falls_back_to_the_beginning(stores: Stores) -> None:
    await written(stores, (1, {"a": b"1"}))
    await damage(stores, slot_name("a", 0))
    checkpoint = await loaded(stores)
    assert (checkpoint.next_offsets, checkpoint.states) == ({}, {})
    assert "the beginning" in checkpoint.fell_back


@pytest.mark.parametrize(
    "names", [("position-0", "position-1"), (slot_name("a", 0), slot_name("a", 1)), ("position-1", slot_name("a", 1))]
)
async def test_two_damaged_checkpoints_are_too_many(stores: Stores, names: tuple[str, ...]) -> None:
    await written(stores, *((n, {"a": b"state %d" % n}) for n in (1, 2, 3)))
    for name in names:
        await damage(stores, name)
    for _ in range(2):
        with pytest.raises(FatalError, match=r"neither the latest checkpoint of agent image, partition 0") as raised:
            await loaded(stores)
        assert raised.value.reason == "checkpoint_damaged"


async def test_a_state_that_never_changes_is_in_both(stores: Stores) -> None:
    await written(stores, (1, {"a": b"1", "still": b"water"}), (2, {"a": b"2"}), (3, {"a": b"3"}))
    await damage(stores, slot_name("still", 0))
    with pytest.raises(FatalError):
        await loaded(stores)


async def test_a_checkpoint_of_a_newer_format_is_refused(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(document, "FORMAT", document.FORMAT + 1)
        await written(stores, (1, {"a": b"1"}))
    with pytest.raises(
        FatalError, match=r"a newer Petawatch wrote the checkpoint of agent image, partition 0"
    ) as raised:
        await loaded(stores)
    assert raised.value.reason == "checkpoint_too_new"


async def test_a_checkpoint_of_an_older_format_is_migrated(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    await written(stores, (1, {"a": b"1"}), (2, {"a": b"2"}))

    def migrate(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "next_offsets": {f"new-{topic}": at for topic, at in content["next_offsets"].items()}}

    monkeypatch.setitem(MIGRATIONS, document.FORMAT, migrate)
    monkeypatch.setattr(document, "FORMAT", document.FORMAT + 1)
    assert await loaded(stores) == Checkpoint(next_offsets={"new-images": 2}, states={"a": b"2"})
    await written(stores, (3, {}))
    assert (await loaded(stores)).next_offsets == {"images": 3}
    documents = [content for name, content in (await stores.kept("image", 0)).items() if name == "position-1"]
    assert documents[0].startswith(b"petawatch-checkpoint %d " % document.FORMAT)
    assert json.loads(documents[0].partition(b"\n")[2])["next_offsets"] == {"images": 3}


async def test_many_generations_take_no_more_room_than_two(stores: Stores) -> None:
    noise = os.urandom(100_000)
    states = {f"device-{n}": noise for n in range(3)}
    async with opened(stores) as (checkpoints, _):
        for generation in range(60):
            changed = {f"device-{generation % 3}": noise[generation:]}
            states.update(changed)
            await checkpoints.write({"images": generation}, {**(states if generation == 0 else {}), **changed})
    assert len(await stores.kept("image", 0)) <= 8
    assert await loaded(stores) == Checkpoint(next_offsets={"images": 59}, states=states)


async def test_many_large_states(stores: Stores) -> None:
    states = {f"camera-{n}": os.urandom(200_000) for n in range(50)}
    await written(stores, (1, states))
    assert await loaded(stores) == Checkpoint(next_offsets={"images": 1}, states=states)


async def test_a_write_after_a_close_of_another_partition_goes_on(stores: Stores) -> None:
    store = stores.new()
    first, _ = await store.open("image", 0)
    second, _ = await store.open("image", 1)
    await first.close()
    await second.write({"images": 1}, {"a": b"1"})
    await store.close()
    assert (await loaded(stores, partition=1)).states == {"a": b"1"}
