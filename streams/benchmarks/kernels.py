"""How long the kernels and the stages of single devices take, per record."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from connectors.model_files import default_model
from models.compilation import kernel
from models.device_stage import DeviceStage
from models.devices import Device, RecordKind
from models.energies.meter_stage import MeterSettings, MeterStage
from models.energies.smoothing import GuardedSmoother, SmoothingSettings
from models.event_time import MINUTE_NS
from models.images.beam_features import FEATURE_COUNT, write_features
from models.images.camera_stage import CameraSettings, CameraStage
from models.images.cleaning import clean, cleaned_value, threshold_frame
from models.images.dark_profile import make_profile
from models.images.image_scores import GROUP_FRAMES, Network
from models.records import IMAGE_SHAPE, RecordBlock, SourceReference
from models.simulation.laser import DeviceMinute, LaserSimulator
from models.simulation.settings import SimulationSettings
from models.spectra.spectrometer_stage import SpectrometerSettings, SpectrometerStage
from models.spectra.spectrum_features import spectrum_features
from streams.benchmarks.figure import Figure, median_figure, seconds_each

_MICROSECONDS = 1e6
_BLOCK = GROUP_FRAMES
_DARK_FRAMES = 50
_COLUMN_SUMS = 4
_FITTING_BLOCKS = 600 // _BLOCK  # of a minute at 10 Hz: pieces then begin and end with the groups


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSize:
    """How often each kernel is timed."""

    repeats: int = 300


def measure_kernels(size: KernelSize) -> Iterator[Figure]:
    """Microseconds per record of each kernel and of each device's stage, in blocks of 32 on one core."""
    minutes = _simulated_minutes()
    by_kind = {device.kind: device for device in minutes[1]}
    camera = by_kind[RecordKind.CAMERA]
    yield from _measure_cleaning(minutes[0][camera].payload, minutes[1][camera].payload[:_BLOCK], size.repeats)
    meter, spectrometer = by_kind[RecordKind.ENERGY_METER], by_kind[RecordKind.SPECTROMETER]
    yield _measure_smoothing(minutes[1][meter].payload[:, 0], size.repeats)
    yield _measure_spectra(minutes[1][spectrometer].payload[:_BLOCK], size.repeats)
    yield from _measure_stages(minutes, by_kind, size.repeats)


def _simulated_minutes() -> list[dict[Device, DeviceMinute]]:
    """A dark minute and one with beam, of one stage."""
    simulator = LaserSimulator(SimulationSettings(minutes=2, stages=1, faults=False), load_beam_shapes())
    return [simulator.minute(0, minute) for minute in range(2)]


def _figure(name: str, seconds: list[float], records: int, wanted: str) -> Figure:
    return median_figure(name, seconds, unit="us", per=_MICROSECONDS / records, wanted=wanted)


def _measure_cleaning(dark: NDArray[np.uint16], raw: NDArray[np.uint16], repeats: int) -> Iterator[Figure]:
    frames = dark[:_DARK_FRAMES].astype(np.float32)
    profile = make_profile(frames.mean(axis=0), frames.std(axis=0, ddof=1), len(frames), 1e-6)
    out = np.empty((len(raw), *IMAGE_SHAPE), np.float32)
    columns = np.empty((len(raw), _COLUMN_SUMS, IMAGE_SHAPE[1]))
    features = np.empty((len(raw), FEATURE_COUNT))
    seconds = seconds_each(lambda: _only_threshold(raw, profile.threshold, profile.pedestal, out), repeats=repeats)
    yield _figure("threshold alone", seconds, len(raw), "3")
    seconds = seconds_each(
        lambda: _threshold_frames(raw, profile.threshold, profile.pedestal, out, columns), repeats=repeats
    )
    yield _figure("threshold, with the sums of the moments in the same pass", seconds, len(raw), "")
    seconds = seconds_each(lambda: _write_all_features(out, columns, features), repeats=repeats)
    yield _figure("moments and hot-spot contrast from the sums", seconds, len(raw), "5")
    seconds = seconds_each(lambda: clean(raw, profile, out), repeats=repeats)
    yield _figure("cleaning as a whole: threshold, moments, contrast, hash", seconds, len(raw), "8")


