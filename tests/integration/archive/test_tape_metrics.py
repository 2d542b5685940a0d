"""What goes wrong with a cartridge shows in the metrics of the keeper of the tapes while it runs."""

import threading
from pathlib import Path

from streams.archive.tape.tape_keeper import open_keeper
from streams.archive.tape.tape_metrics import TapeMetrics
from tests.support.ltfs.drive import TapeShelf
from tests.support.ltfs.faults import Faults
from tests.support.tape_archive import TapeArchive
from tests.support.watching import wait_until
from tests.unit.streams.test_measurement_metrics import read

TROUBLE = "petawatch_tape_needs{kind=tape_trouble,reason=write_failed}"


def test_a_write_that_fails_shows_while_the_keeper_runs(tmp_path: Path, ltfs: TapeShelf) -> None:
    drives = [ltfs.drive(ltfs.cartridge()) for _ in range(2)]
    tapes = TapeArchive(tmp_path / "site", [drive.mount for drive in drives])
    tapes.fill(5)  # four make a bundle
    drives[0].set(Faults(error_at="write"))
    stop, metrics = threading.Event(), TapeMetrics(tapes.clock)
    with tapes.opened() as archive, open_keeper(archive, tapes.clock, tapes.told.append, metrics) as keeper:
        running = threading.Thread(target=keeper.run, args=(stop,))
        running.start()
        try:
            wait_until(lambda: read(metrics.registry)[TROUBLE] == 1)
        finally:
            stop.set()
            running.join()
    assert read(metrics.registry)["petawatch_tape_bundles{}"] == 1
