"""Writes snapshots as the control system does, for the simulator, demonstrations and tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s, h5t
from numpy.typing import NDArray

from models.devices import Device, RecordKind
from models.records import DeviceState
from models.simulation.faults import clock_time
from models.simulation.laser import DeviceMinute

_GZIP_LEVEL = 1


def snapshot_name(front_end: str, recorder: int, date: str, start_ns: int, length_s: int = 60) -> str:
    """A production file's name: ``LA_CameraComputer01-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5``."""
    return f"{front_end}_CameraComputer{recorder:02d}-Recorder_{length_s}s_snapshot_{date}_{clock_time(start_ns)}.h5"


def write_production_snapshot(path: Path, minute: Mapping[Device, DeviceMinute], *, gzip: bool = False) -> None:
    """Write one recorder's minute in the production dialect (the reference, section 2.1).

    First level ``HH-MM-SS-mmm``, second level the devices, third level ``STATE`` and the readings: images uint16,
    each of the two energies float64 of shape (1,), spectra float64. Written aside and moved into place when whole.
    """
    datasets = _Datasets(gzip=gzip)
    with _new_file(path) as file:
        times: dict[int, list[tuple[Device, DeviceMinute, int]]] = {}
        for device, recorded in minute.items():
            for row, time_ns in enumerate(recorded.event_time_ns.tolist()):
                times.setdefault(time_ns, []).append((device, recorded, row))
        for time_ns in sorted(times):
            shot = h5g.create(file, clock_time(time_ns).encode())
            for device, recorded, row in times[time_ns]:
                group = h5g.create(shot, device.name.encode())
                datasets.text(group, b"STATE", DeviceState(recorded.state[row]).name.encode())
                if device.kind is RecordKind.CAMERA:
                    datasets.array(group, b"ROIImageLow", recorded.payload[row])
                elif device.kind is RecordKind.ENERGY_METER:
                    datasets.array(group, b"energy1Corrected", recorded.payload[row, :1])
                    datasets.array(group, b"energy2Corrected", recorded.payload[row, 1:])
                else:
                    datasets.array(group, b"intensityFitted", recorded.payload[row])


def write_test_period_day(
    path: Path,
    data_group: str,
    images: Iterable[tuple[NDArray[np.uint16], NDArray[np.int64]]],
    series: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64], Sequence[str]]],
    *,
    gzip: bool = False,
) -> None:
    """Write one day in the test period's dialect (the reference, section 2.2).

    ``IMAGES/<data group>/<image number>``; beside it one group per energy meter or
    pump with ``energy1Corrected``, ``timeIndex`` and ``STATE``. Written aside and moved into place when whole.

    Parameters
    ----------
    data_group
        Stands for one camera.
    images
        Its frames (n, 102, 128) and their numbers (n,), part by part.
    series
        By device: time index in milliseconds, energy in joules, state of each reading.
    """
    datasets = _Datasets(gzip=gzip)
    with _new_file(path) as file:
        group = h5g.create(h5g.create(file, b"IMAGES"), data_group.encode())
        for frames, numbers in images:
            for frame, number in zip(frames, numbers.tolist(), strict=True):
                datasets.array(group, str(number).encode(), frame)
        for device, (time_index, energy_j, states) in series.items():
            group = h5g.create(file, device.encode())
            datasets.array(group, b"energy1Corrected", energy_j)
            datasets.array(group, b"timeIndex", time_index)
            datasets.array(group, b"STATE", np.array([state.encode() for state in states]))


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """A new HDF5 file of the earliest layout, which appears under its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    file = h5f.create(bytes(aside), h5f.ACC_TRUNC, fapl=access)
    try:
        yield file
    except BaseException:
        file.close()
        aside.unlink(missing_ok=True)
        raise
    file.close()
    aside.replace(path)  # not synchronised: what is written here is simulated


class _Datasets:
    """Creates datasets with reused spaces, types and properties: most of h5py's cost per dataset is making those."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._spaces: dict[tuple[int, ...], Any] = {}
        self._types: dict[np.dtype[Any], Any] = {}
        self._properties: dict[tuple[int, ...], Any] = {}
        self._scalar = h5s.create(h5s.SCALAR)
        self._scalar_properties = self._creation(())
        self._texts: dict[int, Any] = {}

    def text(self, group: Any, name: bytes, value: bytes) -> None:
        """A scalar byte string of its own length."""
        length = len(value)
        if length not in self._texts:
            self._texts[length] = h5t.C_S1.copy()
            self._texts[length].set_size(length)
            self._texts[length].set_strpad(h5t.STR_NULLPAD)
        dataset = h5d.create(group, name, self._texts[length], self._scalar, dcpl=self._scalar_properties)
        dataset.write(h5s.ALL, h5s.ALL, np.array(value, f"S{length}"), self._texts[length])

    def array(self, group: Any, name: bytes, values: NDArray[Any]) -> None:
        """Contiguous, or one compressed chunk."""
        values = np.ascontiguousarray(values)
        shape = values.shape
        if shape not in self._spaces:
            self._spaces[shape] = h5s.create_simple(shape)
            self._properties[shape] = self._creation(shape)
        if values.dtype not in self._types:
            self._types[values.dtype] = h5py.h5t.py_create(values.dtype, logical=True)
        kind = self._types[values.dtype]
        dataset = h5d.create(group, name, kind, self._spaces[shape], dcpl=self._properties[shape])
        dataset.write(h5s.ALL, h5s.ALL, values, kind)

    def _creation(self, shape: tuple[int, ...]) -> Any:
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)  # the same readings make the same bytes
        if self._gzip and shape:
            properties.set_chunk(shape)
            properties.set_deflate(_GZIP_LEVEL)
        return properties
