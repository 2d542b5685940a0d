"""The rules are understood by Prometheus, tested, explained, and ask for what the program tells."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from servers.prometheus_server import promtool
from tests.unit.test_documentation import exposed_metrics

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "dashboards" / "prometheus"
RULES, TESTS = sorted((FOLDER / "rules").glob("*.yml")), sorted((FOLDER / "tests").glob("*.yml"))
SEVERITIES = {"critical", "warning", "none"}
#: What Prometheus itself, and every process, tells.
COMMON = {"up", "process_start_time_seconds"}


@cache
def document(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULES for group in document(path)["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in rules() if "record" in rule}
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("prometheus_programs")
def test_prometheus_understands_the_rules() -> None:
    done = promtool("check", "rules", "--lint-fatal", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("prometheus_programs")
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_every_test_loads_all_rules_in_one_order(path: Path) -> None:
    assert [(path.parent / name).resolve() for name in document(path)["rule_files"]] == RULES[::-1]
    groups = [group["name"] for rule_file in RULES[::-1] for group in document(rule_file)["groups"]]
    assert document(path)["group_eval_order"] == groups


def test_every_alert_is_seen_firing_and_not_firing() -> None:
    fires: dict[bool, set[str]] = {True: set(), False: set()}
    for path in TESTS:
        for case in document(path)["tests"]:
            for check in case.get("alert_rule_test", []):
                fires[bool(check["exp_alerts"])].add(check["alertname"])
    assert fires[True] == set(ALERTS)
    assert fires[False] == set(ALERTS) - {"PetawatchWatchdog"}


def test_everything_recorded_is_tested() -> None:
    tested = {
        name
        for path in TESTS
        for case in document(path)["tests"]
        for check in case.get("promql_expr_test", [])
        for name in re.findall(r"[\w:]+:[\w:]+", check["expr"])
    }
    assert tested == set(RECORDED)


@pytest.mark.parametrize("rule", [*ALERTS.values(), *RECORDED.values()], ids=lambda rule: rule.get("alert", "record"))
def test_a_rule_asks_for_what_the_program_tells(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\b(?:petawatch|process)_\w+|\bpetawatch:[\w:]+|\bup\b", rule["expr"]))
    known = exposed_metrics() | COMMON | set(RECORDED)
    assert {re.sub(r"(_seconds)_bucket$", r"\1", name) for name in asked} <= known
    assert asked or rule["expr"] == "vector(1)"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (path, anchor) == ("docs/runbooks.md", name.lower())
    section = RUNBOOKS.partition(f"\n### {name}\n")[2].partition("\n#")[0]
    for part in ("Meaning", "Impact", "Diagnosis", "Mend"):
        assert f"\n**{part}.** " in section, f"{name} has no {part.lower()} in the runbooks"


def test_no_runbook_is_about_nothing() -> None:
    assert sorted(re.findall(r"^### (.+)$", RUNBOOKS, re.MULTILINE)) == sorted(ALERTS)


def test_names_are_each_others_only() -> None:
    """Nobody else's rules have these names."""
    assert all(name.startswith("Petawatch") for name in ALERTS)
    assert all(name.startswith("petawatch:") for name in RECORDED)
    assert len(ALERTS) + len(RECORDED) == len(rules())
