"""Prometheus reads the console's metrics, with a token where it is guarded."""

from pathlib import Path

import pytest

from connectors.access.role import Role
from connectors.access.tokens import ApiTokens
from servers.prometheus_server import promtool
from tests.support.consoles import console_client
from tests.support.manual_clock import ManualClock
from tests.support.signing_in import add_user


@pytest.mark.usefixtures("prometheus_programs")
def test_prometheus_understands_them_in_both_forms(tmp_path: Path) -> None:
    client = console_client(tmp_path)
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert "process_resident_memory_bytes" in plain.text
    done = promtool("check", "metrics", given=plain.text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    other = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    assert other.text.endswith("# EOF\n")


def test_where_it_is_guarded_a_token_is_needed(tmp_path: Path) -> None:
    clock = ManualClock()
    add_user(tmp_path, "prometheus", Role.VIEWER, clock)
    client = console_client(tmp_path, host="console.example.org", clock=clock)
    assert client.get("/metrics").status_code == 401
    token = ApiTokens(tmp_path, clock).create("prometheus", Role.VIEWER, purpose="metrics", days=30)
    assert client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 200
