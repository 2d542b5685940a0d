"""Every panel of every dashboard of Grafana has data: its queries are asked of a real Prometheus.

It has scraped a running watch every second while that watched three simulated minutes with faults, an archive, a shadow
and verdicts included. What only a facility or a keeper of tapes has: ``test_facility_panels``, ``test_tape_panels``.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model, install_shadow
from dashboards.grafana.archive_and_tape import TAPE_ROW
from dashboards.grafana.pipeline import FACILITY_ROWS
from models.alerts.verdicts import Verdict
from models.event_time import SECOND_NS
from servers.prometheus_server import PrometheusServer
from servers.server_process import free_port
from streams.deciding import give_verdict
from tests.support.grafana_panels import PanelQuery, documents, queries
from tests.support.scraped import Scraped, has_data, value_of
from tests.support.snapshot_files import METER, EnergyMeter, write_production
from tests.support.watching import LiveWatch, deliver, wait_until, watch_live

STAGE = "LA-A3-32"
RECORDS_OF_A_MINUTE = 1800
#: What a watch without Kafka and tape has.
OF_A_WATCH = [query for query in queries() if query.row not in {*FACILITY_ROWS, TAPE_ROW}]
CHOICES = {
    (name, variable["name"]): variable["query"]["query"]
    for name, document in documents().items()
    for variable in document["templating"]["list"]
    if variable["type"] == "query"
}


@pytest.fixture(scope="module")
def scraped(day: Path, prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """After the watch has seen all there is; both go on."""
    folder = tmp_path_factory.mktemp("panels")
    data, state, port = folder / "data", folder / "state", free_port()
    data.mkdir()
    state.mkdir()
    install_shadow(state, replace(default_model(), seeds={}))
    archive = {"store": str(folder / "store")}
    since_s = SystemClock().now_ns() / SECOND_NS
    with (
        watch_live(data, state, http=f"127.0.0.1:{port}", archive=archive) as live,
        PrometheusServer(folder / "prometheus", jobs={"watch": [f"127.0.0.1:{port}"]}) as prometheus,
    ):
        show_the_day(live, prometheus, day, data)
        show_odd_files(prometheus, folder, data)
        judge(live, prometheus, state)
        yield Scraped.up_to_now(prometheus, "watch", since_s, STAGE)


def show_the_day(live: LiveWatch, prometheus: PrometheusServer, day: Path, data: Path) -> None:
    """Minute by minute: each is read and scraped before the next comes."""
    for number, minute in enumerate(sorted({path.name[-11:] for path in day.rglob("*.h5")}), start=1):
        for path in day.rglob(f"*{minute}"):
            deliver(path, data / path.parent.relative_to(day))
        wait_for_records(live, prometheus, number * RECORDS_OF_A_MINUTE)


def wait_for_records(live: LiveWatch, prometheus: PrometheusServer, read: int) -> None:
    """Until the watch has read so many, and Prometheus knows it."""
    live.until(lambda results: bool(results.ledger["records"]["read"] >= read))
    wait_until(lambda: value_of(prometheus, 'petawatch_ledger_records{state="read"}') >= read)


def show_odd_files(prometheus: PrometheusServer, folder: Path, data: Path) -> None:
    """One that is none, and one with a group that is no record."""
    name = "LB_Laboratory-Recorder_60s_snapshot_2022-07-01_09-3{}-00-000.h5"
    odd = folder / name.format(4)
    odd.write_bytes(b"no HDF5")
    reading = {METER.replace("LA_", "LB_"): EnergyMeter(first=[1.0], second=[1.0])}
    letters = write_production(folder / name.format(5), {"no time": reading, "09-35-00-000": reading})
    for path in (odd, letters):
        deliver(path, data / "5Hz" / "2022-07-01")
    wait_until(lambda: value_of(prometheus, 'petawatch_files_total{result="rejected"}') == 1)
    wait_until(lambda: value_of(prometheus, "sum(petawatch_dead_letters_total)") == 1)


def judge(live: LiveWatch, prometheus: PrometheusServer, state: Path) -> None:
    """One alert was right, another one not."""
    right, wrong, *_ = [alert["id"] for alert in live.until(lambda results: len(results.alerts) > 1).alerts]
    give_verdict(state, right, Verdict.TRUE, "seen", SystemClock())
    give_verdict(state, wrong, Verdict.FALSE, "nothing there", SystemClock())
    wait_until(lambda: value_of(prometheus, "sum(petawatch_judged_episodes)") == 2)


@pytest.mark.parametrize("query", OF_A_WATCH, ids=lambda query: f"{query.dashboard}: {query.panel} {query.number}")
def test_every_panel_has_data(scraped: Scraped, query: PanelQuery) -> None:
    found = scraped.series(query)
    assert has_data(found), f"{query} has given {found}"


@pytest.mark.parametrize("choice", CHOICES, ids=": ".join)
def test_there_is_something_to_choose(scraped: Scraped, choice: tuple[str, str]) -> None:
    assert scraped.values[choice[1]] in scraped.choices(CHOICES[choice])
