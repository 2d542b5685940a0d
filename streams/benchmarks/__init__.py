"""The figures of speed and memory, one module each, by the name that the command line takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from streams.benchmarks.archive import ArchiveSize, first_cartridge, measure_archive
from streams.benchmarks.archive_store import ArchiveStoreSize, measure_archive_store
from streams.benchmarks.control_room import ControlRoomSize, measure_control_room
from streams.benchmarks.false_alarms import FalseAlarmSize, measure_false_alarms
from streams.benchmarks.figure import Figure
from streams.benchmarks.indexing import IndexingSize, measure_indexing
from streams.benchmarks.kernels import KernelSize, measure_kernels
from streams.benchmarks.latency import LatencySize, measure_latency
from streams.benchmarks.memory import MemorySize, measure_memory
from streams.benchmarks.reading import ReadingSize, measure_reading
from streams.benchmarks.throughput import ThroughputSize, measure_throughput
from streams.settings import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """What the command line says.

    Attributes
    ----------
    minutes
        Of load, for long benchmarks.
    false_alarms
        How many normal frames.
    config
        TOML file with settings, for those that need a broker or an object store or a cartridge, and for false alarms.
    """

    minutes: int = 60
    false_alarms: FalseAlarmSize = field(default_factory=FalseAlarmSize)
    config: Path | None = None


def _archive(options: BenchmarkOptions) -> Iterator[Figure]:
    yield from measure_archive(ArchiveSize(target=first_cartridge(options.config)))
    object_store = load_settings(options.config).object_store
    if object_store.access_key:
        yield from measure_archive_store(ArchiveStoreSize(), object_store)


def _wire(_: BenchmarkOptions) -> Iterator[Figure]:
    from streams.benchmarks.wire import WireSize, measure_wire  # noqa: PLC0415 - a laboratory has no Kafka libraries

    return measure_wire(WireSize())


def _kafka(options: BenchmarkOptions) -> Iterator[Figure]:
    from streams.benchmarks.kafka import KafkaSize, measure_kafka  # noqa: PLC0415 - as above

    return measure_kafka(KafkaSize(), options.config)


#: Every benchmark; gives its figures as they are measured.
BENCHMARKS: dict[str, Callable[[BenchmarkOptions], Iterator[Figure]]] = {
    "kernels": lambda _: measure_kernels(KernelSize()),
    "reading": lambda _: measure_reading(ReadingSize()),
    "throughput": lambda _: measure_throughput(ThroughputSize()),
    "latency": lambda _: measure_latency(LatencySize()),
    "memory": lambda options: measure_memory(MemorySize(minutes=options.minutes)),
    "control-room": lambda _: measure_control_room(ControlRoomSize()),
    "false-alarms": lambda options: measure_false_alarms(options.false_alarms, options.config),
    "archive": _archive,
    "indexing": lambda _: measure_indexing(IndexingSize()),
    "wire": _wire,
    "kafka": _kafka,
}
#: What these need beside the program; they run only when they are named.
NEEDS = {
    "control-room": "a minute, and a port for a console",
    "false-alarms": "half an hour of a core",
    "archive": "1 GB of disk, and 4 GB of a cartridge where one is set",
    "indexing": "minutes, and 2 GB of disk",
    "wire": "the development package blosc2",
    "kafka": "a broker",
}
