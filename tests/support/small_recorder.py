"""A recorder that delivers small snapshots into a watched folder, for as long as a test wants."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from connectors.control_room.database import reading
from connectors.control_room.notes import read_note
from tests.support.snapshot_files import NAME, minute, write_production
from tests.support.watching import deliver, wait_until


class SmallRecorder:
    """Delivers small snapshots, a minute of event time each."""

    def __init__(self, aside: Path, data: Path) -> None:
        self.aside = aside
        self.folder = data / "5Hz" / "2022-07-01"
        self.folder.mkdir(parents=True)
        self.minute = 0

    def deliver(self) -> None:
        name = NAME.replace("09-34-00", f"10-{self.minute:02}-00")
        shots = {time.replace("09-34", f"10-{self.minute:02}"): devices for time, devices in minute(2).items()}
        deliver(write_production(self.aside / name, shots), self.folder)
        self.minute += 1

    def deliver_until(self, condition: Callable[[], bool]) -> None:
        """One after the other: those that lie there when a watch has just begun to look have not come to it."""

        def met() -> bool:
            self.deliver()
            return condition()

        wait_until(met, every_s=1.0)

    def deliver_until_missed(self, state: Path) -> None:
        """Until the watch would miss the next one."""
        while not data_are_coming(state):
            self.deliver()
            time.sleep(0.3)


def data_are_coming(state: Path) -> bool:
    with reading(state) as connection:
        note = read_note(connection, "data_alerts")
    return note is not None and json.loads(note)["coming"]
