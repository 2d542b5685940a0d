"""Each benchmark at a tiny size: it runs, and gives figures with units."""

import math
from collections.abc import Iterable

import pytest

from servers.minio_server import MinioServer
from streams.benchmarks import BENCHMARKS, NEEDS
from streams.benchmarks.archive import ArchiveSize, measure_archive
from streams.benchmarks.archive_store import ArchiveStoreSize, measure_archive_store
from streams.benchmarks.control_room import ControlRoomSize, measure_control_room
from streams.benchmarks.cpu_seconds import CpuSeconds
from streams.benchmarks.figure import Figure, machine, median_figure
from streams.benchmarks.indexing import IndexingSize, measure_indexing
from streams.benchmarks.kernels import KernelSize, measure_kernels
from streams.benchmarks.latency import LatencySize, measure_latency
from streams.benchmarks.memory import MemorySize, measure_memory
from streams.benchmarks.reading import ReadingSize, measure_reading
from streams.benchmarks.throughput import ThroughputSize, measure_throughput
from tests.support.minio import keeper_client, store_settings


def _checked(figures: Iterable[Figure]) -> dict[str, Figure]:
    by_name = {}
    for figure in figures:
        assert figure.name not in by_name
        assert math.isfinite(figure.value)
        assert figure.unit
        if figure.spread is not None:
            assert figure.spread[0] <= figure.value <= figure.spread[1]
        by_name[figure.name] = figure
    return by_name


def test_every_kernel_has_its_wanted_figure() -> None:
    figures = _checked(measure_kernels(KernelSize(repeats=3)))
    assert {figure.wanted for figure in figures.values()} == {"", "0.3", "3", "5", "8", "20", "250", "5000"}
    assert all(0 < figure.value < 1e5 for figure in figures.values())
    whole = figures["camera stage: the whole scoring step"].value
    assert figures["the network alone"].value < whole


def test_reading_counts_all_records_of_both_kinds_of_files() -> None:
    figures = _checked(measure_reading(ReadingSize(repeats=2, hz=1.0)))
    assert len(figures) == 6
    assert sum("180 records" in name for name in figures) == 6


def test_indexing_reads_every_file_once() -> None:
    figures = _checked(measure_indexing(IndexingSize(files=30, shots=1, large_files=18, large_shots=1, repeats=1)))
    assert [figure.wanted for figure in figures.values()] == [">= 250", *[""] * 9]
    assert all(figure.value > 0 for figure in figures.values())


def test_bundles_are_measured_against_a_plain_copy() -> None:
    figures = _checked(measure_archive(ArchiveSize(files=2, file_mib=1, repeats=3)))
    assert [figure.wanted for figure in figures.values()] == ["", "", "", "", ">= 0.9"]
    assert all(figure.value > 0 for figure in figures.values())


def test_an_object_store_is_measured_against_the_bare_client(minio: MinioServer) -> None:
    size = ArchiveStoreSize(sizes_mib=((1, 1), (2,)), repeats=1)
    before = keeper_client(minio).list_buckets()
    figures = _checked(measure_archive_store(size, store_settings(minio)))
    assert [figure.wanted for figure in figures.values()] == ["", "", ">= 0.8"] * 2
    assert all(figure.value > 0 for figure in figures.values())
    assert len(keeper_client(minio).list_buckets()) == len(before)


def test_throughput_tells_whose_time_it_was() -> None:
    figures = _checked(measure_throughput(ThroughputSize(stages=1, minutes=2, hz=2.0)))
    images, records = figures["images a second, whole watch"], figures["records a second, whole watch"]
    assert 2.5 < records.value / images.value < 3.5
    assert images.wanted == ">= 2000"
    assert figures["processor time per image, cleaning and scoring"].value > 0


def test_latency_of_one_and_of_several_snapshots() -> None:
    figures = _checked(measure_latency(LatencySize(repeats=2, recorders=2)))
    assert [figure.wanted for figure in figures.values()] == ["", "<= 1", "<= 45", "<= 45", ""]
    assert all(figure.value > 0 for figure in figures.values())


def test_the_control_room_is_timed_from_the_file_to_the_wall() -> None:
    size = ControlRoomSize(rates_hz=(5.0,), faults=1, alerts=188, wall_s=1.0, exports=1)
    figures = _checked(measure_control_room(size))
    assert [figure.wanted for figure in figures.values()] == ["", "<= 1", "<= 1", "", "", "", "200", "200", "", ""]
    committed, announced, shown, *_ = (figure.value for figure in figures.values())
    assert 0 < committed <= announced < shown
    [incidents] = [figure for name, figure in figures.items() if name.endswith("cameras: incidents")]
    assert 1 <= incidents.value < 20
    assert all(figure.value > 0 for figure in figures.values())


def test_memory_is_that_of_the_watching_process() -> None:
    figures = _checked(measure_memory(MemorySize(minutes=2, recorders=2)))
    peak = figures["peak resident memory, 2 cameras"].value
    late = figures["least resident memory from 80% to 100% of 2 minutes, 2 cameras"].value
    assert 0.05 < late <= peak < 4
    assert "growth of memory over 2 minutes" not in figures  # says nothing yet


def test_processor_time_of_this_thread_is_counted_under_its_name() -> None:
    with CpuSeconds() as cpu:
        sum(number * number for number in range(300_000))
    assert 0 < cpu.by_thread["MainThread"] <= cpu.total + 0.02


def test_a_figure_as_json() -> None:
    figure = median_figure("reading", [0.3, 0.1, 0.2], unit="ms", per=1e3, wanted="250")
    document = figure.to_json()
    assert (document["value"], document["spread"]) == (pytest.approx(200), pytest.approx([100, 300]))
    assert {"cpu", "cores", "memory_gib", "python", "system"} == machine().keys()


def test_the_names_of_the_command() -> None:
    assert list(BENCHMARKS) == [
        "kernels",
        "reading",
        "throughput",
        "latency",
        "memory",
        "control-room",
        "false-alarms",
        "archive",
        "indexing",
        "wire",
        "kafka",
    ]
    assert set(NEEDS) < set(BENCHMARKS)
