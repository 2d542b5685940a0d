"""The drills by their names: what each breaks, while a simulated day runs through an installation of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.simulation.settings import SimulationSettings
from streams.drills.broker_control import BrokerControl, CommandBroker
from streams.drills.decisions import DecidedDay
from streams.drills.installation import SESSION_S, TemporaryInstallation
from streams.drills.poison import send_poison
from streams.drills.shifted_clock import PROGRAM as SHIFTED
from streams.settings import load_settings
from streams.simulation.files import simulate
from streams.watch import open_watch

#: A stage's roster is learned for two minutes of event time: the day is longer.
DAY = SimulationSettings(minutes=4, stages=3, hz=10, seed=5, fault_spacing_s=12)
_BROKER_AWAY_S = 30.0
_HOUR_S = 3600


@dataclass(slots=True)
class DrillSite:
    """What a drill works with.

    Attributes
    ----------
    installation
        Entered, without any process.
    data
        The day's snapshots.
    expected
        State directory of an embedded watch over the same day that nothing disturbed.
    records
        How many the day has.
    repeats
        How often something is broken.
    within_s
        How long the day may take in the end.
    """

    installation: TemporaryInstallation
    data: Path
    expected: Path
    records: int
    repeats: int = 3
    seed: int = 0
    within_s: float = 240.0
    broker: BrokerControl = field(default_factory=lambda: CommandBroker("", ""))
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def wait_for_a_moment(self, part: int, parts: int) -> None:
        """Wait until a random moment in one of several equal parts of the day."""
        share = (part + 0.1 + 0.8 * float(self.random.random())) / (parts + 1)
        self.installation.wait_until_recorded(int(share * self.records), self.within_s)

    def finish(self) -> None:
        """Wait until everything is recorded, just as if nothing had happened."""
        self.installation.wait_until_same(self.expected, self.within_s)


def same_results(site: DrillSite) -> None:
    """One worker gives what the embedded watch gives."""
    site.installation.worker()
    site.installation.connect(site.data)
    site.finish()


def three_workers(site: DrillSite) -> None:
    """Three workers give what the embedded watch gives."""
    for number in (1, 2, 3):
        site.installation.worker(number)
    site.installation.connect(site.data)
    site.finish()


def worker_killed(site: DrillSite) -> None:
    """Workers are killed at random moments and started again."""
    workers = {number: site.installation.worker(number) for number in (1, 2)}
    site.installation.connect(site.data)
    for kill in range(site.repeats):
        site.wait_for_a_moment(kill, site.repeats)
        number = int(site.random.integers(1, 3))
        workers[number].kill()
        workers[number] = site.installation.worker(number)
    site.finish()


def workers_come_and_go(site: DrillSite) -> None:
    """Workers are added and taken away while records come."""
    workers = [site.installation.worker(1)]
    site.installation.connect(site.data)
    site.wait_for_a_moment(0, 4)
    workers.append(site.installation.worker(2))
    site.wait_for_a_moment(1, 4)
    workers.append(site.installation.worker(3))
    site.wait_for_a_moment(2, 4)
    workers[0].stop()
    site.wait_for_a_moment(3, 4)
    workers[1].stop()
    site.finish()


def worker_paused(site: DrillSite) -> None:
    """A worker is paused until the others have taken over, and wakes up as a zombie."""
    zombie, _ = site.installation.worker(1), site.installation.worker(2)
    site.installation.connect(site.data)
    site.wait_for_a_moment(0, 2)
    zombie.pause()
    time.sleep(2.5 * SESSION_S)
    zombie.go_on()
    site.finish()


def connector_killed(site: DrillSite) -> None:
    """The connector is killed in the middle of a file, and started again."""
    site.installation.worker()
    for _ in range(site.repeats):
        connector = site.installation.connect(site.data)
        time.sleep(1.5 + 2.0 * float(site.random.random()))
        connector.kill()
    site.installation.connect(site.data)
    site.finish()


def replayed(site: DrillSite) -> None:
    """The day is produced again by a connector that knows nothing of the first time."""
    site.installation.worker()
    site.installation.connect(site.data)
    site.finish()
    connector = site.installation.connect(site.data, journal="second-journal")
    connector.wait(site.within_s)
    time.sleep(5.0)
    site.finish()


def broker_killed(site: DrillSite) -> None:
    """The broker is away for half a minute."""
    site.installation.worker()
    site.installation.connect(site.data)
    site.wait_for_a_moment(0, 1)
    site.broker.kill()
    time.sleep(_BROKER_AWAY_S)
    site.broker.start()
    site.finish()


def disk_full(site: DrillSite) -> None:
    """The broker can't write its files on, and ends; then there is room again."""
    site.installation.worker()
    site.installation.connect(site.data)
    site.wait_for_a_moment(0, 2)
    site.broker.fill_disk()
    time.sleep(10.0)
    site.broker.kill()
    site.broker.start()
    site.finish()


