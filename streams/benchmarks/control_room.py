"""How soon an alert is on the wall, what a storm of alerts and 94 cameras cost, how fast rows are given out."""

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.clock import SystemClock
from connectors.control_room.reader import ControlRoomReader
from connectors.live_board import BOARD_NAME, LiveBoardWriter
from connectors.sqlite_file import connect
from connectors.state.alarm_feed import FeedEntry
from connectors.state.commit import Commit
from connectors.state.database import DATABASE_NAME
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from models.alarms.incident import Incident
from models.alerts.alert import (
    Alert,
    AlertChange,
    AlertEvent,
    AlertKind,
    AlertSource,
    AlertStatus,
    Severity,
    alert_id,
)
from models.devices import Device
from models.errors import FatalError
from models.event_time import MINUTE_NS, SECOND_NS
from models.live_reading import LiveReading
from models.records import IMAGE_SHAPE, Refusal
from models.results import Scoring
from streams.alarms.alarm_keeper import AlarmKeeper
from streams.benchmarks.console_client import GIVE_UP_S, Page, Window, console_process
from streams.benchmarks.cpu_seconds import CpuSeconds
from streams.benchmarks.facility_load import FACILITY_CAMERAS, FacilityLoad
from streams.benchmarks.figure import Figure, median_figure
from streams.settings import load_settings

# Only a series' first snapshot waits for its turn, and only what came before the watch has to settle.
_SETTINGS = "[sequence]\nreorder_wait_s = 0.5\n[spool]\nsettle_s = 0.5\n"
# A camera scores from its 300th frame on.
_LEARNING_MINUTES = 2
_QUIET_S = 0.3
_LOOK_EVERY_S = 0.002
# A second's alerts come together, as its snapshots' commits bring them, and are over with the next.
_STORM_COMMITS = 60
_STORM_COMMIT_EVERY_S = 0.1
_SHOWN_EVERY_S = 0.5
_MOST_INCIDENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRoomSize:
    """How many faults at each rate of shots, alerts of the storm, seconds of the wall, and exports of rows."""

    rates_hz: tuple[float, ...] = (5.0, 10.0)
    faults: int = 9
    alerts: int = 1_000
    wall_s: float = 5.0
    exports: int = 5


def measure_control_room(size: ControlRoomSize) -> Iterator[Figure]:
    """The console and the keeper of alarms as processes beside a watch that has learned, and beside a storm."""
    for hz in size.rates_hz:
        with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
            yield from _faults(Path(folder), hz, size)
    with tempfile.TemporaryDirectory(prefix="petawatch-bench-") as folder:
        yield from _storm_and_wall(Path(folder), size)


def _faults(folder: Path, hz: float, size: ControlRoomSize) -> Iterator[Figure]:
    load, aside, data, state = FacilityLoad(hz), folder / "aside", folder / "data", folder / "state"
    config = folder / "petawatch.toml"
    config.write_text(_SETTINGS, encoding="utf-8")
    data.mkdir()
    command: list[str | Path] = ["watch", data, "--state", state, "--config", config, "--console", "127.0.0.1:0"]
    heard = _Heard()
    with console_process(command, folder / "watch.log") as (_, port), Window(port, heard.on_event):
        for minute in range(_LEARNING_MINUTES):
            _drop(load.write(aside, 0, minute), aside, data)
        _wait_for(lambda: _accepted(state) == _LEARNING_MINUTES, "the first snapshots")
        taken: list[tuple[float, float, float]] = []
        for number in range(size.faults):
            path = load.write(aside, 0, _LEARNING_MINUTES + number, fault=True)
            time.sleep(_QUIET_S)
            taken.append(_one_fault(path, aside, data, state, heard))
        names = ("committed", "announced", "answered to the wall")
        for name, seconds in zip(names, zip(*taken, strict=True), strict=True):
            what = f"file close to alert {name}, 60 s at {hz:g} Hz, median of {size.faults}"
            wanted = "" if name == "committed" else "<= 1"
            yield median_figure(what, sorted(seconds), unit="s", per=1.0, wanted=wanted)
        if hz == size.rates_hz[-1]:
            yield _export(port, size.exports)


