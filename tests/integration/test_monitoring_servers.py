"""The Prometheus, the Alertmanager and their tools that the tests run on."""

import json
import urllib.request
from pathlib import Path

import pytest

from servers.alertmanager_server import AlertmanagerServer, amtool
from servers.failures import ServerFailedError
from servers.prometheus_server import promtool
from tests.support.watching import wait_until

NOWHERE = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@pytest.mark.usefixtures("alertmanager_programs")
def test_an_alert_is_shown_by_amtool(tmp_path: Path) -> None:
    alert = [{"labels": {"alertname": "Kept"}}]
    with AlertmanagerServer(tmp_path, NOWHERE) as server:
        request = urllib.request.Request(  # noqa: S310 - our own
            f"{server.address}/api/v2/alerts", json.dumps(alert).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own
            assert answer.status == 200
        wait_until(lambda: len(server.alerts()) == 1)


@pytest.mark.usefixtures("alertmanager_programs")
def test_a_wrong_configuration_ends_it_at_its_start(tmp_path: Path) -> None:
    with pytest.raises(ServerFailedError, match=r"Alertmanager ended with 1 at its start; see .*server\.log"):
        AlertmanagerServer(tmp_path, "route: {}").start()


@pytest.mark.usefixtures("prometheus_programs", "alertmanager_programs")
def test_the_tools_refuse_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("groups: [{name: own, rules: [{record: twice, expr: 2 *}]}]")
    assert promtool("check", "rules", wrong).returncode
    assert promtool("check", "metrics", given="# HELP a_total A.\n# TYPE a_total counter\na_total 1\n").returncode == 0
    wrong.write_text("route: {}")
    assert amtool("check-config", wrong).returncode
