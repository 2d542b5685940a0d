"""Every drill on a real broker: whatever breaks, the recorder says in the end what an undisturbed watch says."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.simulation.settings import SimulationSettings
from servers.kafka_server import KafkaServer
from streams.drills.broker_control import CommandBroker
from streams.drills.catalogue import DRILLS, NEED_BROKER, simulated_day
from streams.drills.run import run_drill

#: Four minutes, since a roster is learned for two; faults in the last minute.
_DAY = SimulationSettings(minutes=4, stages=2, hz=10, seed=5, fault_spacing_s=12)
_REPEATS, _LONG_REPEATS = 3, 20
_SMALL_FILES = 12 << 20

pytestmark = pytest.mark.timeout(600)


class _Broker:
    """Power over a broker of the tests' own."""

    def __init__(self, server: KafkaServer) -> None:
        self._server = server

    def kill(self) -> None:
        self._server.kill()

    def start(self) -> None:
        self._server.start()

    def fill_disk(self) -> None:
        """No file of it can grow beyond what an index takes from the start: the next segment fails."""
        resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE, (_SMALL_FILES, resource.RLIM_INFINITY))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A day's snapshots, and what an embedded watch makes of them."""
    return simulated_day(tmp_path_factory.mktemp("drills"), None, _DAY)


@pytest.fixture(scope="module")
def mortal_kafka(tmp_path_factory: pytest.TempPathFactory, kafka: KafkaServer) -> Iterator[KafkaServer]:
    """A broker of this module's own, which may die."""
    with KafkaServer(tmp_path_factory.mktemp("mortal-kafka")) as server:
        yield server


def _config(folder: Path, server: KafkaServer) -> Path:
    config = folder / "petawatch.toml"
    config.write_text(f'[kafka]\nbootstrap_servers = "{server.address}"\n')
    return config


@pytest.mark.parametrize("name", [name for name in DRILLS if name not in NEED_BROKER])
def test_drill(name: str, kafka: KafkaServer, simulated: tuple[Path, Path], tmp_path: Path, long_drills: bool) -> None:
    data, expected = simulated
    repeats = _LONG_REPEATS if long_drills and name == "worker-killed" else _REPEATS
    result = run_drill(
        name,
        tmp_path / name,
        data,
        expected,
        config=_config(tmp_path, kafka),
        broker=CommandBroker("", ""),
        repeats=repeats,
        seed=1,
    )
    assert not result.failure, result.failure


@pytest.mark.parametrize("name", sorted(NEED_BROKER))
def test_drill_with_the_broker(
    name: str, mortal_kafka: KafkaServer, simulated: tuple[Path, Path], tmp_path: Path
) -> None:
    data, expected = simulated
    result = run_drill(
        name,
        tmp_path / name,
        data,
        expected,
        config=_config(tmp_path, mortal_kafka),
        broker=_Broker(mortal_kafka),
        repeats=_REPEATS,
        seed=1,
    )
    assert not result.failure, result.failure