def _one_fault(path: Path, aside: Path, data: Path, state: Path, heard: "_Heard") -> tuple[float, float, float]:
    """Seconds from the move of a snapshot to the alert's commit, to the step of its alarm, to the wall's answer."""
    alerts, announced, shown = _alerts(state), _episodes(state), heard.episodes
    dropped_s = _drop(path, aside, data)
    committed_s = _wait_for(lambda: _alerts(state) > alerts, "an alert")
    announced_s = _wait_for(lambda: _episodes(state) > announced, "an incident")
    shown_s = heard.wait_for_more(shown)
    return committed_s - dropped_s, announced_s - dropped_s, shown_s - dropped_s


def _export(port: int, repeats: int) -> Figure:
    rows, rates = 0, []
    with closing(Page(port)) as page:
        for _ in range(repeats):
            began_s = time.perf_counter()
            rows = len(pa.ipc.open_stream(page.get("/api/v1/shots?format=arrow")).read_all())
            rates.append(rows / (time.perf_counter() - began_s))
    name = f"rows as Arrow from the console, all columns, {rows:,} rows"
    return Figure(name=name, value=statistics.median(rates), unit="rows/s", spread=(min(rates), max(rates)))


def _storm_and_wall(folder: Path, size: ControlRoomSize) -> Iterator[Figure]:
    state, load = folder / "state", FacilityLoad()
    cameras = [load.devices(recorder)[0] for recorder in range(FACILITY_CAMERAS)]
    with ExitStack() as stack:
        directory = stack.enter_context(StateDirectory.open(state))
        board = stack.enter_context(LiveBoardWriter(state / BOARD_NAME, SystemClock()))
        command: list[str | Path] = ["console", "--state", state, "--http", "127.0.0.1:0"]
        process, port = stack.enter_context(console_process(command, folder / "console.log"))
        yield from _storm(directory, state, port, _storm_alerts(cameras, load.start_ns(0), size.alerts))

        def ask(event: str, data: dict[str, Any], page: Page) -> None:
            if event == "frames":
                page.get(f"/live/frames?since={max(0, data['number'] - FACILITY_CAMERAS)}")

        with Window(port, ask):
            before_s, began_s = process.cpu_s, time.perf_counter()
            while time.perf_counter() - began_s < size.wall_s:
                _show(board, cameras, load.start_ns(0))
                time.sleep(_SHOWN_EVERY_S)
            share = (process.cpu_s - before_s) / (time.perf_counter() - began_s)
    name = f"console's processor time, {FACILITY_CAMERAS} cameras twice a second to one window"
    yield Figure(name=name, value=100 * share, unit="% of a core")


def _storm_alerts(cameras: list[Device], start_ns: int, number: int) -> list[Alert]:
    """So many episodes of one minute, on all cameras in turn."""
    found = []
    for place in range(number):
        camera, first_ns = cameras[place % len(cameras)], start_ns + place * MINUTE_NS // number
        found.append(
            Alert(
                id=alert_id(camera, AlertKind.IMAGE_ANOMALY, first_ns),
                kind=AlertKind.IMAGE_ANOMALY,
                severity=Severity.HIGH,
                status=AlertStatus.OPEN,
                stage=camera.stage,
                device=camera.name,
                first_shot_ns=first_ns,
                last_shot_ns=first_ns + SECOND_NS // 10,
                shots=2,
                score=9.0,
                reasons=("residual",),
                model="",
                source=AlertSource(file="storm.h5", sha256="0" * 64, path=str(place)),
                opened_ns=first_ns,
            )
        )
    return found


def _storm(directory: StateDirectory, state: Path, port: int, alerts: list[Alert]) -> Iterator[Figure]:
    pages: list[float] = []
    over = threading.Event()

    def look() -> None:
        with closing(Page(port)) as page:
            while not over.wait(0.05):
                began_s = time.perf_counter()
                page.get("/incidents")
                pages.append(time.perf_counter() - began_s)

    clock = SystemClock()
    keeper, looker = AlarmKeeper(state, load_settings(None), clock, lambda: None), threading.Thread(target=look)
    with CpuSeconds() as cpu:
        keeper.start()
        looker.start()
        before: list[Alert] = []
        for now in (*(list(part) for part in np.array_split(np.array(alerts, object), _STORM_COMMITS)), []):
            ended = [replace(each, status=AlertStatus.CLOSED) for each in before]
            events = [AlertEvent(change=AlertChange.CLOSED, alert=each) for each in ended]
            events += [AlertEvent(change=AlertChange.OPENED, alert=each) for each in now]
            feed = [FeedEntry(alert=event.alert, committed_ns=clock.now_ns()) for event in events]
            directory.commit(Commit(alerts=events, feed=feed))
            keeper.notify()
            before = now
            time.sleep(_STORM_COMMIT_EVERY_S)
        try:
            _wait_for(lambda: _are_taken(keeper, state, len(alerts)), "all episodes in incidents")
        finally:
            over.set()
            looker.join()
            keeper.stop()
    what = f"{len(alerts):,} episodes of a minute on {FACILITY_CAMERAS} cameras"
    incidents = ControlRoomReader(state).incidents(limit=_MOST_INCIDENTS)
    yield Figure(name=f"{what}: incidents", value=len(incidents), unit="incidents")
    yield Figure(name=f"{what}: processor time of the keeper", value=cpu.by_thread["alarms"], unit="s")
    yield median_figure(f"{what}: the list of incidents meanwhile", sorted(pages), unit="ms", per=1e3, wanted="200")
    yield from _acknowledged(port, what, incidents)


