"""What all tests share: how long they may take, what a missing server means, and simulated days."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from servers.failures import ServerMissingError
from servers.kafka_server import KafkaServer

_ENVIRONMENT = dict(os.environ)  # noqa: TID251 - the one place of the tests that reads it
#: `make test-long` runs the drills in full.
LONG = _ENVIRONMENT.get("PETAWATCH_TEST_LONG", "") not in {"", "0"}
#: In CI what is missing is a failure: it is installed there.
CI = _ENVIRONMENT.get("CI", "").lower() == "true"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drills in full only when they are asked for."""
    if LONG:
        return
    shortened = [item for item in items if "long" in item.keywords]
    if shortened:
        config.hook.pytest_deselected(items=shortened)
        items[:] = [item for item in items if "long" not in item.keywords]


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
