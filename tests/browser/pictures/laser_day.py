"""A dozen minutes of six stages, as a watch, an archive and two operators leave it: what the pictures show."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from connectors.access.role import Role
from connectors.control_room.incident_search import IncidentQuestion
from connectors.control_room.reader import ControlRoomReader
from connectors.spool_listing import scan
from connectors.state.reader import StateReader
from models.alarms.incident import Incident, IncidentState
from models.event_time import MINUTE_NS, SECOND_NS, format_iso
from models.simulation.settings import SimulationSettings
from streams.alarms.alarm_desk import open_desk
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.watch import open_watch
from tests.support.console_state import take_alerts
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user
from tests.support.watching import deliver

#: Who is on shift.
OPERATOR, COLLEAGUE = "anna", "m.popescu"

_SIMULATED = SimulationSettings(minutes=12, stages=6, cameras_per_stage=2, hz=5, seed=11, fault_spacing_s=130)
# What comes after it waits for the archive.
_ARCHIVED_MINUTES = 9
# A recorder delivers a minute's file some seconds after its last shot.
_DELIVERED_AFTER_S = 4.0
# In this one a recorder writes a file that can't be read.
_BROKEN_MINUTE = 7

# Nobody has looked at what came last.
_UNSEEN_NS = 140 * SECOND_NS


@dataclass(frozen=True, slots=True)
class LaserDay:
    """Below one folder.

    Attributes
    ----------
    clock
        Stands some seconds after the last shot.
    """

    folder: Path
    config: Path
    settings: Settings
    clock: ManualClock

    @classmethod
    def begun(cls, folder: Path) -> "LaserDay":
        """Before the first file has come."""
        config = folder / "petawatch.toml"
        config.write_text(
            f'[archive]\nstore = "{folder}/store"\nread_back_share = 0.85\nstate_every_s = 120.0\n'
            "[tape]\ncopies = 0\n[console]\nstale_after_s = 900.0\n",
            encoding="utf-8",
        )
        return cls(folder, config, load_settings(config), ManualClock(_SIMULATED.start_ns))

    @property
    def state(self) -> Path:
        """The watch's."""
        return self.folder / "state"

    @property
    def stretch(self) -> tuple[int, int]:
        """Event times of the first shot, and of the end."""
        return _SIMULATED.start_ns, _SIMULATED.start_ns + _SIMULATED.minutes * MINUTE_NS

    def places(self) -> dict[str, str]:
        """What stands in the paths of pages."""
        from_ns, to_ns = self.stretch
        return {"odd": self._odd().id, "stretch": f"from={format_iso(from_ns)}&to={format_iso(to_ns)}"}

    def evidence(self) -> Path:
        """The picture of the hot spot's worst shot."""
        with StateReader.open(self.state) as reader:
            [png] = [
                link.png
                for alert, links in reader.alerts()
                if alert.id == self._odd().first_alert_id
                for link in links
                if link.role == "worst"
            ]
        return self.state / png

    def _odd(self) -> Incident:
        """Of the hot spot that the day ends with."""
        [incident] = [
            each
            for each in ControlRoomReader(self.state).incidents(IncidentQuestion(announced=True))
            if each.state is IncidentState.OPEN and each.subjects[0].startswith("LA_A3_31-Camera_1-")
        ]
        return incident

    def live_through(self) -> None:
        """All of it: files come, a store fails, operators look at some incidents; the last shots are odd."""
        made, watched, store = self.folder / "simulated", self.folder / "data", self.folder / "store"
        simulate(made, _SIMULATED)
        files = sorted((made / "data").rglob("*.h5"), key=lambda path: path.name.rpartition("_")[2])
        _break_the_end(files[-_SIMULATED.stages :])
        for folder in (watched, store):
            folder.mkdir()
        add_user(self.state, OPERATOR, Role.OPERATOR, self.clock)
        with open_watch([watched], self.state, self.settings, clock=self.clock) as watch:
            for minute in range(_SIMULATED.minutes):
                for file in files[minute * _SIMULATED.stages : (minute + 1) * _SIMULATED.stages]:
                    deliver(file, watched / file.relative_to(made / "data").parent)
                if minute == _BROKEN_MINUTE:
                    _deliver_broken(files[0], watched)
                minute_end_ns = _SIMULATED.start_ns + (minute + 1) * MINUTE_NS
                self.clock.advance((minute_end_ns - self.clock.now_ns()) / SECOND_NS + _DELIVERED_AFTER_S)
                watch.go_on_with(scan([watched], self.clock)[0])
                if minute + 1 == _ARCHIVED_MINUTES:
                    time.sleep(5)
                    store.rename(self.folder / "store-away")
        (self.folder / "store-away").rename(store)
        take_alerts(self.state, self.clock)
        self._look_at_incidents()

    def _look_at_incidents(self) -> None:
        """All but the latest, and what still goes on, were seen."""
        found = ControlRoomReader(self.state).incidents(IncidentQuestion(announced=True))
        with open_desk(self.state, self.settings, self.clock) as desk:
            for each in found:
                if each.state is IncidentState.CLOSED and each.last_shot_ns < self.clock.now_ns() - _UNSEEN_NS:
                    desk.acknowledge(each.id, by=COLLEAGUE, why="looked at the evidence, optics are fine")


def _break_the_end(files: Sequence[Path]) -> None:
    """In the files of the last minute: a hot spot on a camera of the second stage, and a meter that fails."""
    with h5py.File(files[1], "r+") as file:
        rows, columns = np.mgrid[:102, :128]
        spot = 1500 * np.exp(-((rows - 44) ** 2 + (columns - 74) ** 2) / 18)
        for shot in list(file)[-40:]:
            [image] = [file[shot][name]["ROIImageLow"] for name in file[shot] if name.endswith("Camera_1-Camera-1")]
            image[...] = np.minimum(image[...] + spot, 4092).astype(image.dtype)
    with h5py.File(files[3], "r+") as file:
        for shot in list(file)[-60:]:
            [meter] = [file[shot][name] for name in file[shot] if "EnergyMeter" in name]
            del meter["STATE"]
            meter["STATE"] = np.bytes_(b"FAULT")


def _deliver_broken(file: Path, watched: Path) -> None:
    """A recorder that lost its power while it wrote."""
    broken = watched / "5Hz" / "2022-07-01" / "LA_CameraComputer09-Recorder_60s_snapshot_2022-07-01_09-36-00-000.h5"
    broken.write_bytes(file.read_bytes()[:200_000])
