"""Grafana's dashboards: the committed JSON is what the code makes, is whole, and names what exists."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import typer
from fastapi.routing import iter_route_contexts
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.grafana import panels as style
from dashboards.grafana.__main__ import GENERATED, write
from dashboards.grafana.catalogue import DASHBOARDS, as_json
from models.alerts.alert import AlertKind
from models.alerts.facility_alerts import TapeReason
from streams.command_line import app
from streams.settings import load_settings
from tests.support.consoles import console_client
from tests.support.grafana_panels import documents, filled, panels, queries
from tests.unit.test_documentation import exposed_metrics

DOCUMENTS = documents()
PANELS = [(name, row, panel) for name, document in DOCUMENTS.items() for row, panel in panels(document)]
COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
#: Variables that Grafana itself fills in.
BUILT_IN = {"__rate_interval", "__range"}
#: Of data sources, not of ours; the last two are Prometheus' own.
OTHER_METRICS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def panel_id(case: tuple[str, str, dict[str, Any]]) -> str:
    return f"{case[0]}: {case[2]['title']}"


def test_the_committed_dashboards_are_what_the_code_makes(tmp_path: Path) -> None:
    write(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in GENERATED.iterdir()}
    assert made == committed, "run .venv/bin/python -m dashboards.grafana and commit what it writes"


def test_what_is_no_dashboard_any_more_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", *(f"{name}.json" for name in DASHBOARDS)}


def test_links_to_dashboards_last() -> None:
    uids = [document["uid"] for document in DOCUMENTS.values()]
    assert sorted(uids) == [
        "petawatch-archive",
        "petawatch-camera",
        "petawatch-control-room",
        "petawatch-models",
        "petawatch-pipeline",
        "petawatch-stage",
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_schema_of_the_kit_reads_it_back(name: str) -> None:
    register_default_plugins()
    read = Dashboard.from_json(DOCUMENTS[name])
    again = json.loads(json.dumps(read, cls=JSONEncoder))
    assert again == DOCUMENTS[name]
    assert as_json(DASHBOARDS[name]()) == as_json(DASHBOARDS[name]())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_panel_has_a_number_and_a_place_of_its_own(name: str) -> None:
    all_panels = DOCUMENTS[name]["panels"]
    assert [panel["id"] for panel in all_panels] == list(range(1, len(all_panels) + 1))
    places = [panel["gridPos"] for panel in all_panels]
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        assert place["h"] >= 1
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@pytest.mark.parametrize("name", DOCUMENTS)
def test_rows_of_panels_have_no_gaps(name: str) -> None:
    """What is one below the other is as wide as the dashboard."""
    lines: dict[int, int] = {}
    for panel in DOCUMENTS[name]["panels"]:
        lines[panel["gridPos"]["y"]] = lines.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(lines.values()) == {24}


@pytest.mark.parametrize("case", PANELS, ids=panel_id)
def test_every_panel_says_what_it_means_and_asks_the_chosen_data_source(
    case: tuple[str, str, dict[str, Any]],
) -> None:
    _, _, panel = case
    assert len(panel["description"]) > 40
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    targets = panel.get("targets", [])
    assert bool(targets) != (panel["type"] == "text")
    names = [target["refId"] for target in targets]
    assert len(set(names)) == len(names)
    assert all(target["datasource"] == panel["datasource"] for target in targets)


@pytest.mark.parametrize("case", PANELS, ids=panel_id)
def test_what_has_axes_or_digits_has_a_unit(case: tuple[str, str, dict[str, Any]]) -> None:
    _, _, panel = case
    if panel["type"] in {"timeseries", "stat", "bargauge"}:
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_colours_are_those_that_colour_blind_people_tell_apart() -> None:
    ours = {value for name, value in vars(style).items() if name.isupper() and str(value).startswith("#")}
    assert len(ours) == 8
    for document in DOCUMENTS.values():
        used = set(re.findall(r'"(?:color|fixedColor)": "([^"]+)"', json.dumps(document)))
        assert used <= ours | {"transparent"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_variables_are_declared_and_used(name: str) -> None:
    document = DOCUMENTS[name]
    declared = {variable["name"] for variable in document["templating"]["list"]}
    used = set(re.findall(r"\$\{?([A-Za-z_]\w*)", json.dumps([document["panels"], document["templating"]])))
    used = {variable for variable in used if not variable.startswith(("__value", "__field", "__url"))}
    assert used - BUILT_IN <= declared
    assert declared - used <= {"console"}  # the link to the console has it everywhere
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_clicks_lead_to_dashboards_that_exist() -> None:
    text = json.dumps(DOCUMENTS)
    found = re.findall(r'"/d/([\w-]+)\?([^"]*)"', text)
    assert len(found) == 2
    for uid, choices in found:
        [document] = [document for document in DOCUMENTS.values() if document["uid"] == uid]
        declared = {variable["name"] for variable in document["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", choices)) <= declared


def test_the_console_is_linked_and_gives_the_pictures() -> None:
    for document in DOCUMENTS.values():
        assert [link["type"] for link in document["links"]] == ["dashboards", "link"]
        assert ["petawatch"] in [link["tags"] for link in document["links"]]
        assert document["tags"] == ["petawatch"]
    pictures = {query.dashboard for query in queries() if "/api/v1/evidence/$1/worst.png" in query.expression}
    assert pictures == {"control_room", "stage", "camera"}


def test_links_into_the_console_lead_to_pages_that_exist(tmp_path: Path) -> None:
    application = console_client(tmp_path).app
    pages = [route.path for route in iter_route_contexts(application.routes)]  # type: ignore[attr-defined]
    links = set(re.findall(r"\$\{console\}(/[^\s\"\\)]*)", json.dumps(DOCUMENTS)))
    assert len(links) >= 6
    for link in links:
        path = re.sub(r"\$\{[^}]+\}|\$\d", "{}", link).replace("worst", "{}")
        assert path in {re.sub(r"\{[^}]+\}", "{}", page) for page in pages if page}, link


def test_queries_ask_for_metrics_that_exist() -> None:
    known = exposed_metrics() | OTHER_METRICS
    for query in queries():
        asked = set(re.findall(r"\b(?:petawatch|process)_\w+", query.expression))
        assert asked
        assert {re.sub(r"_bucket$", "", name) for name in asked} <= known, str(query)


@pytest.mark.parametrize("case", PANELS, ids=panel_id)
def test_commands_settings_and_kinds_that_are_named_exist(case: tuple[str, str, dict[str, Any]]) -> None:
    settings = load_settings(None)
    for text in re.findall(r"`([^`]+)`", case[2]["description"]):
        if text.startswith("petawatch "):
            command, *part = text.split()[1:]
            assert command in COMMANDS
            assert set(part) <= set(getattr(COMMANDS[command], "commands", {}))
        elif "." in text:
            value: Any = settings
            for part in text.split("."):
                value = getattr(value, part)
        else:
            assert text in {*AlertKind, *TapeReason}
    assert not re.search(r"(?<!`)petawatch |\b[a-z]+_[a-z]+\b(?<!`)", re.sub(r"`[^`]+`", "", case[2]["description"]))


def test_a_variable_without_a_value_is_found() -> None:
    assert filled('a{b="$stage"} $1 ${console}/x', {"stage": "LA", "console": "c"}) == 'a{b="LA"} $1 c/x'
    with pytest.raises(KeyError):
        filled("$unknown", {})


def test_nothing_that_runs_needs_the_kit() -> None:
    code = "import sys; import streams.command_line; sys.exit(any('grafana' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
