"""Small writers of real snapshot files for tests: one class per device, and the ways in which files are hostile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

NAME = "LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5"
CAMERA = "LA_A3_32-Camera_1-Camera-1"
METER = "LA_A3_32-EM_1-EnergyMeter-1"
SPECTRO = "LA_A3_32-Spectro_1-Spectro-1"
PUMP = "LA_A3_31-Saga_1-Pump-1"
IMAGE_SHAPE = (102, 128)
ON = np.bytes_(b"ON")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What every device writes at a shot; ``state`` None leaves it out."""

    state: Any = ON
    options: Mapping[str, Any] = field(default_factory=dict)

    def write(self, group: h5py.Group) -> None:
        if self.state is not None:
            group["STATE"] = self.state
        for name, values in self.datasets().items():
            group.create_dataset(name, data=values, **(self.options if np.ndim(values) else {}))

    def datasets(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Camera(Reading):
    image: Any = None

    def datasets(self) -> dict[str, Any]:
        return {} if self.image is None else {"ROIImageLow": self.image}


@dataclass(frozen=True, kw_only=True)
class EnergyMeter(Reading):
    first: Any = None
    second: Any = None

    def datasets(self) -> dict[str, Any]:
        both = {"energy1Corrected": self.first, "energy2Corrected": self.second}
        return {name: values for name, values in both.items() if values is not None}


@dataclass(frozen=True, kw_only=True)
class Spectro(Reading):
    samples: Any = None

    def datasets(self) -> dict[str, Any]:
        return {} if self.samples is None else {"intensityFitted": self.samples}


@dataclass(frozen=True, kw_only=True)
class Hostile(Reading):
    """Calls a function with the device's group."""

    make: Callable[[h5py.Group], None]

    def write(self, group: h5py.Group) -> None:
        super().write(group)
        self.make(group)


Shots = Mapping[str, Mapping[str, Reading]]


def write_production(path: Path, shots: Shots, *, libver: Any = None) -> Path:
    """``shots[acquisition time][device]`` in the given order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", libver=libver) as file:
        for time, devices in shots.items():
            shot = file.create_group(time)
            for device, reading in devices.items():
                reading.write(shot.create_group(device))
    return path


def write_test_period(
    path: Path,
    images: Mapping[str, Mapping[str, NDArray[Any]]],
    series: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """``images[data group][image name]`` and ``series[path][dataset]``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_group("IMAGES")
        for group, frames in images.items():
            for name, frame in frames.items():
                file[f"IMAGES/{group}/{name}"] = frame
        for group, datasets in (series or {}).items():
            for name, values in datasets.items():
                file[f"{group}/{name}"] = values
    return path


def times(count: int, *, start_s: int = 0, step_ms: int = 100) -> list[str]:
    """Names of groups from 09:34 on."""
    ms = [start_s * 1000 + number * step_ms for number in range(count)]
    return [f"09-{34 + m // 60_000:02d}-{m // 1000 % 60:02d}-{m % 1000:03d}" for m in ms]


def minute(count: int, *, seed: int = 0, options: Mapping[str, Any] | None = None, state: Any = ON) -> Shots:
    """Shots of a camera, a meter and a spectrometer with random readings."""
    random = np.random.default_rng(seed)
    more: dict[str, Any] = {"options": options or {}, "state": state}
    return {
        time: {
            CAMERA: Camera(image=random.integers(0, 4093, IMAGE_SHAPE).astype(np.uint16), **more),
            METER: EnergyMeter(first=random.random(1) + 1, second=random.random(1) + 1, **more),
            SPECTRO: Spectro(samples=random.random(2047), **more),
        }
        for time in times(count)
    }


def one(device: str, reading: Reading) -> Shots:
    """A single reading."""
    return {times(1)[0]: {device: reading}}


def random_images(count: int, seed: int = 0) -> list[NDArray[np.uint16]]:
    """Images of 12 bits."""
    return list(np.random.default_rng(seed).integers(0, 4093, (count, *IMAGE_SHAPE)).astype(np.uint16))
