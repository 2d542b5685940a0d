"""The documentation says what is there: commands, options, words, metrics, settings, files, links."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from connectors.snapshots.manifest import DeadReason
from connectors.snapshots.reader import open_snapshot
from models.alerts.alert import AlertKind, AlertStatus, Severity
from models.alerts.facility_alerts import ArchiveReason, BehindReason, ReceiverReason, StopReason, TapeReason
from models.alerts.severity import severity_of
from models.archive.safety import WhyNot
from models.devices import RecordKind
from models.records import Refusal
from models.results import Outcome, Reason, Scoring
from streams.agents.partition_run import POISONOUS
from streams.archive.tape.tape_metrics import TapeMetrics
from streams.archive.uploading.archive_metrics import ARCHIVE_RESULTS, ArchiveMetrics
from streams.command_line import app
from streams.facility.facility_metrics import SENT_RESULTS, ConnectorMetrics, WorkerMetrics
from streams.metrics import FILE_RESULTS, WatchMetrics
from streams.settings import Settings, load_settings
from tests.support.hostile_wire import hostile_messages
from tests.support.manual_clock import ManualClock

ROOT = Path(__file__).parents[2]
README, OPERATORS, DEVELOPERS = "README.md", "docs/operators-guide.md", "docs/developers-guide.md"
COMMANDS_PAGE, RESULTS = "docs/commands.md", "docs/results.md"
GUIDE = (OPERATORS, "docs/control-room.md", "docs/facility.md", "docs/archive.md")
EXAMPLE = "petawatch.example.toml"
DOCUMENTS = sorted(
    str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.toml"))
)
DECISIONS = [name for name in DOCUMENTS if re.search(r"adr/\d", name)]
COMMANDS: dict[str, Any] = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]

# The words that the project agreed on before any was written, and those that results brought.
GLOSSARY = """
snapshot, shot, record, block, triplet, stage, roster, near field, far field, dark frame, pedestal, hot pixel, fluence,
lidt, event time, watermark, lateness, dead letter, checkpoint, model, episode, evidence, ledger, residual, connector,
agent, worker, recorder, lag, cartridge, volume, bundle, store, archiver, keeper of the tapes, catalog,
alarm, incident, acknowledge, shelve, suppressed, audit log, keeper of the alarms
"""


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def code(name: str) -> tuple[str, ...]:
    """All code of a document: the lines of its blocks, with continued ones joined, and what stands in backticks."""
    if name.endswith(".toml"):
        return tuple(text(name).splitlines())
    blocks = re.findall(r"^```\w*\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```\w*\n.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return (*lines, *re.findall(r"`([^`]+)`", rest))


def table(names: str | tuple[str, ...], *header: str) -> list[list[str]]:
    """The rows of the one table of a document, or of the parts of one, whose header begins with these cells."""
    parts = (names,) if isinstance(names, str) else names
    found = [rows for name in parts for head, rows in tables(name) if tuple(head[: len(header)]) == header]
    assert len(found) == 1, f"{names} has {len(found)} tables that begin with {header}"
    return found[0]


def tables(name: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    for lines in re.findall(r"(?:^\|.*\n)+", text(name), re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines.splitlines())
        yield head, rows


def words(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def first_words(rows: list[list[str]]) -> list[str]:
    return [word for row in rows for word in words(row[0])]


def test_the_page_of_commands_lists_exactly_the_commands() -> None:
    assert sorted(first_words(table(COMMANDS_PAGE, "command", "does", "example"))) == sorted(COMMANDS)


@pytest.mark.parametrize("row", table(COMMANDS_PAGE, "command", "does", "example"), ids=lambda row: row[0])
def test_every_example_of_a_command_is_understood(row: list[str]) -> None:
    program, name, *arguments = shlex.split(words(row[2])[0])
    assert (program, name) == ("petawatch", words(row[0])[0])
    COMMANDS[name].make_context(name, arguments)


def options_of(command: Any, rest: str) -> set[str]:
    """The options of a command; of one that has commands of its own, of the one that is named next."""
    parts: dict[str, Any] = getattr(command, "commands", {})
    name = (rest.split() or [""])[0]
    if parts and name:
        assert name in parts, rest
        command = parts[name]
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_and_options_that_are_named_exist(name: str) -> None:
    for line in code(name):
        for command, rest in re.findall(r"(?<![\w-])(?:[\w./]*/)?petawatch ([a-z][a-z-]*)(.*)", line):
            assert command in COMMANDS, line
            known = options_of(COMMANDS[command], rest) | {"--help"}
            assert set(re.findall(r"(?<!\S)(--[a-z-]+)", rest)) <= known, line


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_that_are_named_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = {target for line in code(name) for target in re.findall(r"^make ([a-z-]+)", line)}
    assert named <= targets


def flattened(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def setting(settings: Settings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


EXAMPLE_OPTIONS = dict(flattened(tomllib.loads(text(EXAMPLE))))


@pytest.mark.parametrize("name", EXAMPLE_OPTIONS)
def test_every_option_of_the_example_loads_by_itself(name: str, tmp_path: Path) -> None:
    section, _, option = name.rpartition(".")
    there = text(EXAMPLE).partition(f"[{section}]")[2] if section else text(EXAMPLE)
    line = next(line for line in there.splitlines() if re.match(rf"{option} *= ", line))
    config = tmp_path / "petawatch.toml"
    config.write_text(f"[{section}]\n{line}\n" if section else f"{line}\n", encoding="utf-8")
    load_settings(config)


def test_the_example_shows_the_defaults() -> None:
    loaded, defaults = load_settings(ROOT / EXAMPLE), load_settings(None)
    differing = {
        name: setting(defaults, name)
        for name in EXAMPLE_OPTIONS
        if repr(setting(loaded, name)) != repr(setting(defaults, name))
    }
    assert not differing, f"{EXAMPLE} shows other values than these defaults"


@pytest.mark.parametrize("section", ["kafka", "topics", "connect", "worker", "checkpoints"])
def test_the_example_names_every_option_of_a_facility(section: str) -> None:
    """Those without a default (files that need not be there) stand in comments."""
    options = [field.name for field in fields(getattr(load_settings(None), section))]
    there = text(EXAMPLE).partition(f"[{section}]")[2].partition("\n[")[0]
    assert all(re.search(rf"\b{option} = |\bwith {option}\b", there) for option in options)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_settings_that_are_named_exist(name: str) -> None:
    settings = load_settings(None)
    for line in code(name):
        if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", line) and line.split(".")[0] in Settings.model_fields:
            setting(settings, line)


def test_every_tuning_names_a_setting() -> None:
    settings = load_settings(None)
    for row in table(GUIDE, "what you see", "setting", "which way"):
        for name in words(row[1]):
            setting(settings, name)


def test_every_kind_of_alert_is_explained() -> None:
    assert sorted(first_words(table(GUIDE, "kind", "what happened"))) == sorted(AlertKind)


def test_severities_are_those_of_the_code() -> None:
    rows = table(GUIDE, "kind", "severity")
    assert sorted(first_words(rows)) == sorted(AlertKind)
    for row in rows:
        for kind in map(AlertKind, words(row[0])):
            at_most = severity_of(kind, 100.0, 1000)
            ranges = row[1] if severity_of(kind) is not at_most else ""
            assert row[1].startswith(severity_of(kind))
            assert not ranges or at_most in ranges


def test_every_reason_is_explained() -> None:
    expected = [word for reason in Reason for word in reason.words()]
    assert first_words(table(GUIDE, "reason", "meaning")) == expected


def test_every_reason_why_files_wait_for_the_archive_is_explained() -> None:
    assert first_words(table(GUIDE, "reason of archive_late", "what to do")) == list(ArchiveReason)


def test_every_reason_why_no_snapshot_comes_is_explained() -> None:
    assert first_words(table(GUIDE, "reason of data_stopped", "what to do")) == list(StopReason)


def test_every_reason_why_messages_wait_for_a_receiver_is_explained() -> None:
    assert first_words(table(GUIDE, "reason of receiver_failing", "what to do")) == list(ReceiverReason)


def test_every_reason_of_an_alert_about_tape_is_explained() -> None:
    assert first_words(table(GUIDE, "reason of an alert about tape", "what to do")) == list(TapeReason)


def test_every_reason_why_a_file_stays_is_explained() -> None:
    assert first_words(table(GUIDE, "why a file stays", "meaning")) == list(WhyNot)


def test_every_outcome_is_explained() -> None:
    assert sorted(first_words(table(GUIDE, "outcome", "meaning"))) == sorted(Outcome)


@pytest.mark.parametrize(
    "expected",
    [
        [refusal.label for refusal in Refusal if refusal],
        list(DeadReason),
        list(FILE_RESULTS),
        list(SENT_RESULTS),
        list(BehindReason),
        list(ARCHIVE_RESULTS),
    ],
    ids=["refusals", "dead letters", "files", "sent files", "what is behind", "archived files"],
)
def test_every_bounded_reason_is_named(expected: list[str]) -> None:
    named = {word for name in GUIDE for word in code(name)}
    assert set(expected) <= named


def test_every_reason_of_a_rejected_file_is_explained() -> None:
    raised = set(re.findall(r"``(\w+)``", (open_snapshot.__doc__ or "").partition("Raises")[2]))
    explained = first_words(table(GUIDE, "reason of a rejected file", "meaning"))
    assert sorted(explained) == sorted(raised)


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    raised = {message.reason for message in hostile_messages()} | {POISONOUS, "bad_header", "wrong_type"}
    assert sorted(first_words(table(GUIDE, "reason of a dead letter", "meaning"))) == sorted(raised)


def test_every_reason_of_a_tape_is_explained() -> None:
    sources = [*ROOT.glob("connectors/tape/*.py"), *ROOT.glob("models/archive/bundle_*.py")]
    raised = {
        reason for source in sources for reason in re.findall(r'"((?:tape|bundle|drive|copy)_[a-z_]+)"', text(source))
    }
    assert sorted(first_words(table(GUIDE, "what is wrong with a tape", "what to do"))) == sorted(raised)


def test_the_page_of_results_names_the_words_in_them() -> None:
    rows = {words(row[0])[0]: words(row[1]) for row in table(RESULTS, "word", "values")}
    expected = {
        "kind": sorted(RecordKind),
        "scoring": sorted(scoring.label for scoring in Scoring),
        "outcome": sorted(Outcome),
        "severity": sorted(Severity),
        "status": sorted(AlertStatus),
    }
    assert {name: sorted(rows[name]) for name in expected} == expected


def test_the_glossary_has_the_words() -> None:
    explained = [word for row in table(README, "word", "meaning") for word in row[0].lower().split(", ")]
    assert sorted(explained) == sorted(word.strip() for word in GLOSSARY.replace("\n", " ").split(","))


def exposed_metrics() -> set[str]:
    endings = {"counter": "_total", "info": "_info"}
    clock = ManualClock()
    watch = WatchMetrics(clock)
    WorkerMetrics(watch, clock)
    ConnectorMetrics(watch.registry, clock)
    ArchiveMetrics(watch.registry, clock)
    families = [*watch.registry.collect(), *TapeMetrics(clock).registry.collect()]
    return {family.name + endings.get(family.type, "") for family in families if family.name.startswith("petawatch")}


def test_every_metric_is_explained_with_its_unit() -> None:
    rows = table(GUIDE, "metric", "unit", "meaning")
    assert sorted(first_words(rows)) == sorted(exposed_metrics())
    assert all(row[1] and row[2] for row in rows)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_metrics_that_are_named_exist(name: str) -> None:
    assert set(re.findall(r"\bpetawatch_\w+", text(name))) <= exposed_metrics()


@cache
def anchors(name: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_relative_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text(name)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = (ROOT / name).parent / path if path else ROOT / name
            assert target.exists(), link
            assert not anchor or anchor in anchors(str(target.resolve().relative_to(ROOT))), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    for word in code(name):
        if re.fullmatch(r"(models|connectors|dashboards|streams|tests|docs)/[\w./-]*", word):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("header", ["step", "part of a training", "part of the facility", "part of alarms"])
def test_objects_that_are_named_are_in_the_files_that_are_named(header: str) -> None:
    for row in table(DEVELOPERS, header, "object", "file"):
        sources = "\n".join(text(file) for file in words(row[2]))
        for name in words(row[1]):
            assert re.search(rf"\b{name}\b", sources), name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text("pyproject.toml"))
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    listed = [re.split(r"[<>=~!\[ ]", requirement)[0] for group in groups for requirement in group]
    assert sorted(first_words_without_extras()) == sorted(listed)
    for name in listed:
        assert re.search(rf'^    "{name}[^"]*", +# \S', text("pyproject.toml"), re.MULTILINE), f"{name} has no reason"


def first_words_without_extras() -> list[str]:
    rows = table(DEVELOPERS, "package", "why")
    return [word for row in rows for word in words(re.sub(r"\(.*?\)", "", row[0]))]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_short_and_says_why(name: str) -> None:
    number = Path(name).name[:4]
    assert text(name).startswith(f"# {number}: ")
    assert re.findall(r"^## (.+)$", text(name), re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text(name).splitlines()) <= 40


def test_decisions_are_numbered_and_listed() -> None:
    numbers = [int(Path(name).name[:4]) for name in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    listed = re.findall(r"\]\((\d{4}[\w-]+\.md)\)", text("docs/adr/README.md"))
    assert listed == [Path(name).name for name in DECISIONS]


@pytest.mark.parametrize("name", [README, OPERATORS])
def test_that_it_is_no_interlock_is_said(name: str) -> None:
    assert re.search(r"\*\*.*no machine-protection interlock", text(name))
