"""What the watch raises for nothing: hours of normal records, made in memory and scored as they come."""

import math
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from connectors.beam_library import load_beam_shapes
from connectors.model_files import default_model
from dashboards.progress import progress_bar
from models.alerts.alert import Alert, AlertChange
from models.device_stage import DeviceOutput
from models.devices import RecordKind
from models.errors import FatalError
from models.evaluation import EventRate, Rate
from models.event_time import format_iso
from models.records import SourceReference
from models.results import Scoring
from models.simulation.laser import LaserSimulator
from models.simulation.settings import SIMULATED_STAGES, ShapeSet, SimulationSettings
from streams.benchmarks.figure import Figure
from streams.settings import load_settings
from streams.stage_factory import stage_factory

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

_SHIFT_HOURS = 12.0
_SHIFT_MINUTES = 720
_WANTED_SHIFTS = 10
# The frames of a camera are those of one simulated day; its first minute has no beam.
_LONGEST_MINUTES = 24 * 60 - 1
_BLOCK_RECORDS = 32
# Scores from which frames are counted, to compare with the probability that a score promises.
_SCORES = (3.0, 4.0, 5.0)
# What the device and its records are called.
_WORDS = {
    RecordKind.CAMERA: ("camera", "frame"),
    RecordKind.ENERGY_METER: ("meter", "shot"),
    RecordKind.SPECTROMETER: ("spectrometer", "spectrum"),
}
_PROGRESS_SECONDS = 1.0
#: The kinds of devices whose false alarms can be measured, by name.
SCORED_KINDS = {kind.value: kind for kind in _WORDS}
_minutes_done: "Synchronized[int]"  # of all cameras; only in the processes of the pool
# Nothing is read from this file: blocks must come from somewhere.
_SOURCE = SourceReference(file="in memory", sha256="0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmSize:
    """How much is watched.

    Attributes
    ----------
    camera_shifts
        Cameras times the time that each is watched, in shifts of 12 hours.
    cameras
        Over how many cameras the time is spread; 0: one for each shift begun. Each has one of the proof shapes.
    kind
        Of the devices: whatever is said of cameras holds for meters and spectrometers, too.
    seed
        Another one makes other cameras: runs with several seeds may be added up.
    hz
        Shots per second.
    processes
        0: as many as there are processor cores.
    """

    camera_shifts: float = 10.0
    cameras: int = 0
    seed: int = 101
    hz: float = 10.0
    processes: int = 0
    kind: RecordKind = RecordKind.CAMERA

    def __post_init__(self) -> None:
        if not (math.isfinite(self.camera_shifts) and self.camera_shifts > 0 and self.cameras >= 0):
            raise FatalError("camera-shifts must be above 0 and cameras not below it", reason="benchmark")
        if self.minutes > _LONGEST_MINUTES:
            raise FatalError(
                f"{self.used_cameras} cameras would be watched for {self.minutes} minutes each, more than a day; "
                "give more cameras or fewer camera-shifts",
                reason="benchmark",
            )

    @property
    def used_cameras(self) -> int:
        """Over how many cameras the time is spread."""
        return self.cameras or math.ceil(self.camera_shifts)

    @property
    def minutes(self) -> int:
        """Minutes with beam of each camera."""
        return math.ceil(self.camera_shifts * _SHIFT_MINUTES / self.used_cameras)

    def simulation(self, camera: int = 0) -> SimulationSettings:
        """The run that the records of a camera are taken from; cameras are spread over the stages.

        A stage has one meter and one spectrometer: further ones are those of further seeds.
        """
        stages = min(self.used_cameras, len(SIMULATED_STAGES))
        cameras = self.kind is RecordKind.CAMERA
        return SimulationSettings(
            minutes=1 + self.minutes,
            stages=stages,
            cameras_per_stage=math.ceil(self.used_cameras / stages) if cameras else 1,
            hz=self.hz,
            seed=self.seed if cameras else self.seed + camera // stages,
            faults=False,
            shapes=ShapeSet.PROOF,
            start_minute_of_day=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted of normal frames.

    Attributes
    ----------
    frames, scored, anomalous
        All frames; those that got a score; those that were said to be odd.
    episodes
        Alerts that opened, as they were then.
    beyond
        Frames with at least the scores 3, 4 and 5.
    """

    frames: int = 0
    scored: int = 0
    anomalous: int = 0
    episodes: tuple[Alert, ...] = ()
    beyond: tuple[int, ...] = (0,) * len(_SCORES)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            frames=self.frames + other.frames,
            scored=self.scored + other.scored,
            anomalous=self.anomalous + other.anomalous,
            episodes=self.episodes + other.episodes,
            beyond=tuple(one + another for one, another in zip(self.beyond, other.beyond, strict=True)),
        )

    @classmethod
    def of(cls, output: DeviceOutput) -> Self:
        """What a block of frames gave."""
        rows = output.scored
        scored = rows.scoring == Scoring.SCORED
        return cls(
            frames=len(scored),
            scored=int(np.count_nonzero(scored)),
            anomalous=int(np.count_nonzero(rows.anomalous)),
            episodes=tuple(event.alert for event in output.alerts if event.change is AlertChange.OPENED),
            beyond=tuple(int(np.count_nonzero(rows.score[scored] >= score)) for score in _SCORES),
        )


def measure_false_alarms(size: FalseAlarmSize, config: Path | None = None) -> Iterator[Figure]:
    """False episodes and false positives per frame, each with its exact 95 % interval as the range.

    The frames go straight into the stages of cameras, with the shipped model; each camera is one piece of work of a
    process of its own.

    Parameters
    ----------
    size
        How much is watched.
    config
        TOML file with the settings of the cameras; None for the defaults.
    """
    load_settings(config)  # a mistake in it is told before any process starts
    tally, waiting = Tally(), set[Future[Tally]]()
    context = multiprocessing.get_context("spawn")
    minutes_done = context.Value("q", 0)
    processes = min(size.processes or len(os.sched_getaffinity(0)), size.used_cameras)
    with (
        ProcessPoolExecutor(processes, context, _share_progress, (minutes_done,)) as pool,
        progress_bar("minutes of normal records") as advance,
    ):
        waiting = {pool.submit(_watch_camera, size, camera, config) for camera in range(size.used_cameras)}
        while waiting:
            finished, waiting = wait(waiting, timeout=_PROGRESS_SECONDS)
            advance(minutes_done.value, size.used_cameras * size.minutes)
            tally = sum((future.result() for future in finished), tally)
    yield from _figures(tally, size)


def tallies(size: FalseAlarmSize, camera: int, config: Path | None) -> Iterator[Tally]:
    """What one camera gives, minute by minute."""
    simulator = LaserSimulator(size.simulation(camera), load_beam_shapes())
    stage_index, number = camera % len(simulator.stages), camera // len(simulator.stages)
    devices = [device for device in simulator.devices(stage_index) if device.kind is size.kind]
    device = devices[number] if size.kind is RecordKind.CAMERA else devices[0]
    stage = stage_factory(load_settings(config), default_model())(device)
    for minute in range(1 + size.minutes):
        recorded = simulator.recording(stage_index, minute, device)
        outputs = map(stage.process, recorded.blocks(_SOURCE, size.hz, _BLOCK_RECORDS))
        yield sum(map(Tally.of, outputs), Tally())


def _share_progress(minutes_done: "Synchronized[int]") -> None:
    """In a new process: where it tells how far it is."""
    global _minutes_done  # noqa: PLW0603 - a process of the pool has no other place for it
    _minutes_done = minutes_done


def _watch_camera(size: FalseAlarmSize, camera: int, config: Path | None) -> Tally:
    """In a process of the pool: all of one camera."""
    tally = Tally()
    for of_minute in tallies(size, camera, config):
        tally += of_minute
        with _minutes_done.get_lock():
            _minutes_done.value += 1
    return tally


def _figures(tally: Tally, size: FalseAlarmSize) -> Iterator[Figure]:
    device, record = _WORDS[size.kind]
    episodes = EventRate(count=len(tally.episodes), hours=tally.scored / size.hz / 3600)
    anomalous = Rate(count=tally.anomalous, total=tally.scored)
    yield Figure(name=f"normal {_plural(record)} that were scored", value=tally.scored, unit=_plural(record))
    yield Figure(name="false episodes", value=episodes.count, unit="episodes")
    name = f"false episodes in {_WANTED_SHIFTS} {device}-shifts of 12 h, with the 95 % interval"
    value, low, high = episodes.per(_WANTED_SHIFTS * _SHIFT_HOURS)
    yield Figure(name=name, value=value, unit="episodes", wanted="<= 1", spread=(low, high))
    name = f"false positives per {record}, with the 95 % interval"
    yield Figure(name=name, value=anomalous.value, unit="of 1", wanted="<= 1e-3", spread=anomalous.interval)
    for score, count in zip(_SCORES, tally.beyond, strict=True):
        beyond = Rate(count=count, total=tally.scored)
        low, high = beyond.interval
        name = f"{_plural(record)} with a score of {score:g} or more, by those that it promises"
        promised = 10.0**-score
        yield Figure(name=name, value=beyond.value / promised, unit="", spread=(low / promised, high / promised))
    for alert in tally.episodes:
        name = (
            f"false {alert.kind} of {alert.device} at {format_iso(alert.opened_ns)}: {', '.join(alert.reasons)}; "
            f"{alert.shots} odd when it opened"
        )
        yield Figure(name=name, value=alert.score, unit="score")


def _plural(record: str) -> str:
    return "spectra" if record == "spectrum" else f"{record}s"