def _acknowledged(port: int, what: str, incidents: list[Incident]) -> Iterator[Figure]:
    """Each incident as its page does it: the step, then the page as it stands, which takes the place of the first."""
    taken, sizes = [], []
    with closing(Page(port)) as page:
        for incident in incidents:
            path = f"/incidents/{incident.id}"
            shown = page.get(path)
            began_s = time.perf_counter()
            page.post(f"{path}/acknowledge", shown)
            sizes.append(len(page.get(path)))
            taken.append(time.perf_counter() - began_s)
    most = max(incident.episodes for incident in incidents)
    name = f"{what}: acknowledging on an incident's page, of up to {most:,} episodes, and the page anew"
    yield median_figure(name, sorted(taken), unit="ms", per=1e3, wanted="200")
    yield Figure(name=f"{what}: largest page of an incident", value=max(sizes) / 1e3, unit="kB")


def _are_taken(keeper: AlarmKeeper, state: Path, alerts: int) -> bool:
    keeper.check()
    return _episodes(state) == alerts


def _show(board: LiveBoardWriter, cameras: list[Device], event_time_ns: int) -> None:
    picture = np.random.default_rng(event_time_ns).integers(0, 255, IMAGE_SHAPE, np.uint8)
    for camera in cameras:
        board.show(
            LiveReading(
                device=camera,
                event_time_ns=event_time_ns,
                scoring=Scoring.SCORED,
                refusal=Refusal.NONE,
                score=1.0,
                anomalous=False,
                values={"centroid_x_px": 64.0, "centroid_y_px": 51.0},
                thumbnail=picture,
            )
        )


class _Heard:
    """What a window knows of the incidents: it asks as the wall does, whenever it is told that they changed."""

    def __init__(self) -> None:
        self.episodes = 0
        self._when_s = 0.0
        self._news = threading.Condition()

    def on_event(self, event: str, _: dict[str, Any], page: Page) -> None:
        """Ask."""
        if event == "incidents":
            incidents = json.loads(page.get("/live/incidents"))["incidents"]
            with self._news:
                self.episodes, self._when_s = sum(each["episodes"] for each in incidents), time.perf_counter()
                self._news.notify_all()

    def wait_for_more(self, than: int) -> float:
        """When it knew of more episodes than so many."""
        with self._news:
            if not self._news.wait_for(lambda: self.episodes > than, GIVE_UP_S):
                raise FatalError("the wall was told of no incident", reason="benchmark")
            return self._when_s


def _drop(path: Path, aside: Path, data: Path) -> float:
    """Move a snapshot into the watched folder; when it was there."""
    target = data / path.relative_to(aside)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return time.perf_counter()


def _wait_for(holds: Callable[[], bool], what: str) -> float:
    """When it held."""
    give_up_s = time.perf_counter() + GIVE_UP_S
    while not holds():
        if time.perf_counter() > give_up_s:
            raise FatalError(f"waited {GIVE_UP_S:g} s in vain for {what}", reason="benchmark")
        time.sleep(_LOOK_EVERY_S)
    return time.perf_counter()


def _accepted(state: Path) -> int:
    with StateReader.open(state) as reader:
        return int(reader.ledger()["files"]["accepted"])


def _alerts(state: Path) -> int:
    with closing(connect(state / DATABASE_NAME, "mode=ro")) as connection:
        return int(connection.execute("SELECT count(*) FROM alerts").fetchone()[0])


def _episodes(state: Path) -> int:
    return sum(incident.episodes for incident in ControlRoomReader(state).incidents(limit=_MOST_INCIDENTS))
