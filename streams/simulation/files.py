"""`petawatch simulate`: some minutes of a laser with labelled faults, as files."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from connectors.snapshots.writer import snapshot_name, write_production_snapshot, write_test_period_day
from models.errors import FatalError
from models.event_time import MILLISECOND_NS, MINUTE_NS, SECOND_NS, format_iso
from models.simulation.laser import FIRST_IMAGE_NUMBER, LaserSimulator
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import Dialect, ShapeSet, SimulationSettings

__all__ = ["Dialect", "ShapeSet", "SimulationSettings", "simulate"]

#: Told how many files are written, and how many there will be.
Progress = Callable[[int, int], None]

# The reference, sections 2.2 and 3.4: images count tenths of a second; pump GAIA 1 has 13.83 J on average; the
# series are of amplifier 2, which fires once a second, and their time index steps by 1000.
_IMAGE_STEP_NS = 100 * MILLISECOND_NS
_PUMP_ENERGY_J = 13.83
_PUMPS = 6
_SERIES_STEP = 1000


def simulate(out: Path, settings: SimulationSettings, progress: Progress | None = None) -> Path:
    """Write ``OUT/data/<R>Hz/<date>/*.h5`` and ``OUT/labels.json``.

    Parameters
    ----------
    out
        Made if absent; must not hold a simulation already.
    settings
        What is simulated.
    progress
        Called after every file.

    Returns
    -------
    Path
        ``OUT/data``, the folder to watch.

    Raises
    ------
    FatalError
        If there is a simulation in ``out`` already, or it can't be written.
    """
    data = out / "data"
    simulator = LaserSimulator(settings, load_beam_shapes())
    try:
        if data.exists() and any(data.iterdir()):
            raise FatalError(f"{out} holds a simulation already; remove it or name another folder", reason="not_empty")
        data.mkdir(parents=True, exist_ok=True)
        # The labels first: they are known, and files may be watched while they come.
        labels = json.dumps(simulator.labels_document(), indent=1)
        (out / "labels.json").write_text(labels + "\n", encoding="utf-8")
        if settings.dialect is Dialect.TEST:
            _write_test_period(data / f"{settings.hz:g}Hz" / settings.date, simulator)
            if progress:
                progress(1, 1)
            return data
        total = settings.minutes * len(simulator.stages)
        for done, _ in enumerate(write_production_minutes(data, simulator), start=1):
            if progress:
                progress(done, total)
    except OSError as error:
        raise FatalError(f"can't write the simulation into {out} ({error.strerror})", reason="unwritable") from error
    return data


def snapshot_place(simulator: LaserSimulator, stage_index: int, start_ns: int, length_s: int = 60) -> Path:
    """Where a stage's recorder puts a snapshot, below the folder with the data: ``<R>Hz/<date>/*.h5``."""
    date = format_iso(start_ns)[:10]
    name = snapshot_name(simulator.stages[stage_index].front_end, stage_index + 1, date, start_ns, length_s)
    return Path(f"{simulator.settings.hz:g}Hz") / date / name


def write_production_minutes(data: Path, simulator: LaserSimulator) -> Iterator[Path]:
    """Write the files minute by minute, one per stage and minute, and hand over each one's path when it is whole."""
    settings = simulator.settings
    for minute in range(settings.minutes):
        start_ns = settings.start_ns + minute * MINUTE_NS
        for index in range(len(simulator.stages)):
            path = data / snapshot_place(simulator, index, start_ns)
            write_production_snapshot(path, simulator.minute(index, minute), gzip=settings.gzip)
            yield path


def _write_test_period(folder: Path, simulator: LaserSimulator) -> None:
    """One file with the images by number, and the series of the energy meter and of the six pumps."""
    settings = simulator.settings
    camera, meter = simulator.devices(0)
    cameras = (simulator.recording(0, minute, camera) for minute in range(settings.minutes))
    images = ((minute.payload, _image_numbers(minute.event_time_ns, settings)) for minute in cameras)
    meters = [simulator.recording(0, minute, meter) for minute in range(settings.minutes)]
    since_ns = np.concatenate([minute.event_time_ns for minute in meters]) - settings.start_ns
    seconds, shots = np.unique(since_ns // SECOND_NS, return_index=True)
    energy_j = np.concatenate([minute.payload[:, 0] for minute in meters])[shots]
    states = ["ON"] * len(seconds)
    series = {meter.name: (seconds * _SERIES_STEP, energy_j, states)}
    for pump in range(1, _PUMPS + 1):
        noise = random_stream(settings.seed, Purpose.PUMP, pump).standard_normal(len(seconds))
        series[f"GAIA_{pump}"] = (seconds * _SERIES_STEP, _PUMP_ENERGY_J * (1 + 0.01 * noise), states)
    write_test_period_day(folder / f"{settings.date}.h5", camera.name, images, series, gzip=settings.gzip)


def _image_numbers(event_time_ns: NDArray[np.int64], settings: SimulationSettings) -> NDArray[np.int64]:
    elapsed: NDArray[np.int64] = (event_time_ns - settings.start_ns) // _IMAGE_STEP_NS
    return FIRST_IMAGE_NUMBER + elapsed
