"""The commands as a user types them: what they print, how they fail."""

import json
import signal
import subprocess
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from streams.command_line import app
from tests.support.commands import Run
from tests.support.watch_results import WatchResults
from tests.support.watching import petawatch, petawatch_running, wait_until

COMMANDS = [
    *("demo", "simulate", "watch", "console", "check", "train", "evaluate", "alerts", "ledger", "export", "bench"),
    *("connect", "worker", "drill", "thresholds", "verdict", "benchmark-models", "replay", "report"),
]
#: Commands with commands of their own.
GROUPS = {
    "topics": ["plan", "apply", "check"],
    "dead-letters": ["list", "show", "retry"],
    "baseline": ["accept", "list"],
    "alarms": ["list", "acknowledge", "shelve", "unshelve", "out-of-service", "in-service", "reset"],
    "maintenance": ["start", "end", "list"],
    "audit": ["list", "verify"],
    "models": ["list", "compare", "promote", "rollback", "shadow", "upload"],
    "tfrecord": ["export", "info"],
    "catalog": ["index", "find"],
    "users": ["add", "list", "set-role", "set-password", "remove"],
    "webhooks": ["list", "test", "redeliver", "resume", "move", "drop", "new-secret"],
    "tokens": ["create", "list", "revoke"],
    "archive": ["run", "states", "status", "restore", "tape", "volumes", "free", "verify", "rebuild-catalog"],
}


@pytest.fixture(scope="module")
def state(undisturbed: WatchResults, session_folder: Path) -> Path:
    """The state directory of the undisturbed watch."""
    return session_folder / "undisturbed"


def one_sentence(text: str) -> str:
    """What a failing command may say."""
    assert text.startswith("petawatch: ")
    assert text.count("\n") == 1
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize(
    "names", [*([name] for name in COMMANDS), *([group, name] for group, names in GROUPS.items() for name in names)]
)
def test_help_has_an_example(names: list[str], command: Run) -> None:
    code, out, _ = command(*names, "--help")
    assert code == 0
    assert "Example: petawatch" in out
    assert f"petawatch {' '.join(names)}" in out


