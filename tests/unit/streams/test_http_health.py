"""Metrics and health through real HTTP requests on the loopback interface."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from models.errors import FatalError
from streams.http_address import parse_http_address
from streams.http_health import HealthServer, ReadyPart
from streams.metrics import WatchMetrics
from tests.support.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics(clock: ManualClock) -> WatchMetrics:
    return WatchMetrics(clock)


@pytest.fixture
def server(metrics: WatchMetrics, clock: ManualClock) -> Iterator[HealthServer]:
    with HealthServer("127.0.0.1:0", metrics, clock, stalled_after_s=30) as running:
        yield running


def ask(server: HealthServer, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def ask_json(server: HealthServer, path: str) -> tuple[int, dict[str, Any]]:
    status, content_type, body = ask(server, path)
    assert content_type == "application/json"
    return status, json.loads(body)


def test_a_free_port_is_taken_and_told(server: HealthServer) -> None:
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_metrics_in_the_format_that_is_asked_for(server: HealthServer, metrics: WatchMetrics) -> None:
    metrics.committed()
    status, content_type, body = ask(server, "/metrics?name=x")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert b"petawatch_commits_total 1.0" in body
    _, content_type, body = ask(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_health_follows_the_loop(server: HealthServer, metrics: WatchMetrics, clock: ManualClock) -> None:
    clock.advance(29)
    assert ask_json(server, "/healthz") == (200, {"status": "alive", "up_s": 29.0, "loop_age_s": 29.0})
    clock.advance(2)
    status, document = ask_json(server, "/healthz")
    assert status == 503
    assert document["reason"] == "the processing loop has not moved for 31 s (limit 30 s)"
    metrics.loop_moved()
    assert ask_json(server, "/healthz")[0] == 200


def test_ready_once_every_part_is_there(server: HealthServer) -> None:
    status, document = ask_json(server, "/readyz")
    assert status == 503
    assert document["reason"] == "not there yet: model, state, watching"
    server.ready(ReadyPart.MODEL, ReadyPart.STATE)
    assert ask_json(server, "/readyz")[1]["parts"] == {"model": True, "state": True, "watching": False}
    server.ready()
    assert ask_json(server, "/readyz") == (
        200,
        {"status": "ready", "parts": {"model": True, "state": True, "watching": True}},
    )


def test_a_full_disk_is_alive_and_not_ready(server: HealthServer, metrics: WatchMetrics) -> None:
    server.ready()
    metrics.set_stalled("disk_full")
    status, document = ask_json(server, "/healthz")
    assert (status, document["waits_for"]) == (200, "disk_full")
    status, document = ask_json(server, "/readyz")
    assert (status, document["reason"]) == (503, "the work waits: disk_full")


def test_other_requests(server: HealthServer) -> None:
    for path in ("/", "/metrics/", "/../etc/passwd", "/healthz/x"):
        status, document = ask_json(server, path)
        assert (status, document) == (404, {"error": "there are /metrics, /healthz, /readyz"})
    status, content_type, body = ask(server, "/healthz", "HEAD")
    assert (status, content_type, body) == (200, "application/json", b"")
    status, content_type, body = ask(server, "/healthz", "POST")
    assert (status, content_type) == (501, "application/json")
    assert "error" in json.loads(body)


def test_clients_that_say_nothing_do_not_hold_up_others_nor_grow_without_bound(server: HealthServer) -> None:
    before = set(threading.enumerate())
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(15)]
    try:
        assert ask_json(server, "/healthz")[0] == 200
        silent += [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        silent[-1].settimeout(60)
        assert silent[-1].recv(1) == b""  # one too many: hung up at once
        of_clients = [each for each in threading.enumerate() if "process_request_thread" in each.name]
        assert len(set(of_clients) - before) <= 16
    finally:
        for connection in silent:
            connection.close()


def test_closing_gives_the_port_back(metrics: WatchMetrics, clock: ManualClock) -> None:
    with HealthServer("127.0.0.1:0", metrics, clock) as first:
        port = first.port
        with pytest.raises(FatalError) as caught:
            HealthServer(f"127.0.0.1:{port}", metrics, clock)
        assert str(caught.value) == (
            f"127.0.0.1:{port} is in use by another program; choose another port for metrics and health"
        )
    with HealthServer(f"127.0.0.1:{port}", metrics, clock) as second:
        assert second.port == port


def test_an_address_of_another_computer_is_refused(metrics: WatchMetrics, clock: ManualClock) -> None:
    for address in ("192.0.2.1:9464", "no.such.host.invalid:9464"):
        with pytest.raises(FatalError, match=r"can't be listened on .*give an address of this computer"):
            HealthServer(address, metrics, clock)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
        (" 0.0.0.0:65535 ", ("0.0.0.0", 65_535)),  # noqa: S104 - only parsed
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_http_address(text) == address


@pytest.mark.parametrize("text", ["", "9464", ":9464", "host", "host:", "host:x", "host:99999", "::1:80", "http://a:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(FatalError, match=r"is no HOST:PORT; write for example 127\.0\.0\.1:9464"):
        parse_http_address(text)
