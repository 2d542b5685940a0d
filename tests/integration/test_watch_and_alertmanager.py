"""A running watch, Prometheus with the rules that are shipped, and Alertmanager: both tell it, and the rules work."""

from pathlib import Path

import pytest

from servers.alertmanager_server import AlertmanagerServer
from servers.failures import ServerFailedError
from servers.prometheus_server import PrometheusServer
from servers.server_process import free_port
from tests.support.watching import deliver, wait_until, watch_live

RULES = sorted((Path(__file__).parents[2] / "dashboards" / "prometheus" / "rules").glob("*.yml"))
NOWHERE = "route: {receiver: nobody, group_by: ['...']}\nreceivers: [{name: nobody}]\n"


@pytest.mark.usefixtures("prometheus_programs", "alertmanager_programs")
def test_what_a_watch_finds_and_what_is_said_of_it_meet_in_alertmanager(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    data.mkdir()
    odd = tmp_path / "LB_Laboratory-Recorder_60s_snapshot_2022-07-01_09-34-00-000.h5"
    odd.write_bytes(b"no HDF5")
    with AlertmanagerServer(tmp_path / "alertmanager", NOWHERE) as alertmanager:
        told = {"url": alertmanager.address, "resend_s": 1.0}
        targets, address = [f"127.0.0.1:{port}"], [f"127.0.0.1:{alertmanager.port}"]
        prometheus = PrometheusServer(
            tmp_path / "prometheus", jobs={"watch": targets}, rules=RULES, alertmanagers=address
        )
        with prometheus, watch_live(data, tmp_path / "state", http=targets[0], alertmanager=told):
            deliver(odd, data / "10Hz" / "2022-07-01")
            wait_until(
                lambda: (
                    {alert["labels"]["alertname"] for alert in alertmanager.alerts()}
                    == {"PetawatchIncident", "PetawatchWatchdog"}
                )
            )
            (incident,) = [alert["labels"] for alert in alertmanager.alerts() if "incident" in alert["labels"]]
            assert (incident["kind"], incident["priority"], incident["installation"]) == (
                "snapshot_rejected",
                "low",
                "hpls",
            )
            wait_until(lambda: prometheus.query("petawatch_alertmanager_incidents")[0]["value"][1] == "1")
            rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
            assert {rule["health"] for rule in rules} == {"ok"}
            with pytest.raises(ServerFailedError, match="answered 400 to query"):
                prometheus.query("1 +")
