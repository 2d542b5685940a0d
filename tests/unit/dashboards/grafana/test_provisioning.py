"""What Grafana is provisioned with fits the services of docker-compose.yml."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dashboards.grafana.__main__ import GENERATED

ROOT = Path(__file__).parents[4]


def document(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / name)


COMPOSE = document("docker-compose.yml")["services"]
GRAFANA = COMPOSE["grafana"]
MOUNTS = {target: source for source, target, *_ in (entry.split(":") for entry in GRAFANA["volumes"])}


def test_the_data_source_is_the_prometheus_that_scrapes() -> None:
    [source] = document("deploy/grafana/datasources.yml")["datasources"]
    [port] = COMPOSE["prometheus"]["ports"]
    assert source["type"] == "prometheus"
    assert source["url"] == f"http://prometheus:{port.split(':')[-1]}"
    assert source["isDefault"] is True
    # From it Grafana takes the shortest stretch over which a rate has values.
    assert source["jsonData"]["timeInterval"] == document("deploy/prometheus.yml")["global"]["scrape_interval"]


def test_the_dashboards_are_the_generated_ones() -> None:
    [provider] = document("deploy/grafana/dashboards.yml")["providers"]
    folder = provider["options"]["path"]
    assert (ROOT / MOUNTS[folder]).resolve() == GENERATED
    assert provider["allowUiUpdates"] is False
    home = Path(GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == folder
    assert (GENERATED / home.name).is_file()


def test_everything_provisioned_is_mounted_where_grafana_looks() -> None:
    for kind in ("datasources", "dashboards"):
        assert MOUNTS[f"/etc/grafana/provisioning/{kind}/petawatch.yml"] == f"./deploy/grafana/{kind}.yml"
    assert all(entry.endswith(":ro") for entry in GRAFANA["volumes"] if entry.startswith("./"))


def test_nobody_changes_anything_there() -> None:
    environment = GRAFANA["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
