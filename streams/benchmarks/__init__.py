"""The figures of speed and memory, one module each, by the name that the command line takes."""

from collections.abc import Callable, Iterator

from streams.benchmarks.figure import Figure
from streams.benchmarks.kernels import KernelSize, measure_kernels
from streams.benchmarks.latency import LatencySize, measure_latency
from streams.benchmarks.memory import MemorySize, measure_memory
from streams.benchmarks.reading import ReadingSize, measure_reading
from streams.benchmarks.throughput import ThroughputSize, measure_throughput

#: Every benchmark: takes the minutes of load for long ones, gives its figures as they are measured.
BENCHMARKS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "kernels": lambda _: measure_kernels(KernelSize()),
    "reading": lambda _: measure_reading(ReadingSize()),
    "throughput": lambda _: measure_throughput(ThroughputSize()),
    "latency": lambda _: measure_latency(LatencySize()),
    "memory": lambda minutes: measure_memory(MemorySize(minutes=minutes)),
}
