"""A load like the facility's: many recorders, whose minutes are made from a simulated one."""

from pathlib import Path

import numpy as np

from connectors.beam_library import load_beam_shapes
from connectors.snapshots.writer import snapshot_name, write_production_snapshot
from models.devices import Device, RecordKind, parse_device
from models.event_time import MINUTE_NS, format_iso
from models.records import FULL_SCALE_COUNTS
from models.simulation.laser import DeviceMinute, LaserSimulator
from models.simulation.settings import SIMULATED_STAGES, SimulationSettings

#: Cameras of the facility (the reference, section 1).
FACILITY_CAMERAS = 94
#: Shots per minute of a recorder.
MINUTE_SHOTS = 600
# Ten shots of a minute's last seconds have a burnt spot on demand, in these pixels.
_FAULT_SHOTS = 10
_FAULT_PIXELS = (slice(40, 52), slice(50, 62))


class FacilityLoad:
    """Recorders with a camera, an energy meter and a spectrometer each, all at 10 Hz or at ``hz``.

    The same simulated minute comes again and again with later times, from all recorders: the work per record is that
    of real ones, and making it costs next to no time and memory.
    """

    def __init__(self, hz: float = 10.0) -> None:
        self._settings = SimulationSettings(minutes=2, stages=1, hz=hz, faults=False)
        simulator = LaserSimulator(self._settings, load_beam_shapes())
        self._minute = list(simulator.minute(0, 1).values())

    def devices(self, recorder: int) -> tuple[Device, Device, Device]:
        """A recorder's camera, energy meter and spectrometer."""
        stage = SIMULATED_STAGES[recorder % len(SIMULATED_STAGES)]
        prefix, number = f"{stage.front_end}_{stage.amp}_{stage.arm}", recorder // len(SIMULATED_STAGES) + 1
        camera, meter, spectrometer = (
            parse_device(f"{prefix}-{group}_{number}-{kind}-{number}")
            for group, kind in (("Camera", "Camera"), ("EM", "EnergyMeter"), ("Spectro", "Spectro"))
        )
        return camera, meter, spectrometer

    def minute(
        self, recorder: int, minute: int, *, shots: int = MINUTE_SHOTS, fault: bool = False
    ) -> dict[Device, DeviceMinute]:
        """The first ``shots`` of a minute of a recorder, in arrays of their own; with a burnt spot on demand."""
        shift_ns = (minute - 1) * MINUTE_NS
        recorded = {}
        for device, template in zip(self.devices(recorder), self._minute, strict=True):
            payload = template.payload[:shots].copy()
            if fault and device.kind is RecordKind.CAMERA:
                first = len(template.payload) * 5 // 6
                payload[(slice(first, first + _FAULT_SHOTS), *_FAULT_PIXELS)] = FULL_SCALE_COUNTS
            recorded[device] = DeviceMinute(
                device=device,
                event_time_ns=template.event_time_ns[:shots] + np.int64(shift_ns),
                state=template.state[:shots],
                payload=payload,
            )
        return recorded

    def start_ns(self, minute: int) -> int:
        """Event time at which a minute begins."""
        return self._settings.start_ns + minute * MINUTE_NS

    def relative_path(self, recorder: int, minute: int) -> str:
        """Where a recorder's snapshot lies below the watched folder."""
        start_ns = self.start_ns(minute)
        date = format_iso(start_ns)[:10]
        front_end = self.devices(recorder)[0].stage.front_end
        return f"{self._settings.hz:g}Hz/{date}/{snapshot_name(front_end, recorder + 1, date, start_ns)}"

    def write(
        self, folder: Path, recorder: int, minute: int, *, shots: int = MINUTE_SHOTS, fault: bool = False
    ) -> Path:
        """Write a snapshot below a folder; its path."""
        path = folder / self.relative_path(recorder, minute)
        write_production_snapshot(path, self.minute(recorder, minute, shots=shots, fault=fault))
        return path
