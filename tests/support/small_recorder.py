"""A recorder that delivers small snapshots into a watched folder, for as long as a test wants."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.control_room.database import reading
from connectors.control_room.notes import read_note
from tests.support.snapshot_files import NAME, minute, write_production
from tests.support.watching import deliver

_EVERY_S = 0.3


class SmallRecorder:
    """Delivers small snapshots, a minute of event time each."""

    def __init__(self, aside: Path, data: Path) -> None:
        self.aside = aside
        self.folder = data / "5Hz" / "2022-07-01"
        self.folder.mkdir(parents=True)
        self.minute = 0

    def deliver(self) -> None:
        clock = f"{10 + self.minute // 60:02}-{self.minute % 60:02}"
        shots = {time.replace("09-34", clock): devices for time, devices in minute(2).items()}
        deliver(write_production(self.aside / NAME.replace("09-34", clock), shots), self.folder)
        self.minute += 1

    @contextmanager
    def delivering(self) -> Iterator[None]:
        """Snapshots keep coming while the block runs, however long it looks: a pause would be a stop of its own."""
        over = threading.Event()

        def deliver_on() -> None:
            while not over.wait(_EVERY_S):
                self.deliver()

        thread = threading.Thread(target=deliver_on, name="recorder")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def deliver_until_missed(self, state: Path) -> None:
        """Until the watch would miss the next one."""
        while not data_are_coming(state):
            self.deliver()
            time.sleep(_EVERY_S)


def data_are_coming(state: Path) -> bool:
    with reading(state) as connection:
        note = read_note(connection, "data_alerts")
    return note is not None and json.loads(note)["coming"]
