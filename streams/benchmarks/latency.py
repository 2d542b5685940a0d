"""How soon after a snapshot was closed its alerts are out, on a live watch that hears of files from the kernel."""

import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.spool_intake import SpoolSettings
from connectors.state.reader import StateReader
from models.alerts.alert import AlertChange, AlertEvent
from models.errors import FatalError
from models.snapshot_sequence import SequenceSettings
from streams.benchmarks.facility_load import FACILITY_CAMERAS, FacilityLoad
from streams.benchmarks.figure import Figure
from streams.settings import load_settings
from streams.warm_up import warm_up
from streams.watch import Watch, open_watch

# A camera scores from its 300th frame on: a first snapshot of so many shots prepares it.
_LEARNING_SHOTS = 330
# Only a series' first snapshot waits for its turn, and only what came before the watch has to settle: the preparation
# takes less, and what is measured stays the same.
_FIRST_WAITS, _SETTLES = SequenceSettings(reorder_wait_s=0.5), SpoolSettings(settle_s=0.5)
_QUIET_S = 0.3
_LOOK_EVERY_S = 0.05
_GIVE_UP_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySize:
    """How many snapshots come one by one, and how many together."""

    repeats: int = 100
    recorders: int = FACILITY_CAMERAS


def measure_latency(size: LatencySize) -> Iterator[Figure]:
    """Seconds from a snapshot's move into the watched folder to its alert, and until many are all done.

    Each snapshot has 600 images, 600 energies and 600 spectra, and a burnt spot in ten of the images, so
    that each gives an alert.
    """
    warm_up()  # the first alerts of a process load kernels and libraries
    load = FacilityLoad()
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
        yield from _one_by_one(load, Path(folder), size.repeats)
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
        yield from _together(load, Path(folder), size.recorders)


def _one_by_one(load: FacilityLoad, folder: Path, repeats: int) -> Iterator[Figure]:
    aside = folder / "aside"
    with _live_watch(folder) as live:
        live.drop([load.write(aside, 0, 0, shots=_LEARNING_SHOTS)], aside)
        live.wait_for_files(1)
        taken = []
        for minute in range(1, repeats + 1):
            path = load.write(aside, 0, minute, fault=True)
            time.sleep(_QUIET_S)
            dropped_s = live.drop([path], aside)
            taken.append(live.wait_for_alert(load.relative_path(0, minute)) - dropped_s)
            (live.data / load.relative_path(0, minute)).unlink()
    taken.sort()
    what = "file close to alert, one 600-image snapshot on an idle watch"
    spread = (taken[0], taken[-1])
    yield Figure(name=f"{what}, median of {repeats}", value=statistics.median(taken), unit="s", spread=spread)
    last = taken[math.ceil(0.99 * len(taken)) - 1]
    yield Figure(name=f"{what}, 99th percentile", value=last, unit="s", wanted="<= 1", spread=spread)


def _together(load: FacilityLoad, folder: Path, recorders: int) -> Iterator[Figure]:
    aside = folder / "aside"
    with _live_watch(folder) as live:
        for recorder in range(recorders):
            live.drop([load.write(aside, recorder, 0, shots=_LEARNING_SHOTS)], aside)
        live.wait_for_files(recorders)
        paths = [load.write(aside, recorder, 1, fault=True) for recorder in range(recorders)]
        dropped_s = live.drop(paths, aside)
        heard = [live.wait_for_alert(load.relative_path(recorder, 1)) for recorder in range(recorders)]
        live.wait_for_files(2 * recorders)
        done_s = time.perf_counter()
    what = f"{recorders} snapshots of 600 images that close together"
    yield Figure(name=f"{what}: all alerts", value=max(heard) - dropped_s, unit="s", wanted="<= 45")
    yield Figure(name=f"{what}: all committed", value=done_s - dropped_s, unit="s", wanted="<= 45")
    yield Figure(name=f"{what}: images a second", value=recorders * 600 / (done_s - dropped_s), unit="images/s")


@dataclass(slots=True)
class _LiveWatch:
    """A watch on a thread of its own, and what it told."""

    data: Path
    state: Path
    heard_s: dict[str, float] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)
    watch: Watch | None = None
    error: BaseException | None = None

    def work(self) -> None:
        try:
            settings = load_settings(None, sequence=_FIRST_WAITS, spool=_SETTLES)
            with open_watch([self.data], self.state, settings, on_alerts=self._hear) as watch:
                self._tell(watch)
                watch.run()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            with self.news:
                self.error = error
                self.news.notify_all()

    def drop(self, paths: list[Path], aside: Path) -> float:
        """Move snapshots into the watched folder; when the last one was there."""
        for path in paths:
            (self.data / path.relative_to(aside)).parent.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.replace(self.data / path.relative_to(aside))
        return time.perf_counter()

    def wait_for_alert(self, relative: str) -> float:
        """When the first alert about a file was out."""
        with self.news:
            self._wait(lambda: relative in self.heard_s, f"an alert about {relative}")
            return self.heard_s[relative]

    def wait_for_files(self, number: int) -> None:
        """Wait until so many files are committed."""
        give_up_s = time.perf_counter() + _GIVE_UP_S
        while self._accepted() < number:
            if self.error is not None:
                raise self.error
            if time.perf_counter() > give_up_s:
                raise FatalError(f"the watch has not taken {number} files within {_GIVE_UP_S:g} s", reason="benchmark")
            time.sleep(_LOOK_EVERY_S)

    def wait_until_running(self) -> None:
        """Wait until the watch is ready."""
        with self.news:
            self._wait(lambda: self.watch is not None, "the watch")

    def _accepted(self) -> int:
        with StateReader.open(self.state) as reader:
            return int(reader.ledger()["files"]["accepted"])

    def _wait(self, predicate: Callable[[], bool], what: str) -> None:
        self.news.wait_for(lambda: self.error is not None or predicate(), _GIVE_UP_S)
        if self.error is not None:
            raise self.error
        if not predicate():
            raise FatalError(f"waited {_GIVE_UP_S:g} s in vain for {what}", reason="benchmark")

    def _tell(self, watch: Watch) -> None:
        with self.news:
            self.watch = watch
            self.news.notify_all()

    def _hear(self, events: list[AlertEvent]) -> None:
        now_s = time.perf_counter()
        with self.news:
            for event in events:
                if event.change is AlertChange.OPENED:
                    self.heard_s.setdefault(event.alert.source.file, now_s)
            self.news.notify_all()


@contextmanager
def _live_watch(folder: Path) -> Iterator[_LiveWatch]:
    live = _LiveWatch(folder / "data", folder / "state")
    live.data.mkdir()
    thread = threading.Thread(target=live.work, name="watch")
    thread.start()
    try:
        live.wait_until_running()
        yield live
    finally:
        if live.watch is not None:
            live.watch.stop()
        thread.join()
