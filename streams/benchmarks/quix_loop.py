"""The image agent driven by Quix Streams: what Faust is compared with.

Quix commits offsets by itself and knows no checkpoints of ours: it saves no states here.
"""

import warnings
from typing import Any

from connectors.kafka.client_options import bootstrap_servers
from connectors.wire.message import Incoming
from streams.agents.partition_run import PartitionRun
from streams.benchmarks.plain_loop import image_runs, settings_of
from streams.topology import TopicName

#: The program of a process that runs the loop until it is killed.
PROGRAM = "import sys; from streams.benchmarks.quix_loop import main; main(sys.argv[1:])"


def main(arguments: list[str]) -> None:
    """Run with ``--config FILE`` or without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that Quix imports
        from quixstreams import Application, message_context  # noqa: PLC0415 - only where it is measured
    settings = settings_of(arguments)
    application = Application(
        broker_address=",".join(bootstrap_servers(settings.kafka)),
        consumer_group=f"{settings.topics.installation}.quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="WARNING",
        consumer_extra_config={"fetch.max.bytes": 16 << 20},
    )
    source = application.topic(
        settings.topics.full_name(TopicName.IMAGES), value_deserializer="bytes", key_deserializer="bytes"
    )
    producer = application.get_producer()
    make_run = image_runs(settings)
    runs: dict[int, PartitionRun] = {}

    def work(value: bytes, key: bytes, timestamp: int, headers: list[tuple[str, bytes]] | None) -> None:
        context = message_context()
        if context.partition not in runs:
            runs[context.partition] = make_run()
        message = Incoming(
            topic=TopicName.IMAGES,
            partition=context.partition,
            offset=context.offset,
            key=key,
            value=value,
            headers=tuple(headers or ()),
            timestamp_ms=timestamp,
        )
        for output in runs[context.partition].work([message]):
            name = settings.topics.full_name(TopicName(output.topic))
            sent: dict[str, Any] = {"key": output.key, "value": output.value, "headers": list(output.headers)}
            producer.produce(name, **sent)
        producer.poll(0)

    frame = application.dataframe(source)
    frame.update(work, metadata=True)
    application.run()
