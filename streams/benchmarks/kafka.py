"""The watch on Kafka: connector, broker and workers on this machine, from files to alerts.

It needs a broker (``make servers`` starts one), whose own work is on the same processors and in the figures.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.kafka.reader import TopicReader
from models.errors import FatalError
from streams.benchmarks import plain_loop, quix_loop
from streams.benchmarks.alert_receiver import AlertReceiver
from streams.benchmarks.facility_load import MINUTE_SHOTS, FacilityLoad
from streams.benchmarks.figure import Figure
from streams.drills.installation import TemporaryInstallation
from streams.processes.command_process import CommandProcess
from streams.topology import TopicName
from streams.warm_up import warm_up

# A camera scores from its 300th frame on: a first snapshot of so many shots prepares it.
_LEARNING_SHOTS = 330
_KINDS = 3
_QUIET_S = 0.5
_LOOK_EVERY_S = 0.02
_GIVE_UP_S = 300.0
#: Only a series' first snapshot waits for its turn, and the preparation teaches the roster; what is measured stays the
#: same.
_LIVE = {
    "PETAWATCH_SEQUENCE__REORDER_WAIT_S": "0.5",
    "PETAWATCH_SPOOL__SETTLE_S": "0.5",
    "PETAWATCH_JOIN__ROSTER_LEARNING_MS": "20000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSize:
    """How many recorders deliver how many minutes at 10 Hz, and how often a single snapshot is timed."""

    recorders: int = 8
    minutes: int = 6
    repeats: int = 60

    @property
    def images(self) -> int:
        """Of all minutes."""
        return self.recorders * self.minutes * MINUTE_SHOTS


def measure_kafka(size: KafkaSize, config: Path | None) -> Iterator[Figure]:
    """From file to results with one and two workers, latency, the connector alone, and Faust beside others."""
    warm_up()
    load = FacilityLoad()
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as temporary:
        folder = Path(temporary)
        for workers in (1, 2):
            yield from _throughput(load, folder / f"workers-{workers}", config, size, workers)
        yield from _latency(load, folder / "latency", config, size.repeats)
        yield from _runners(load, folder / "runners", config, size)


def _throughput(
    load: FacilityLoad, folder: Path, config: Path | None, size: KafkaSize, workers: int
) -> Iterator[Figure]:
    """A live connector and workers that have learned; then many files come at once."""
    aside, data = folder / "aside", folder / "data"
    data.mkdir(parents=True)
    first = [load.write(aside, recorder, 0, shots=_LEARNING_SHOTS) for recorder in range(size.recorders)]
    rest = [
        load.write(aside, recorder, minute)
        for minute in range(1, size.minutes + 1)
        for recorder in range(size.recorders)
    ]
    with TemporaryInstallation(folder, config, f"bench-{workers}", options=_LIVE) as installation:
        running = [installation.worker(number) for number in range(1, workers + 1)]
        connector = _live_connector(installation, data)
        _move(first, aside, data)
        prepared = size.recorders * _LEARNING_SHOTS * _KINDS
        installation.wait_until_recorded(prepared, _GIVE_UP_S, with_pending=True)
        time.sleep(2.0)
        before_s = {process.name: process.cpu_s for process in (*running, connector)}
        began_s = time.perf_counter()
        _move(rest, aside, data)
        installation.wait_until_recorded(prepared + size.images * _KINDS, _GIVE_UP_S)
        taken_s = time.perf_counter() - began_s
        cpu_s = {process.name: process.cpu_s - before_s[process.name] for process in (*running, connector)}
    what = f"Kafka, {workers} worker{'s' if workers > 1 else ''}, from file to results"
    yield Figure(name=f"{what}: images", value=size.images / taken_s, unit="images/s", wanted=">= 1500")
    yield Figure(name=f"{what}: records", value=size.images * _KINDS / taken_s, unit="records/s", wanted=">= 4500")
    for name, seconds in cpu_s.items():
        yield Figure(name=f"{what}: processor time per image, {name}", value=seconds / size.images * 1e3, unit="ms")


def _latency(load: FacilityLoad, folder: Path, config: Path | None, repeats: int) -> Iterator[Figure]:
    """Seconds from a snapshot's move into the folder to its alert at a webhook's receiver, on idle processes."""
    aside, data = folder / "aside", folder / "data"
    data.mkdir(parents=True)
    with AlertReceiver() as receiver:
        options = {**_LIVE, "PETAWATCH_WEBHOOK_URLS": f'["{receiver.url}"]'}
        with TemporaryInstallation(folder, config, "bench-latency", options=options) as installation:
            installation.worker()
            _live_connector(installation, data)
            _move([load.write(aside, 0, 0, shots=_LEARNING_SHOTS)], aside, data)
            installation.wait_until_recorded(_LEARNING_SHOTS * _KINDS, _GIVE_UP_S, with_pending=True)
            taken = []
            for minute in range(1, repeats + 1):
                path = load.write(aside, 0, minute, fault=True)
                time.sleep(_QUIET_S)
                dropped_s = time.perf_counter()
                _move([path], aside, data)
                taken.append(receiver.wait_for(load.relative_path(0, minute), _GIVE_UP_S) - dropped_s)
    taken.sort()
    what = "Kafka, file close to alert, one 600-image snapshot on an idle installation"
    spread = (taken[0], taken[-1])
    yield Figure(name=f"{what}, median of {repeats}", value=statistics.median(taken), unit="s", spread=spread)
    last = taken[math.ceil(0.99 * len(taken)) - 1]
    yield Figure(name=f"{what}, 99th percentile", value=last, unit="s", wanted="<= 1.5", spread=spread)


def _runners(load: FacilityLoad, folder: Path, config: Path | None, size: KafkaSize) -> Iterator[Figure]:
    """The connector alone, and then the image agent driven in three ways over the same messages."""
    data = folder / "data"
    for minute in range(size.minutes):
        for recorder in range(size.recorders):
            load.write(data, recorder, minute)
    programs = {"Faust": None, "a plain aiokafka loop": plain_loop.PROGRAM, "Quix Streams": quix_loop.PROGRAM}
    sending, rates, cpu_ms = [], {}, {}
    for place, (name, program) in enumerate(programs.items()):
        with TemporaryInstallation(folder / str(place), config, f"bench-runner-{place}") as installation:
            sending.append(_send_all(installation, data))
            rates[name], cpu_ms[name] = _drain(installation, program, size.images)
    wall_s, cpu_s = (statistics.median(values) for values in zip(*sending, strict=True))
    yield Figure(
        name="connector alone: images, with their records",
        value=size.images / wall_s,
        unit="images/s",
        wanted=">= 1500",
    )
    yield Figure(name="connector alone: images per second of one core", value=size.images / cpu_s, unit="images/s")
    for name in programs:
        yield Figure(name=f"image agent alone, driven by {name}", value=rates[name], unit="images/s")
        yield Figure(name=f"image agent alone, driven by {name}: processor time", value=cpu_ms[name], unit="ms/image")
    for name in list(programs)[1:]:
        value = cpu_ms["Faust"] / cpu_ms[name]
        yield Figure(name=f"processor time with Faust over that with {name}", value=value, unit="")


def _send_all(installation: TemporaryInstallation, data: Path) -> tuple[float, float]:
    """Seconds and processor seconds that the connector takes for a folder, without its own start."""
    with TopicReader(installation.settings.kafka, installation.name) as reader:
        connector = installation.connect(data)
        began_s, before_s = _wait_for_messages(reader, TopicName.IMAGES, 1, connector)
        cpu_s = before_s
        while connector.running:
            cpu_s = max(cpu_s, connector.cpu_s)
            time.sleep(_LOOK_EVERY_S)
        return time.perf_counter() - began_s, cpu_s - before_s


def _drain(installation: TemporaryInstallation, program: str | None, images: int) -> tuple[float, float]:
    """Images a second, and milliseconds of processor time per image, once it has begun."""
    with TopicReader(installation.settings.kafka, installation.name) as reader:
        blocks = sum(reader.end_offsets([TopicName.IMAGES]).values())
        if program is None:
            process = installation.worker(1, agents="image")
        else:
            process = installation.start(["image-agent"], program=program)
        # The first messages pay for loading and for what is compiled.
        part = max(1, blocks // 10)
        began_s, before_s = _wait_for_messages(reader, TopicName.SCORED, part, process)
        ended_s, after_s = _wait_for_messages(reader, TopicName.SCORED, blocks, process)
    counted = images * (blocks - part) / blocks
    return counted / (ended_s - began_s), (after_s - before_s) / counted * 1e3


def _wait_for_messages(
    reader: TopicReader, topic: TopicName, number: int, process: CommandProcess
) -> tuple[float, float]:
    """When a topic held so many messages, and the process's processor time then."""
    give_up_s = time.perf_counter() + _GIVE_UP_S
    while sum(reader.end_offsets([topic]).values()) < number:
        if time.perf_counter() > give_up_s or process.failed:
            raise FatalError(f"{process.name} did not get on: {process.tail()}", reason="benchmark")
        time.sleep(_LOOK_EVERY_S)
    return time.perf_counter(), process.cpu_s


def _live_connector(installation: TemporaryInstallation, data: Path) -> CommandProcess:
    return installation.start(["connect", data, "--state", installation.folder / "journal"], log="connector")


def _move(paths: list[Path], aside: Path, data: Path) -> None:
    for path in paths:
        (data / path.relative_to(aside)).parent.mkdir(parents=True, exist_ok=True)
    for path in paths:
        path.replace(data / path.relative_to(aside))
