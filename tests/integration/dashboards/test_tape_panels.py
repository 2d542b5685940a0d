"""The panels about tape have data, from a keeper of tapes that a real Prometheus has scraped every second."""

from collections.abc import Iterator

import pytest

from connectors.clock import SystemClock
from dashboards.grafana.archive_and_tape import TAPE_ROW
from models.event_time import SECOND_NS
from servers.prometheus_server import PrometheusServer
from servers.server_process import free_port
from tests.support.grafana_panels import PanelQuery, queries
from tests.support.scraped import Scraped, has_data, value_of
from tests.support.tape_archive import TapeArchive
from tests.support.watching import petawatch_running, wait_until

OF_TAPES = [query for query in queries() if query.row == TAPE_ROW]


@pytest.fixture(scope="module")
def scraped(prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A bundle waits for cartridges, and none is mounted; the keeper goes on."""
    folder = tmp_path_factory.mktemp("tape-panels")
    drive = folder / "drive"
    drive.mkdir()
    archive = TapeArchive(folder, [drive])
    archive.fill(5)
    address, since_s = f"127.0.0.1:{free_port()}", SystemClock().now_ns() / SECOND_NS
    with (
        petawatch_running("archive", "tape", "--config", archive.config, "--http", address) as keeper,
        PrometheusServer(folder / "prometheus", jobs={"tape": [address]}) as prometheus,
    ):

        def wants_room() -> bool:
            assert keeper.poll() is None, keeper.communicate()
            return value_of(prometheus, 'petawatch_tape_needs{reason="no_room"}') == 1

        wait_until(wants_room)
        assert value_of(prometheus, "petawatch_tape_bundles") == 1
        yield Scraped.up_to_now(prometheus, "tape", since_s)


@pytest.mark.parametrize("query", OF_TAPES, ids=lambda query: f"{query.panel} {query.number}")
def test_every_panel_has_data(scraped: Scraped, query: PanelQuery) -> None:
    found = scraped.series(query)
    assert has_data(found), f"{query} has given {found}"
