"""The link of an alert, followed: its page is served beside a watch's metrics."""

import http.client
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from models.event_time import parse_iso
from streams.alert_pages.pages import AlertPages
from streams.archive.uploading.archiver import Archiver
from streams.http_health import HealthServer
from streams.metrics import WatchMetrics
from streams.settings import load_settings
from tests.support.commands import Run
from tests.support.manual_clock import ManualClock
from tests.support.watch_results import WatchResults


@pytest.fixture
def state(undisturbed: WatchResults, session_folder: Path) -> Path:
    assert undisturbed.alerts
    return session_folder / "undisturbed"


@pytest.fixture
def server(state: Path) -> Iterator[HealthServer]:
    clock = ManualClock()
    with HealthServer(
        "127.0.0.1:0", WatchMetrics(clock), clock, pages=AlertPages(state, load_settings(None))
    ) as served:
        yield served


def get(server: HealthServer, path: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def test_the_link_of_an_alert_opens_its_shot(
    server: HealthServer, state: Path, command: Run, tmp_path: Path, undisturbed: WatchResults
) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(f"[links]\naddress = '{server.url}'\n")
    _, out, _ = command("alerts", "--state", state, "--json", "--config", config)
    links = {line["id"]: line.pop("link") for line in map(json.loads, out.splitlines())}
    alert = undisturbed.alerts_of("image_anomaly")[0]
    status, headers, page = get(server, links[alert["id"]].removeprefix(server.url))
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    # A camera's evidence, and the shots around it; its energy and its spectrum.
    assert page.count("data:image/png;base64,") == 6
    assert page.count("<svg") == 2
    assert "from the evidence of the watch" in page
    assert alert["source"]["sha256"] in page
    # Nothing runs in it, and nothing is fetched by it.
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; img-src data:; ")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script|\son\w+=|\sstyle=|(src|href)=\"(?!data:)", page)


@pytest.mark.parametrize(
    "path",
    ["/alerts/", "/alerts/0123456789abcdeg", "/alerts/%2e%2e%2fx", "/alerts/../healthz", "/alerts/0123456789ABCDEF",
     "/alerts/0123456789abcdef/", "/alerts/0123456789abcdef%00", "/alerts/<script>"],
)  # fmt: skip
def test_what_is_no_link(server: HealthServer, path: str) -> None:
    status, headers, page = get(server, path)
    assert status == 404
    assert headers["Content-Type"].startswith("text/html")
    assert "no link to an alert" in page
    assert "<script>" not in page


def test_who_asks_for_nothing_is_told_of_the_pages(server: HealthServer) -> None:
    assert "/readyz and /alerts/ID" in get(server, "/")[2]


def test_an_alert_that_nobody_knows(server: HealthServer) -> None:
    status, _, page = get(server, "/alerts/0123456789abcdef?x=<b>")
    assert status == 404
    assert "No alert has the id 0123456789abcdef; petawatch alerts lists them." in page


def test_what_is_not_at_hand_is_a_sentence_with_the_command(
    day: Path, undisturbed: WatchResults, session_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(session_folder / "undisturbed", tmp_path / "state")
    shutil.rmtree(tmp_path / "state/evidence")
    alert = undisturbed.alerts_of("image_anomaly")[0]
    day.rename(day.with_name("elsewhere"))
    try:
        with closing(AlertPages(tmp_path / "state", load_settings(None))) as pages:
            page = pages.page(f"/alerts/{alert['id']}").html
            document = json.loads(pages.document(alert["id"], parse_iso(alert["first_shot"])))
    finally:
        day.with_name("elsewhere").rename(day)
    command = f"petawatch replay --alert {alert['id']} --state {tmp_path}/state"
    assert f"the evidence is not kept here any more; {command} makes it anew" in page
    assert "is not on this computer" in page
    assert f"({command} brings what is archived)" in page
    # Operators are told of no command.
    assert document["trouble"].endswith("is not on this computer. The page Archive says where its copies are.")
    assert "petawatch" not in document["trouble"]
    assert not list((tmp_path / "state").glob("archive*"))  # nothing is made by looking


def test_files_come_from_the_store(day: Path, undisturbed: WatchResults, session_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(session_folder / "undisturbed", tmp_path / "state")
    (tmp_path / "store").mkdir()
    settings = load_settings(None, archive={"store": str(tmp_path / "store")})
    archiver = Archiver(tmp_path / "state", settings, SystemClock(), tell=pytest.fail)
    archiver.run_once()
    archiver.close()
    alert = undisturbed.alerts_of("image_anomaly")[0]
    day.rename(day.with_name("elsewhere"))
    try:
        with closing(AlertPages(tmp_path / "state", settings)) as pages:
            page = pages.page(f"/alerts/{alert['id']}").html
    finally:
        day.with_name("elsewhere").rename(day)
    assert page.count("data:image/png;base64,") == 6
    assert "nothing can be shown" not in page
