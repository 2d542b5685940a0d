"""The configuration of Alertmanager that is shipped: understood, routes by priority, and groups nothing."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from models.alarms.priority import Priority
from servers.alertmanager_server import amtool
from tests.unit.dashboards.test_prometheus_rules import ALERTS

CONFIGURATION = Path(__file__).parents[3] / "dashboards" / "alertmanager" / "alertmanager.yml"
DOCUMENT: dict[str, Any] = YAML(typ="safe", pure=True).load(CONFIGURATION)
OF_INCIDENTS = {Priority.HIGH: "operators-now", Priority.MEDIUM: "operators", Priority.LOW: "logbook"}
OF_THE_PROGRAM = {"critical": "caretakers-now", "warning": "caretakers", "none": "dead-mans-switch"}

pytestmark = pytest.mark.usefixtures("alertmanager_programs")


def receiver_of(**labels: str) -> str:
    done = amtool(
        "config",
        "routes",
        "test",
        f"--config.file={CONFIGURATION}",
        *(f"{key}={value}" for key, value in labels.items()),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_alertmanager_understands_it() -> None:
    done = amtool("check-config", CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("priority", Priority)
def test_incidents_go_where_their_priority_sends_them(priority: Priority) -> None:
    assert receiver_of(alertname="PetawatchIncident", priority=priority) == OF_INCIDENTS[priority]


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_about_the_program_go_where_their_severity_sends_them(name: str) -> None:
    severity = ALERTS[name]["labels"]["severity"]
    assert receiver_of(alertname=name, severity=severity) == OF_THE_PROGRAM[severity]


def test_whatever_else_comes_reaches_somebody() -> None:
    assert receiver_of(alertname="Other") == "caretakers"
    assert receiver_of(alertname="PetawatchIncident") == "caretakers"


def test_petawatch_alone_groups_and_silences() -> None:
    assert DOCUMENT["route"]["group_by"] == ["..."]
    assert DOCUMENT["route"]["group_wait"] == "0s"
    assert "inhibit_rules" not in DOCUMENT
    routes = DOCUMENT["route"]["routes"]
    assert not any({"group_by", "group_wait", "active_time_intervals"} & set(route) for route in routes)
    muted = [route["matchers"] for route in routes if "mute_time_intervals" in route]
    assert muted == [['alertname=~"PetawatchNoData|PetawatchNoDataSinceStart"']]


@pytest.mark.parametrize(
    ("status", "name", "annotations", "title"),
    [
        ("firing", "PetawatchIncident", {"summary": "hot spot"}, "hot spot"),
        ("resolved", "PetawatchIncident", {"summary": "hot spot", "end": "over"}, "over: hot spot"),
        ("resolved", "PetawatchIncident", {"summary": "hot spot", "end": "put aside"}, "put aside: hot spot"),
        ("resolved", "PetawatchIncident", {"summary": "hot spot"}, "no word of it any more: hot spot"),
        ("firing", "PetawatchDown", {"summary": "it is away"}, "it is away"),
        ("resolved", "PetawatchDown", {"summary": "it is away"}, "over: it is away"),
    ],
)
def test_a_title_says_how_it_ended(
    status: str, name: str, annotations: dict[str, str], title: str, tmp_path: Path
) -> None:
    data = tmp_path / "data.json"
    data.write_text(
        json.dumps({"status": status, "commonLabels": {"alertname": name}, "commonAnnotations": annotations})
    )
    slack = next(each for each in DOCUMENT["receivers"] if each["name"] == "operators")["slack_configs"][0]
    words: list[str | Path] = ["template", "render", "--template.glob", "/dev/null", "--template.data", data]
    done = amtool(*words, "--template.text", slack["title"])
    assert (done.stderr, done.stdout.strip()) == ("", title)


def test_every_receiver_is_used_and_told_of_the_end() -> None:
    routes = [DOCUMENT["route"], *DOCUMENT["route"]["routes"]]
    assert {receiver["name"] for receiver in DOCUMENT["receivers"]} == {route["receiver"] for route in routes}
    for receiver in DOCUMENT["receivers"]:
        ways = itertools.chain.from_iterable(value for key, value in receiver.items() if key != "name")
        assert all(way["send_resolved"] is (receiver["name"] != "dead-mans-switch") for way in ways)
