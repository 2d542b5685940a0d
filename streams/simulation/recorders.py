"""The recorders of a simulated laser: they close snapshots in time, and remove old ones as a facility does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from connectors.durable_files import replace_file
from connectors.snapshots.writer import write_production_snapshot
from models.devices import Device
from models.event_time import MINUTE_NS, SECOND_NS
from models.simulation.faults import FaultLabel
from models.simulation.laser import DeviceMinute, LaserSimulator
from models.snapshot_names import parse_snapshot_name
from models.snapshot_sequence import snapshot_start_ns
from streams.simulation.files import snapshot_place

# A fault lasts seconds: one that an earlier snapshot began with is among so many labels.
_LATEST_LABELS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingSnapshot:
    """A snapshot that is written, and not yet closed under its name.

    Attributes
    ----------
    end_ns
        Event time at which its last shot has been fired.
    file, place
        Where it lies, and where it belongs.
    faults
        Those with a shot in it.
    """

    end_ns: int
    file: Path
    place: Path
    faults: tuple[FaultLabel, ...]


class SimulatedRecorders:
    """One recorder for each stage of a simulated laser, with a folder for all of them.

    Parameters
    ----------
    out
        Gets ``data/<R>Hz/<date>/*.h5``, and ``labels.json`` with the faults in what was closed. Labels that are there
        stay: an earlier run of the same laser wrote them.
    coming
        A hidden folder of the same file system, for what is not closed yet.
    snapshot_s
        Length of a snapshot, a whole part of a minute.
    """

    def __init__(self, out: Path, coming: Path, simulator: LaserSimulator, snapshot_s: int) -> None:
        self._data, self._labels_file, self._coming = out / "data", out / "labels.json", coming
        self._simulator, self._snapshot_s = simulator, snapshot_s
        self._labels: list[dict[str, Any]] = []
        if self._labels_file.exists():
            self._labels = json.loads(self._labels_file.read_text(encoding="utf-8"))["labels"]

    def prepare(self, minute: int) -> list[ComingSnapshot]:
        """Write a minute's snapshots aside, in the order in which they are due."""
        snapshots = [
            self._write(stage, part_ns, recorded, faults)
            for stage in range(len(self._simulator.stages))
            for part_ns, recorded, faults in self._parts(stage, minute)
        ]
        return sorted(snapshots, key=lambda snapshot: snapshot.end_ns)

    def close(self, snapshot: ComingSnapshot) -> list[FaultLabel]:
        """Move a snapshot into its place, unless an interrupted run did; the faults that it shows first."""
        if snapshot.place.exists():
            snapshot.file.unlink()
        else:
            snapshot.place.parent.mkdir(parents=True, exist_ok=True)
            snapshot.file.replace(snapshot.place)
        latest = self._labels[-_LATEST_LABELS:]
        fresh = [fault for fault in snapshot.faults if fault.document() not in latest]
        self._labels += [fault.document() for fault in fresh]
        if fresh or not self._labels_file.exists():
            document = {**self._simulator.labels_document(), "labels": self._labels}
            replace_file(self._labels_file, (json.dumps(document, indent=1) + "\n").encode())
        return fresh

    def remove_before(self, before_ns: int) -> None:
        """Remove the snapshots that began earlier, and folders of days that are empty then."""
        for file in sorted(self._data.rglob("*.h5")):
            start_ns = snapshot_start_ns(parse_snapshot_name(file.relative_to(self._data)))
            if start_ns is not None and start_ns < before_ns:
                file.unlink(missing_ok=True)
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()

    def forget_coming(self) -> None:
        """Remove what was written aside."""
        for file in self._coming.iterdir():
            file.unlink()

    def _parts(
        self, stage: int, minute: int
    ) -> Iterator[tuple[int, dict[Device, DeviceMinute], tuple[FaultLabel, ...]]]:
        """A minute's snapshots of one stage: when each begins, what it holds, its faults."""
        recorded = self._simulator.minute(stage, minute)
        faults = self._simulator.faults_in(stage, minute)
        start_ns = self._simulator.settings.start_ns + minute * MINUTE_NS
        length_ns = self._snapshot_s * SECOND_NS
        for part_ns in range(start_ns, start_ns + MINUTE_NS, length_ns):
            end_ns = part_ns + length_ns
            yield (
                part_ns,
                {device: _between(whole, part_ns, end_ns) for device, whole in recorded.items()},
                tuple(fault for fault in faults if fault.first_shot_ns < end_ns and fault.last_shot_ns >= part_ns),
            )

    def _write(
        self, stage: int, start_ns: int, recorded: dict[Device, DeviceMinute], faults: tuple[FaultLabel, ...]
    ) -> ComingSnapshot:
        place = self._data / snapshot_place(self._simulator, stage, start_ns, self._snapshot_s)
        file = self._coming / place.name
        write_production_snapshot(file, recorded, gzip=self._simulator.settings.gzip)
        end_ns = start_ns + self._snapshot_s * SECOND_NS
        return ComingSnapshot(end_ns=end_ns, file=file, place=place, faults=faults)


def _between(whole: DeviceMinute, start_ns: int, end_ns: int) -> DeviceMinute:
    """The part of a device's minute from one time to another."""
    begin, end = np.searchsorted(whole.event_time_ns, [start_ns, end_ns])
    part = slice(begin, end)
    return replace(whole, event_time_ns=whole.event_time_ns[part], state=whole.state[part], payload=whole.payload[part])