def test_help_lists_all_commands(command: Run) -> None:
    registered = {info.callback.__name__ for info in app.registered_commands if info.callback}
    assert {name.replace("_", "-") for name in registered} == set(COMMANDS)
    assert {group.name for group in app.registered_groups} == set(GROUPS)
    code, out, _ = command("--help")
    assert code == 0
    assert all(name in out for name in [*COMMANDS, *GROUPS])


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["watch"],
        ["watch", "."],
        ["watch", ".", "--state"],
        ["watch", ".", "--state", "s", "--nonsense"],
        ["simulate", "out", "--minutes", "many"],
        ["simulate", "out", "--minutes", "0"],
        ["simulate", "out", "--stages", "1000"],
        ["simulate", "out", "--dialect", "french"],
        ["simulate", "out", "--shapes", "round"],
        ["simulate", "out", "--start", "this morning"],
        ["simulate", "out", "--start", "2026-11-23T09:00:30"],
        ["simulate", "out", "--start", "2026-11-23T09:00", "--dialect", "test"],
        ["simulate", "out", "--start", "2026-11-23T09:00", "--live"],
        ["simulate", "out", "--live", "--dialect", "test"],
        ["simulate", "out", "--live", "--snapshot-s", "7"],
        ["simulate", "out", "--snapshot-s", "10"],
        ["simulate", "out", "--fault-every-s", "0"],
        ["export", "out.parquet", "--state", "s", "--from", "yesterday"],
        ["export", "out.parquet", "--state", "s", "--what", "everything"],
        ["bench", "nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], command: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = command(*arguments)
    assert code == 2
    one_sentence(errors)
    assert list(tmp_path.iterdir()) == []


def test_failures_say_what_to_do(command: Run, tmp_path: Path, day: Path, state: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "labels.json").write_text("{}")
    missing = tmp_path / "missing"
    for arguments, words in (
        (["ledger", "--state", missing], "no state of a watch"),
        (["alerts", "--state", missing], "no state of a watch"),
        (["export", tmp_path / "x.parquet", "--state", missing], "no state of a watch"),
        (["export", missing / "x.parquet", "--state", state], str(missing)),
        (["evaluate", "--labels", missing, "--state", state], "can't read"),
        (["evaluate", "--labels", tmp_path / "labels.json", "--state", state], "no labels"),
        (["watch", missing, "--state", tmp_path / "s", "--once"], "is missing"),
        (["watch", tmp_path / "file", "--state", tmp_path / "s", "--once"], "is no folder"),
        (["watch", day, day / "5Hz", "--state", tmp_path / "s", "--once"], "name only one"),
        (["watch", day, "--state", tmp_path / "file", "--once"], "can't be used"),
        (["watch", day, "--state", tmp_path / "s", "--http", "nonsense"], "HOST:PORT"),
        (["watch", day, "--state", tmp_path / "s", "--webhook", "nonsense"], "webhook_urls"),
        (["watch", day, "--state", tmp_path / "s", "--config", missing], "is no file"),
        (["simulate", day.parent], "already"),
    ):
        code, _, errors = command(*arguments)
        assert code == 1, (arguments, errors)
        assert words in one_sentence(errors), (arguments, errors)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense = 1", ["nonsense"]),
        ("[join]\njoin_jiter_ms = 5", ["join_jiter_ms"]),
        ('threads = "many"', ["threads"]),
        ("[camera]\nframe_fpr = 2.0", ["frame_fpr must be between"]),
        ("[units]\nblock_records = 0", ["block_records"]),
        ('time_zone = "Mars/Olympus"', ["Mars/Olympus"]),
        ('webhook_urls = ["ftp://example.org"]', ["webhook_urls"]),
        ("[join", ["can't be read"]),
    ],
)
def test_a_wrong_configuration(text: str, words: list[str], command: Run, tmp_path: Path, day: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text(text)
    for arguments in (
        ["watch", day, "--state", tmp_path / "s", "--once", "--config", config],
        ["check", "--config", config],
    ):
        code, out, errors = command(*arguments)
        assert code == 1
        said = one_sentence(errors) if arguments[0] == "watch" else out
        assert all(word in said for word in [*words, str(config)]), said
        assert "Traceback" not in said


def test_the_documented_example_of_a_configuration_is_right(command: Run) -> None:
    example = Path(__file__).parents[2] / "petawatch.example.toml"
    code, out, errors = command("check", "--config", example)
    assert code == 0, out + errors


def test_settings_that_are_wrong_keep_nobody_from_the_alerts(
    command: Run, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETAWATCH_THREADS", "many")
    code, out, _ = command("alerts", "--state", state)
    assert (code, bool(out.strip())) == (0, True)
    code, _, errors = command("alerts", "--state", state, "--json")
    assert (code, "threads" in errors) == (1, True)


def test_results_in_all_forms(command: Run, state: Path, tmp_path: Path, undisturbed: WatchResults) -> None:
    code, out, _ = command("ledger", "--state", state, "--json")
    assert code == 0
    assert json.loads(out) == undisturbed.ledger
    code, out, _ = command("alerts", "--state", state, "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == undisturbed.alerts
    for name in ("ledger", "alerts"):
        code, out, _ = command(name, "--state", state)
        assert code == 0
        assert out.strip()
    whole = tmp_path / "whole.parquet"
    assert command("export", whole, "--state", state)[0] == 0
    part = tmp_path / "part.parquet"
    times = ("--from", "2022-07-01T09:31:00Z", "--to", "2022-07-01T09:32:00Z")
    assert command("export", part, "--state", state, *times)[0] == 0
    assert len(pq.read_table(part)) == 1800
    triplets = tmp_path / "triplets.parquet"
    assert command("export", triplets, "--state", state, "--what", "triplets")[0] == 0
    assert len(pd.read_parquet(triplets)) == 1800
    frame = pd.read_parquet(whole)
    assert str(frame["event_time"].dtype) == "datetime64[ns, UTC]"
    sql = f"select count(*), count(distinct device), sum(anomalous::int) from '{whole}'"  # noqa: S608
    assert duckdb.sql(sql).fetchall() == [(5400, 6, int(frame["anomalous"].sum()))]
    hours = duckdb.sql(f"select count(*) from '{state}/shots/**/*.parquet' where date = '2022-07-01'")  # noqa: S608
    assert hours.fetchall() == [(5400,)]


def test_evaluate_a_watched_day(command: Run, day: Path, state: Path) -> None:
    labels = day.parent / "labels.json"
    code, out, _ = command("evaluate", "--labels", labels, "--state", state, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["frames"]["dark"] == 600
    assert command("evaluate", "--labels", labels, "--state", state)[0] == 0


def test_check_finds_what_is_wrong(command: Run, day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = command("check", day, "--state", tmp_path / "state")
    assert code == 0, out
    assert "6 snapshots" in out
    assert not (tmp_path / "state").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PETAWATCH_WEBHOOK_URLS", '["http://127.0.0.1:9/"]')
    models = tmp_path / "other" / "models"
    models.mkdir(parents=True)
    (models / "current").write_text("gone\n")
    code, out, _ = command("check", tmp_path / "missing", "--state", tmp_path / "file")
    assert code == 1
    problems = [line for line in out.splitlines() if line.startswith("PROBLEM")]
    assert [line.split()[1] for line in problems] == ["folder", "state", "webhook"]
    assert "does not answer" in problems[2]
    code, out, _ = command("check", "--state", tmp_path / "other")
    assert [line.split()[1].rstrip(":") for line in out.splitlines() if line.startswith("PROBLEM")] == [
        "model",
        "webhook",
    ]


def test_simulate_watch_and_look(tmp_path: Path) -> None:
    """As processes, from an empty folder on."""

    def succeed(*arguments: str | Path) -> str:
        done: subprocess.CompletedProcess[str] = petawatch(*arguments)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    out, state = tmp_path / "day", tmp_path / "state"
    succeed("simulate", out, "--minutes", "2", "--hz", "2", "--gzip", "--no-faults", "--start", "2022-06-30T23:59")
    assert {path.parent.name for path in (out / "data").rglob("*.h5")} == {"2022-06-30", "2022-07-01"}
    assert json.loads((out / "labels.json").read_text())["labels"] == []
    succeed("watch", out / "data", "--state", state, "--once")
    ledger = json.loads(succeed("ledger", "--state", state, "--json"))
    assert ledger["balanced"]
    assert ledger["records"]["triplet"] == 360


def test_a_live_laser_is_simulated_until_it_is_stopped(tmp_path: Path) -> None:
    out, state = tmp_path / "laser", tmp_path / "state"
    with petawatch_running("simulate", out, "--live", "--hz", "2", "--snapshot-s", "1", "--no-faults") as process:
        assert process.stdout is not None
        assert "MB a minute; the latest 30 minutes are kept" in process.stdout.readline()
        learned = len(list((out / "data").rglob("*.h5")))
        wait_until(lambda: len(list((out / "data").rglob("*.h5"))) > learned + 1)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0

    files = len(list((out / "data").rglob("*.h5")))
    assert petawatch("watch", out, "--state", state, "--once").returncode == 0
    ledger = json.loads(petawatch("ledger", "--state", state, "--json").stdout)
    assert ledger["balanced"]
    assert ledger["files"]["accepted"] == files
    assert ledger["records"]["read"] == files * 2 * 3


def test_the_test_dialect(command: Run, tmp_path: Path) -> None:
    out, state = tmp_path / "day", tmp_path / "state"
    assert command("simulate", out, "--minutes", "2", "--hz", "5", "--dialect", "test", "--no-faults")[0] == 0
    assert command("watch", out / "data", "--state", state, "--once")[0] == 0
    ledger = json.loads(command("ledger", "--state", state, "--json")[1])
    assert ledger["balanced"]
    assert ledger["files"]["accepted"] == 1
    records = ledger["records"]
    assert records["unjoined"] + records["invalid"] == records["read"] > 1200  # invalid: the meter without beam
