"""How far each recorder's series of snapshots has come, and which devices it records."""

from datetime import tzinfo
from pathlib import PurePosixPath

from connectors.snapshots.manifest import Manifest
from connectors.spool_listing import SpoolFile
from models.devices import Device, parse_device
from models.errors import RecordError
from models.event_time import SECOND_NS
from models.snapshot_names import SnapshotName, midnight_ns, parse_snapshot_name
from models.snapshot_sequence import snapshot_start_ns
from models.state import State

#: Devices remembered of one series: a bound against names that are noise.
_MAX_DEVICES = 1024


class SeriesProgress:
    """Tells, when a snapshot has been read, whose records are complete up to which time.

    Parameters
    ----------
    zone
        Time zone of the snapshots' names.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._devices: dict[str, set[str]] = {}

    def snapshot_read(self, file: SpoolFile, manifest: Manifest) -> tuple[list[Device], int]:
        """A whole snapshot has been read.

        Returns
        -------
        tuple
            The devices of its recorder, also those that this snapshot lacks, and the time up to which nothing more
            comes from them: the snapshot's end, never a wild time of one of its records. No devices when the name does
            not say when the snapshot begins and how long it is.
        """
        known = self._devices.setdefault(manifest.series, set())
        known.update(sorted(manifest.records)[: _MAX_DEVICES - len(known)])
        name = _name(file.relative)
        start_ns = snapshot_start_ns(name, self._zone) if name is not None else None
        if name is None or start_ns is None or manifest.last_ns is None or not name.length_s > 0:
            return [], 0
        return self.devices(manifest.series), min(manifest.last_ns, start_ns + int(name.length_s * SECOND_NS))

    @property
    def series(self) -> list[str]:
        """All that have delivered something, by name."""
        return sorted(self._devices)

    def devices(self, series: str) -> list[Device]:
        """The devices that a recorder has delivered so far."""
        return [parse_device(name) for name in sorted(self._devices.get(series, ()))]

    def front_end(self, relative: str) -> str:
        """What the file's name says; empty when nothing."""
        name = _name(relative)
        return name.front_end if name is not None else ""

    def start_ns(self, relative: str, otherwise_ns: int) -> int:
        """When a snapshot begins, by its name."""
        name = _name(relative)
        if name is None:
            return otherwise_ns
        start_ns = snapshot_start_ns(name, self._zone)
        return midnight_ns(name.date, self._zone) if start_ns is None else start_ns

    def state(self) -> State:
        """All that later results depend on."""
        return {series: sorted(devices) for series, devices in sorted(self._devices.items())}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._devices = {series: set(devices) for series, devices in state.items()}


def series_of(relative: str) -> str:
    """The recorder's series that a snapshot belongs to, by its name; empty when it says none."""
    name = _name(relative)
    return name.series if name is not None else ""


def _name(relative: str) -> SnapshotName | None:
    try:
        return parse_snapshot_name(PurePosixPath(relative))
    except RecordError:
        return None
