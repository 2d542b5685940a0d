"""The image agent driven by nothing but an aiokafka consumer and producer: what Faust is compared with.

Like the worker it scores on a thread and saves checkpoints to the compacted topic; it has no group, no flow control, no
watchdog, and it survives nothing.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from connectors.checkpoints.store import PartitionCheckpoints
from connectors.clock import SystemClock
from connectors.kafka.client_options import client_options
from connectors.model_files import default_model
from connectors.wire.message import Incoming
from streams.agents.device_task import DeviceTask
from streams.agents.partition_run import PartitionRun
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.settings import Settings, load_settings
from streams.stage_factory import stage_factory
from streams.topology import AgentName, TopicName

#: The program of a process that runs the loop until it is killed.
PROGRAM = "import sys; from streams.benchmarks.plain_loop import main; main(sys.argv[1:])"
_BATCH = 32
_WAIT_MS = 20


def main(arguments: list[str]) -> None:
    """Run with ``--config FILE`` or without."""
    asyncio.run(_Loop(settings_of(arguments)).run())


def settings_of(arguments: list[str]) -> Settings:
    """The settings that a loop's arguments name."""
    return load_settings(Path(arguments[arguments.index("--config") + 1]) if "--config" in arguments else None)


def image_runs(settings: Settings) -> Callable[[], PartitionRun]:
    """Makes the image agent's work on one partition after another, with the shipped model, as a worker does."""
    make_stage = stage_factory(settings, default_model())
    return lambda: PartitionRun(lambda: DeviceTask(make_stage), AgentName.IMAGE, SystemClock())


class _Loop:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topics.full_name(TopicName.IMAGES)
        self._runs: dict[int, tuple[PartitionRun, PartitionCheckpoints]] = {}
        self._thread = ThreadPoolExecutor(1)

    async def run(self) -> None:
        """Work on all partitions until the process is killed."""
        options = client_options(self._settings.kafka)
        consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, max_partition_fetch_bytes=8 << 20)
        producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True)
        await consumer.start()
        await producer.start()
        store = open_checkpoint_store(self._settings.checkpoints, self._settings.kafka, self._settings.topics)
        partitions = range(self._settings.topics.image_partitions)
        make_run = image_runs(self._settings)
        for number in partitions:
            run = make_run()
            checkpoints, checkpoint = await store.open(AgentName.IMAGE, number)
            run.start(checkpoint)
            self._runs[number] = run, checkpoints
        consumer.assign([TopicPartition(self._topic, number) for number in partitions])
        await consumer.seek_to_beginning()
        for number, (run, _) in self._runs.items():
            if (offset := run.next_offsets.get(TopicName.IMAGES)) is not None:
                consumer.seek(TopicPartition(self._topic, number), offset)
        await self._work_on(consumer, producer)

    async def _work_on(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        loop = asyncio.get_running_loop()
        saved_s = time.monotonic()
        while True:
            fetched = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_BATCH)
            for place, records in fetched.items():
                run, _ = self._runs[place.partition]
                messages = [_incoming(record) for record in records]
                outputs = await loop.run_in_executor(self._thread, run.work, messages)
                for output in outputs:
                    name = self._settings.topics.full_name(TopicName(output.topic))
                    await producer.send(name, output.value, output.key, headers=list(output.headers))
            if time.monotonic() - saved_s > self._settings.checkpoints.every_s:
                await producer.flush()
                for run, checkpoints in self._runs.values():
                    if changed := await loop.run_in_executor(self._thread, run.take_changed):
                        await checkpoints.write(run.next_offsets, changed)
                saved_s = time.monotonic()


def _incoming(record: Any) -> Incoming:
    return Incoming(
        topic=TopicName.IMAGES,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
        timestamp_ms=record.timestamp,
    )