def clock_jumps(site: DrillSite) -> None:
    """The clock of the worker and of the connector jumps by an hour, forth and back."""
    for jump_s in (_HOUR_S, -_HOUR_S):
        shifted = ["3", str(jump_s)]
        worker = site.installation.worker(1, program=SHIFTED, before=shifted)
        connector = site.installation.connect(site.data, program=SHIFTED, before=shifted)
        site.wait_for_a_moment(0 if jump_s > 0 else 1, 2)
        if jump_s > 0:
            connector.kill()
            worker.stop()
    site.finish()


def poisonous_messages(site: DrillSite) -> None:
    """Messages that nobody can read come among the good ones, in every topic."""
    site.installation.worker()
    site.installation.connect(site.data)
    site.wait_for_a_moment(0, 2)
    sent = send_poison(site.installation.settings)
    site.finish()
    site.installation.wait_until_dead_letters(sent, site.within_s)


def decisions_in_line(site: DrillSite) -> None:
    """At half time a model comes into use, a shadow and a baseline do; workers are killed right behind, and later."""
    day = DecidedDay(site.installation, site.data)
    day.deliver_half(0)
    expected = day.expect()
    workers = {number: site.installation.worker(number) for number in (1, 2)}
    site.installation.connect(day.data).wait(site.within_s)
    site.installation.wait_until_same(expected, site.within_s)
    day.decide()
    workers[1].kill()
    workers[1] = site.installation.worker(1)
    day.deliver_half(1)
    expected = day.expect()
    site.installation.connect(day.data)
    site.installation.wait_until_recorded(int(0.8 * site.records), site.within_s)
    workers[2].kill()
    workers[2] = site.installation.worker(2)
    site.installation.wait_until_same(expected, site.within_s)
    day.require_new_model()
    site.installation.wait_until_same_shadow(expected, site.within_s)


#: Every drill; the first line of its docstring says what it does.
DRILLS: dict[str, Callable[[DrillSite], None]] = {
    "same-results": same_results,
    "three-workers": three_workers,
    "workers-come-and-go": workers_come_and_go,
    "worker-killed": worker_killed,
    "worker-paused": worker_paused,
    "connector-killed": connector_killed,
    "replayed": replayed,
    "poisonous-messages": poisonous_messages,
    "decisions-in-line": decisions_in_line,
    "clock-jumps": clock_jumps,
    "broker-killed": broker_killed,
    "disk-full": disk_full,
}
#: Those that need power over the broker.
NEED_BROKER = frozenset({"broker-killed", "disk-full"})


def simulated_day(folder: Path, config: Path | None, settings: SimulationSettings = DAY) -> tuple[Path, Path]:
    """The snapshots of a day, and the state directory of an embedded watch over them."""
    data, state = simulate(folder / "day", settings), folder / "expected"
    with open_watch([data], state, load_settings(config)) as watch:
        watch.run_once()
    return data, state
