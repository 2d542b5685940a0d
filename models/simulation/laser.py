"""The whole laser: any minute of any stage, in memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.devices import NO_STAGE, Device, RecordKind, Stage, parse_device
from models.fault_kinds import FaultKind
from models.records import DeviceState, RecordBlock, Refusal, SourceReference
from models.simulation.beam_shape import phase_screens
from models.simulation.camera import SimulatedCamera
from models.simulation.faults import FaultLabel, clock_time, longest_fault_shots, plan_faults, shot_times_ns
from models.simulation.instruments import SimulatedStage
from models.simulation.random_streams import Purpose, random_stream
from models.simulation.settings import SIMULATED_STAGES, Dialect, SimulationSettings

#: The first image of the test period, and the devices that its files name (the reference, section 2.2).
FIRST_IMAGE_NUMBER = 66_440_739
TEST_PERIOD_DEVICES = (
    Device(f"DTG_{FIRST_IMAGE_NUMBER}", NO_STAGE, RecordKind.CAMERA),
    Device("EnergyMeter_1", NO_STAGE, RecordKind.ENERGY_METER),
)

_CAMERAS_PER_STAGE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMinute:
    """What one device recorded in one minute.

    Attributes
    ----------
    event_time_ns
        int64, (n,): a shot whose record is missing is not there.
    state
        uint8, (n,): ``DeviceState``.
    payload
        As in ``RecordBlock``: images uint16 (n, 102, 128), readings float64 (n, 2) in joules, spectra float64
        (n, 2047).
    """

    device: Device
    event_time_ns: NDArray[np.int64]
    state: NDArray[np.uint8]
    payload: NDArray[Any]

    def blocks(self, source: SourceReference, interval_hz: float, records: int = 32) -> Iterator[RecordBlock]:
        """The same as a reader would hand it over, in blocks of up to ``records``."""
        for start in range(0, len(self.event_time_ns), records):
            part = slice(start, start + records)
            times = self.event_time_ns[part]
            payload = self.payload[part]
            payload.flags.writeable = False
            yield RecordBlock(
                device=self.device,
                source=source,
                event_time_ns=times,
                state=self.state[part],
                refusal=np.full(len(times), Refusal.NONE, np.uint8),
                payload=payload,
                hdf5_group=tuple(f"/{clock_time(int(time))}/{self.device.name}" for time in times),
                interval_hz=interval_hz,
            )


class LaserSimulator:
    """Every minute of every stage of a run, in any order; the labels are known before any pixel is made.

    Parameters
    ----------
    settings
        What is simulated.
    shapes
        Photographs of beams by name, uint16 (102, 128); those of the wanted set are used in turn.

    Raises
    ------
    ValueError
        If none of the shapes belongs to the wanted set.
    """

    def __init__(self, settings: SimulationSettings, shapes: Mapping[str, NDArray[np.uint16]]) -> None:
        self.settings = settings
        test_period = settings.dialect is Dialect.TEST
        self.stages: tuple[Stage, ...] = (NO_STAGE,) if test_period else SIMULATED_STAGES[: settings.stages]
        self._shapes = [shapes[name] for name in sorted(shapes) if settings.shapes.holds(name)]
        if not self._shapes:
            raise ValueError(f"none of the {len(shapes)} shapes belongs to the set {settings.shapes.value!r}")
        draw = random_stream(settings.seed, Purpose.SCREENS)
        self._screens = phase_screens(draw)
        self._first_shape = int(draw.integers(len(self._shapes)))
        self._rosters = [
            TEST_PERIOD_DEVICES if test_period else stage_devices(stage, settings.cameras_per_stage)
            for stage in self.stages
        ]
        self._instruments = [
            SimulatedStage(settings, "A2" if test_period else stage.amp, index)
            for index, stage in enumerate(self.stages)
        ]
        self._cameras: dict[tuple[int, int], SimulatedCamera] = {}
        self.labels: tuple[FaultLabel, ...] = plan_faults(settings, self._rosters)

    def devices(self, stage_index: int) -> list[Device]:
        """The roster of a stage: its cameras, its energy meter, its spectrometer (none in the test period)."""
        return list(self._rosters[stage_index])

    def minute(self, stage_index: int, minute: int) -> dict[Device, DeviceMinute]:
        """What every device of a stage recorded in a minute (0 is without beam)."""
        return {device: self.recording(stage_index, minute, device) for device in self._rosters[stage_index]}

    def recording(self, stage_index: int, minute: int, device: Device) -> DeviceMinute:
        """What one device of a stage recorded in a minute."""
        faults = self.faults_in(stage_index, minute)
        own = [fault for fault in faults if fault.device == device]
        instruments = self._instruments[stage_index]
        energy = instruments.relative_energy(minute, faults)
        payload: NDArray[Any]
        if device.kind is RecordKind.CAMERA:
            payload = self.images(stage_index, self._rosters[stage_index].index(device), minute)
        elif device.kind is RecordKind.ENERGY_METER:
            payload = instruments.readings_j(minute, energy, own)
        else:
            payload = instruments.spectra(minute, energy, own)
        shots = self.settings.shots_of_minute(minute)
        whole = DeviceMinute(
            device=device,
            event_time_ns=shot_times_ns(self.settings, shots),
            state=np.full(len(shots), DeviceState.ON, np.uint8),
            payload=payload,
        )
        return _with_record_faults(whole, own, shots)

    def images(self, stage_index: int, camera_index: int, minute: int) -> NDArray[np.uint16]:
        """All frames of one camera in one minute, (n, 102, 128), also those whose record is missing in the files."""
        faults = self.faults_in(stage_index, minute)
        energy = self._instruments[stage_index].relative_energy(minute, faults)
        name = self._rosters[stage_index][camera_index].name
        own = [fault for fault in faults if fault.device.name == name]
        images = self._camera(stage_index, camera_index).images(minute, energy, own)
        shots = self.settings.shots_of_minute(minute)
        for fault in own:
            if fault.kind is FaultKind.STUCK_FRAME:
                before = fault.first_shot - 1
                frozen = (
                    images[before - shots.start]
                    if before >= shots.start
                    else self.images(stage_index, camera_index, self.settings.minute_of_shot(before))[-1]
                )
                images[_during(fault, shots)] = frozen
        return images

    def faults_in(self, stage_index: int, minute: int) -> list[FaultLabel]:
        """The faults of a stage that touch a minute."""
        shots, roster = self.settings.shots_of_minute(minute), self._rosters[stage_index]
        # A week has many thousands: those that begin too early to last until this minute are passed over.
        begin = bisect_right(
            self.labels, shots.start - longest_fault_shots(self.settings), key=lambda label: label.first_shot
        )
        end = bisect_left(self.labels, shots.stop, lo=begin, key=lambda label: label.first_shot)
        return [
            label
            for label in self.labels[begin:end]
            if label.device in roster and label.first_shot + label.shots > shots.start
        ]

    def labels_document(self) -> dict[str, Any]:
        """What ``labels.json`` holds."""
        settings = self.settings
        return {
            "date": settings.date,
            "hz": settings.hz,
            "minutes": settings.minutes,
            "labels": [label.document() for label in self.labels],
        }

    def _camera(self, stage_index: int, camera_index: int) -> SimulatedCamera:
        place = (stage_index, camera_index)
        if place not in self._cameras:
            turn = self._first_shape + stage_index * self.settings.cameras_per_stage + camera_index
            self._cameras[place] = SimulatedCamera(
                self.settings,
                stage_index * _CAMERAS_PER_STAGE + camera_index,
                self._shapes[turn % len(self._shapes)],
                self._screens,
            )
        return self._cameras[place]


def _during(fault: FaultLabel, shots: range) -> slice:
    """Where the shots of a fault lie among those of a minute."""
    return slice(max(fault.first_shot - shots.start, 0), max(fault.first_shot + fault.shots - shots.start, 0))


def _with_record_faults(whole: DeviceMinute, faults: list[FaultLabel], shots: range) -> DeviceMinute:
    """The same with states of FAULT, and without the records that are missing."""
    kept = np.ones(len(shots), np.bool_)
    for fault in faults:
        during = _during(fault, shots)
        if fault.kind is FaultKind.STATE_FAULT:
            whole.state[during] = DeviceState.FAULT
        elif fault.kind is FaultKind.MISSING_RECORD:
            kept[during] = False
    if kept.all():
        return whole
    return replace(whole, event_time_ns=whole.event_time_ns[kept], state=whole.state[kept], payload=whole.payload[kept])


def stage_devices(stage: Stage, cameras: int) -> tuple[Device, ...]:
    """The devices of a stage, named as the control system does: cameras, an energy meter, a spectrometer."""
    prefix = f"{stage.front_end}_{stage.amp}_{stage.arm}"
    # From 10 on with three digits: "Camera_11" would read as the arm 11.
    numbers = [f"{number}" if number < 10 else f"{number:03d}" for number in range(1, cameras + 1)]
    names = [f"{prefix}-Camera_{number}-Camera-{number}" for number in numbers]
    names += [f"{prefix}-EM_1-EnergyMeter-1", f"{prefix}-Spectro_1-Spectro-1"]
    return tuple(parse_device(name) for name in names)
