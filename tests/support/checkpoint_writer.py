"""A process that writes checkpoints until another one takes the partition over; it is stopped and killed by tests.

Every checkpoint has the same number in all its states and as its offset.
"""

import asyncio
import json
import sys
from pathlib import Path

from connectors.checkpoints.directory import DirectoryCheckpointStore
from connectors.checkpoints.store import CheckpointStore, FencedError
from connectors.checkpoints.topic import TopicCheckpointStore
from connectors.kafka.settings import KafkaSettings

KEYS = ("a", "b", "c", "d")


def store_of(place: dict[str, str]) -> CheckpointStore:
    """The store that a test describes in words that pass through a command line."""
    if "folder" in place:
        return DirectoryCheckpointStore(Path(place["folder"]), "test")
    settings = KafkaSettings(bootstrap_servers=place["server"])
    return TopicCheckpointStore(settings, {"image": place["topic"]}, place["topic"])


def states_of(number: int) -> dict[str, bytes]:
    """Of one checkpoint; large enough that a death comes in the middle of writing them."""
    return {key: number.to_bytes(8, "big") * 5_000 for key in KEYS}


async def _write(place: dict[str, str]) -> None:
    store = store_of(place)
    checkpoints, checkpoint = await store.open("image", 0)
    number = checkpoint.next_offsets.get("images", 0)
    print("opened", number, flush=True)  # noqa: T201 - read by the test
    try:
        while True:
            number += 1
            await checkpoints.write({"images": number}, states_of(number))
            print("written", number, flush=True)  # noqa: T201
    except FencedError:
        print("fenced", number, flush=True)  # noqa: T201
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(_write(json.loads(sys.argv[1])))
