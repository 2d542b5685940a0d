"""A worker whose agent only counts: ``python -m tests.support.counting_worker CONFIG INSTANCE``.

The value of a message is a number; the task keeps the sum of each key and sends it on. ``poison`` breaks the task in
the middle of its work, ``refuse`` is bad input.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from connectors.clock import SystemClock
from connectors.wire.codec import ORIGIN_HEADER
from connectors.wire.message import Incoming, Outgoing
from models.errors import PetawatchError, RecordError
from streams.agents.task import Standing
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.facility.facility_metrics import WorkerMetrics
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from streams.topology import AgentName, TopicName
from streams.worker.facility_worker import FacilityWorker, WorkerIdentity


class CountingTask:
    """Keeps the sum and the number of messages of every key."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self._pause_s = pause_s
        self._sums: dict[str, tuple[int, int]] = {}
        self._changed: set[str] = set()
        self.standing = Standing()

    def restore(self, states: Mapping[str, bytes]) -> None:
        for key, data in states.items():
            total, count = data.split()
            self._sums[key] = int(total), int(count)

    def process(self, message: Incoming) -> list[Outgoing]:
        key, value = (message.key or b"").decode(), message.value or b""
        if value == b"refuse":
            raise RecordError("it says so", reason="refused_by_test")
        total, count = self._sums.get(key, (0, 0))
        if value == b"poison":
            self._sums[key] = -1, -1  # left in the middle of its work
            raise ValueError("poison")
        SystemClock().sleep(self._pause_s)
        self._sums[key] = total + int(value), count + 1
        self._changed.add(key)
        origin = f"{message.topic}/{message.partition}/{message.offset}/0".encode()
        sums = b"%s %d %d" % (key.encode(), *self._sums[key])
        return [Outgoing(topic=TopicName.SCORED, key=key.encode(), value=sums, headers=((ORIGIN_HEADER, origin),))]

    def take_changed(self) -> dict[str, bytes]:
        changed, self._changed = self._changed, set()
        return {key: b"%d %d" % self._sums[key] for key in changed}


def main(config: Path, instance: str, pause_s: float = 0.0) -> None:
    settings = load_settings(config)
    clock = SystemClock()

    def tell(sentence: str) -> None:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()

    def end_at_once(sentence: str) -> None:
        tell(sentence)
        os._exit(3)

    worker = FacilityWorker(
        settings,
        WorkerIdentity(group=f"{settings.topics.installation}.worker.energy", instance=instance, client_id="counting"),
        tasks={AgentName.ENERGY: lambda: CountingTask(pause_s)},
        open_recorder=None,
        open_store=lambda: open_checkpoint_store(settings.checkpoints, settings.kafka, settings.topics),
        limits={},
        metrics=WorkerMetrics(WatchMetrics(clock), clock, [AgentName.ENERGY]),
        clock=clock,
        tell=tell,
        end_at_once=end_at_once,
    )

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await worker.run(stop, lambda: tell("started"))

    try:
        asyncio.run(run())
    except PetawatchError as error:
        tell(f"{error.reason}: {error}")
        os._exit(1)
    tell("ended")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
