"""The figures of speed and memory, one module each, by the name that the command line takes."""

from collections.abc import Callable, Iterator

from streams.benchmarks.figure import Figure

#: Every benchmark: takes the minutes of load for long ones, gives its figures as they are measured.
BENCHMARKS: dict[str, Callable[[int], Iterator[Figure]]] = {}
