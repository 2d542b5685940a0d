"""A day in two halves; between them operators promote two models and accept a baseline: here, and in one process."""

import os
from dataclasses import replace
from pathlib import Path

from connectors.clock import SystemClock
from connectors.control_room.decisions import OperatorDecisions
from connectors.model_files import default_model, install_model, install_shadow
from connectors.state.reader import StateReader
from models.devices import Device, RecordKind, parse_device
from models.errors import FatalError
from models.event_time import SECOND_NS, format_iso
from streams.drills.installation import TemporaryInstallation
from streams.facility.model_announcement import workers_to_tell, workers_to_tell_of_shadow
from streams.series_progress import SeriesProgress
from streams.watch import open_watch

_COMMAND_S = 240.0
# Behind the begin of the second half: it takes effect inside a file.
_ACCEPTED_AFTER_S = 20
_REASON = "drill"


class DecidedDay:
    """The snapshots of a day, of which the second half is delivered later.

    Attributes
    ----------
    data
        What is delivered.
    """

    def __init__(self, installation: TemporaryInstallation, day: Path) -> None:
        self._installation = installation
        self._day = day
        self._files = sorted(day.rglob("*.h5"), key=self._start_ns)
        self._model = replace(default_model(), seeds={})
        self._shadow = replace(default_model(), seeds={"drill": 1})
        self._expected = installation.folder / "expected"
        self.data = installation.folder / "data"
        self.data.mkdir()

    def deliver_half(self, half: int) -> None:
        """Let the snapshots of one half, 0 or 1, appear."""
        middle = len(self._files) // 2
        for file in self._files[:middle] if half == 0 else self._files[middle:]:
            place = self.data / file.relative_to(self._day)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, place)

    def expect(self) -> Path:
        """What one process makes of what is delivered, after what it was given before; its state directory."""
        with open_watch([self.data], self._expected, self._installation.settings) as watch:
            watch.run_once()
        return self._expected

    def decide(self) -> None:
        """Promote another model, let one be the shadow, and accept a baseline, in both."""
        state, settings = self._installation.state, self._installation.settings
        for directory in (state, self._expected):
            install_model(directory, self._model)
            install_shadow(directory, self._shadow)
        for connect in (workers_to_tell, workers_to_tell_of_shadow):
            with connect(state, settings, SystemClock()) as tell:
                tell()
        meter, from_ns = self._meter(), self._start_ns(self._files[len(self._files) // 2])
        from_ns += _ACCEPTED_AFTER_S * SECOND_NS
        arguments: list[str | Path] = ["--device", meter.name, "--from", format_iso(from_ns), "--reason", _REASON]
        command = self._installation.start(["baseline", "accept", *arguments, "--state", state])
        if command.wait(_COMMAND_S):
            raise FatalError(f"the baseline was not accepted: {command.tail()}", reason="drill")
        now_ns = SystemClock().now_ns()
        OperatorDecisions(self._expected).accept_baseline(meter, from_ns, reason=_REASON, by=_REASON, now_ns=now_ns)

    def require_new_model(self) -> None:
        """Every camera of the facility was scored by the promoted model in the end.

        Raises
        ------
        FatalError
            With the cameras that were not.
        """
        with StateReader.open(self._installation.state) as reader:
            cameras = [device for device in self._devices(reader) if device.kind is RecordKind.CAMERA]
            last = {camera: reader.rows_between([camera], None, None)[-1].scored.model for camera in cameras}
        old = [camera.name for camera, model in last.items() if model != self._model.name]
        if old or not cameras:
            raise FatalError(f"not scored by {self._model.name} in the end: {', '.join(old) or 'all'}", reason="drill")

    def _meter(self) -> Device:
        with StateReader.open(self._installation.state) as reader:
            return next(device for device in self._devices(reader) if device.kind is RecordKind.ENERGY_METER)

    def _devices(self, reader: StateReader) -> list[Device]:
        first_ns = self._start_ns(self._files[0])
        last_ns = self._start_ns(self._files[-1]) + 60 * SECOND_NS
        return [parse_device(name) for name in reader.device_names_between(first_ns, last_ns)]

    def _start_ns(self, file: Path) -> int:
        zone = self._installation.settings.zone
        return SeriesProgress(zone).start_ns(file.relative_to(self._day).as_posix(), 0)
