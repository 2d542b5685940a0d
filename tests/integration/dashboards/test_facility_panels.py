"""In a facility on Kafka the panels have data, too: of agents and connectors, and of what the workers score.

A real Prometheus has scraped a connector and a worker every second.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.kafka.producer import BlockProducer
from connectors.wire.message import Outgoing
from dashboards.grafana.pipeline import FACILITY_ROWS
from models.event_time import SECOND_NS
from servers.kafka_server import KafkaServer
from servers.prometheus_server import PrometheusServer
from servers.server_process import free_port
from streams.facility.topic_plan import apply_topics, plan
from streams.topology import TopicName, TopicSettings
from tests.integration.facility.test_worker_command import configuration
from tests.support.grafana_panels import PanelQuery, queries
from tests.support.kafka import kafka_settings, own_installation
from tests.support.scraped import Scraped, has_data, value_of
from tests.support.watching import deliver, petawatch_running, wait_until

STAGE = "LA-A3-31"
OF_A_FACILITY = [
    query
    for query in queries()
    if query.row in FACILITY_ROWS or (query.dashboard in {"stage", "camera"} and not query.instant)
]


@pytest.fixture(scope="module")
def scraped(
    kafka: KafkaServer, day: Path, prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scraped]:
    """After the day has gone through; all of them go on."""
    folder = tmp_path_factory.mktemp("facility-panels")
    topics = own_installation("panels")
    apply_topics(kafka_settings(kafka), plan(topics, 1 << 20), lambda _: None)
    config = configuration(folder, kafka.address, topics, instance="panels")
    with Path(config).open("a", encoding="utf-8") as file:
        file.write("[checkpoints]\nevery_s = 1\n[spool]\nsettle_s = 0.2\n[sequence]\nreorder_wait_s = 0.2\n")
    data, worker, connector = folder / "data", f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    data.mkdir()
    since_s = SystemClock().now_ns() / SECOND_NS
    with ExitStack() as stack:
        for command, address in ((["worker"], worker), (["connect", data], connector)):
            state = folder / f"state-{command[0]}"
            arguments = [*command, "--config", config, "--state", state, "--http", address]
            stack.enter_context(petawatch_running(*arguments))
        jobs = {"worker": [worker], "connector": [connector]}
        prometheus = stack.enter_context(PrometheusServer(folder / "prometheus", jobs=jobs))
        wait_until(lambda: value_of(prometheus, "sum(petawatch_owned_partitions)") > 0, within_s=150)
        send_what_nobody_can_read(kafka, topics)
        show_the_day(prometheus, day, data)
        wait_until(lambda: value_of(prometheus, "sum(petawatch_agent_dead_letters_total)") > 0)
        yield Scraped.up_to_now(prometheus, "worker", since_s, STAGE)


def show_the_day(prometheus: PrometheusServer, day: Path, data: Path) -> None:
    """Minute by minute: each is recorded and scraped before the next comes."""
    for number, minute in enumerate(sorted({path.name[-11:] for path in day.rglob("*.h5")}), start=1):
        for path in day.rglob(f"*{minute}"):
            deliver(path, data / path.parent.relative_to(day))
        wait_for_records(prometheus, 1800 * number)


def wait_for_records(prometheus: PrometheusServer, read: int) -> None:
    """Until so many are scored."""
    wait_until(lambda: value_of(prometheus, "sum(petawatch_scored_records_total)") >= read, within_s=150)


def send_what_nobody_can_read(kafka: KafkaServer, topics: TopicSettings) -> None:
    """A message that is none."""
    with BlockProducer(kafka_settings(kafka), topics.installation) as producer:
        producer.send(Outgoing(topic=TopicName.ENERGIES, key=b"meter", value=b"no message"))
        producer.flush()


@pytest.mark.parametrize("query", OF_A_FACILITY, ids=lambda query: f"{query.dashboard}: {query.panel} {query.number}")
def test_every_panel_has_data(scraped: Scraped, query: PanelQuery) -> None:
    found = scraped.series(query)
    assert has_data(found), f"{query} has given {found}"
