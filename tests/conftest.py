"""What all tests share: how long they may take, what a missing server means, and simulated days."""

import os
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from servers.alertmanager_server import alertmanager_program
from servers.failures import ServerFailedError, ServerMissingError
from servers.kafka_server import KafkaServer
from servers.minio_binary import BUILD_S, MinioBuild, find_minio
from servers.minio_server import MinioServer
from servers.mongodb_server import MongodbServer
from servers.prometheus_server import prometheus_program
from tests.support.ltfs.drive import MountError, Tapes, TapeShelf

_ENVIRONMENT = dict(os.environ)  # noqa: TID251 - the one place of the tests that reads it
#: `make test-long` runs the drills in full.
LONG = _ENVIRONMENT.get("PETAWATCH_TEST_LONG", "") not in {"", "0"}
_BUILD = MinioBuild()
#: In CI what is missing is a failure: it is installed there.
CI = _ENVIRONMENT.get("CI", "").lower() == "true"

# A change is judged by the same examples each time, however slow the machine is; `make test-long` looks for new ones.
settings.register_profile(
    "petawatch", derandomize=not LONG, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("petawatch")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drills in full only when they are asked for; what waits for a program that must be built first comes last."""
    shortened = [] if LONG else [item for item in items if "long" in item.keywords]
    if shortened:
        config.hook.pytest_deselected(items=shortened)
        items[:] = [item for item in items if "long" not in item.keywords]
    if find_minio() is None:
        items.sort(key=_needs_minio)
        for item in filter(_needs_minio, items):
            item.add_marker(pytest.mark.timeout(BUILD_S))


def _needs_minio(item: pytest.Item) -> bool:
    return bool({"minio", "minio_build"} & set(getattr(item, "fixturenames", ())))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build MinIO while other tests run, if one needs it and it is nowhere."""
    if not session.config.option.collectonly and any(map(_needs_minio, session.items)):
        with suppress(ServerMissingError, ServerFailedError):  # who asks for it is told
            _BUILD.begin()


def pytest_sessionfinish() -> None:
    """Whoever ends early needs no build any more."""
    _BUILD.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all that is needed can be installed, a skipped test is a failed one."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> Iterator[None]:
    """Settings in the environment of whoever runs the tests change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _ENVIRONMENT:
            if name.startswith("PETAWATCH_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_priority() -> Iterator[None]:
    """A command that runs in this process and gives way to others takes no priority from the tests after it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("give_way", "step_back"):
            patch.setattr(f"connectors.process_priority.{name}", lambda: None)
        yield


@pytest.fixture(scope="session")
def long_drills() -> bool:
    """Whether drills are run in full."""
    return LONG


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what several tests only read."""
    return tmp_path_factory.mktemp("session")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka that all tests share: take topics of your own (``tests.support.kafka``), and don't stop it."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    try:
        server.start()
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def minio_build() -> MinioBuild:
    """MinIO's program, which may still be built: to start servers of one's own."""
    try:
        _BUILD.wait()
    except ServerMissingError as error:
        pytest.skip(str(error))
    return _BUILD


@pytest.fixture(scope="session")
def minio(minio_build: MinioBuild, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A real MinIO that all tests share: make buckets of your own (``tests.support.minio``), and don't stop it."""
    with MinioServer(tmp_path_factory.mktemp("minio"), build=minio_build) as server:
        yield server


@pytest.fixture(scope="session")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tapes]:
    """The process that mounts cartridges; skips where nothing can be mounted, see ``ltfs``."""
    try:
        with Tapes() as server:
            server.try_to_mount(tmp_path_factory.mktemp("tapes"))
            yield server
    except (MountError, ServerMissingError, ServerFailedError) as error:
        pytest.skip(f"cartridges can't be mounted here: {error}")


@pytest.fixture
def ltfs(tapes: Tapes, tmp_path: Path) -> Iterator[TapeShelf]:
    """Drives and cartridges that behave as LTFS does: real mounts, each a process, gone when the test ends.

    ``ltfs.cartridge()`` formats a cartridge (a folder that outlives every mount) and ``ltfs.drive(cartridge)`` mounts
    it: ``drive.mount`` is the mount point. ``drive.set(Faults(...))`` makes it fail (``tests.support.ltfs.faults``), as
    does ``ltfs.drive(cartridge, Faults(...))``. ``drive.remount()``, ``unmount()``, ``load(cartridge)`` and ``kill()``
    (then ``recover()``) do what operators and crashes do; ``cartridge.rot(path)``, ``protect()``, ``stored()`` and
    ``ltfsck()`` reach past the file system. ``ltfs.remount_command`` is for ``[tape] remount``.
    """
    shelf = TapeShelf(tapes, tmp_path / "ltfs")
    try:
        yield shelf
    finally:
        shelf.close()


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongodbServer]:
    """A real server of MongoDB's protocol that all tests share: take a database of your own, and don't stop it."""
    server = MongodbServer(tmp_path_factory.mktemp("mongodb"))
    try:
        server.start()
    except ServerMissingError as error:
        pytest.skip(str(error))
    yield server
    server.kill()  # nobody needs its data any more, and it takes its time to end


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Prometheus and promtool are there, fetched if need be; then start a ``PrometheusServer`` of your own."""
    try:
        prometheus_program()
    except ServerMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def alertmanager_programs() -> None:
    """Alertmanager and amtool are there, fetched if need be; then start an ``AlertmanagerServer`` of your own."""
    try:
        alertmanager_program()
    except ServerMissingError as error:
        pytest.skip(str(error))