@kernel()
def _only_threshold(
    raw: NDArray[np.uint16], threshold: NDArray[np.uint16], pedestal: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    for frame in range(len(raw)):
        for y in range(raw.shape[1]):
            for x in range(raw.shape[2]):
                out[frame, y, x] = cleaned_value(raw[frame, y, x], threshold[y, x], pedestal[y, x])


@kernel()
def _threshold_frames(
    raw: NDArray[np.uint16],
    threshold: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    out: NDArray[np.float32],
    columns: NDArray[np.float64],
) -> None:
    for frame in range(len(raw)):
        threshold_frame(raw[frame], threshold, pedestal, out[frame], columns[frame])


@kernel()
def _write_all_features(
    images: NDArray[np.float32], columns: NDArray[np.float64], features: NDArray[np.float64]
) -> None:
    for frame in range(len(images)):
        write_features(images[frame], columns[frame], 0, features[frame])


def _measure_smoothing(energies_j: NDArray[np.float64], repeats: int) -> Figure:
    smoother = GuardedSmoother(SmoothingSettings())
    readings = np.ascontiguousarray(energies_j)
    seconds = seconds_each(lambda: smoother.smooth(readings), repeats=repeats)
    return _figure("one smoothing step", seconds, len(readings), "0.3")


def _measure_spectra(spectra: NDArray[np.float64], repeats: int) -> Figure:
    seconds = seconds_each(lambda: spectrum_features(spectra), repeats=repeats)
    return _figure("features of a spectrum", seconds, len(spectra), "20")


class _TimedNetwork:
    """The network, with the time that it took."""

    def __init__(self, network: Network) -> None:
        self.name = network.name
        self.seconds = 0.0
        self._network = network

    def run(
        self, images: NDArray[np.float32], reconstruction: NDArray[np.float32], latent: NDArray[np.float32]
    ) -> None:
        began = time.perf_counter()
        self._network.run(images, reconstruction, latent)
        self.seconds += time.perf_counter() - began


def _measure_stages(
    minutes: list[dict[Device, DeviceMinute]], by_kind: dict[RecordKind, Device], repeats: int
) -> Iterator[Figure]:
    """The stages once they score: the minute comes again and again with later times."""
    bundle = default_model()
    network = _TimedNetwork(bundle.autoencoder())
    camera = by_kind[RecordKind.CAMERA]
    seconds, apart = _time_stage(
        CameraStage(camera, CameraSettings(), network, bundle.seeds), minutes, camera, repeats, network
    )
    yield _figure("camera stage: the whole scoring step", seconds, _BLOCK, "250")
    without = sorted(whole - inside for whole, inside in apart)
    yield _figure("camera stage without the network", without, _BLOCK, "")
    yield _figure("the network alone", sorted(inside for _, inside in apart), _BLOCK, "")
    stage = CameraStage(camera, CameraSettings(), network, bundle.seeds)
    seconds, _ = _time_stage(stage, minutes, camera, repeats, records=1)
    yield _figure("camera stage: the whole scoring step of a single image", seconds, 1, "5000")
    meter, spectrometer = by_kind[RecordKind.ENERGY_METER], by_kind[RecordKind.SPECTROMETER]
    seconds, _ = _time_stage(MeterStage(meter, MeterSettings()), minutes, meter, repeats)
    yield _figure("energy meter stage", seconds, _BLOCK, "")
    seconds, _ = _time_stage(SpectrometerStage(spectrometer, SpectrometerSettings()), minutes, spectrometer, repeats)
    yield _figure("spectrometer stage", seconds, _BLOCK, "")


def _time_stage(
    stage: DeviceStage,
    minutes: list[dict[Device, DeviceMinute]],
    device: Device,
    repeats: int,
    network: _TimedNetwork | None = None,
    records: int = _BLOCK,
) -> tuple[list[float], list[tuple[float, float]]]:
    """Seconds of each block, sorted; and for each block those of the stage and of the network in it."""
    for block in _blocks(minutes[0][device], records):
        stage.process(block)
    beam = _blocks(minutes[1][device], records)[: _FITTING_BLOCKS * _BLOCK // records]
    for block in beam:
        stage.process(block)
    apart = []
    for number in range(repeats):
        again, place = divmod(number, len(beam))
        times = beam[place].event_time_ns + np.int64((again + 1) * MINUTE_NS)
        block = replace(beam[place], event_time_ns=times)
        inside = network.seconds if network else 0.0
        began = time.perf_counter()
        stage.process(block)
        taken = time.perf_counter() - began
        apart.append((taken, (network.seconds if network else 0.0) - inside))
    return sorted(taken for taken, _ in apart), apart


def _blocks(minute: DeviceMinute, records: int) -> list[RecordBlock]:
    return list(minute.blocks(SourceReference(file="simulated", sha256=""), 10.0, records))
