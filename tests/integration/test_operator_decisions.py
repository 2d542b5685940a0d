"""A realigned camera alarms until its new state is accepted; verdicts on its alerts; what commands refuse."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from connectors.control_room.decisions import OperatorDecisions, judged_stretches
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.alerts.verdicts import Verdict
from models.event_time import format_iso, parse_iso
from models.simulation.settings import SimulationSettings
from models.state import encode_state
from servers.kafka_server import free_port
from streams.agents.recorder import RECORDER_KEY
from streams.simulation.files import simulate
from tests.support.commands import Run
from tests.support.watch_results import WatchResults, assert_same_results, read_results
from tests.support.watching import deliver, watch_live, watch_once

CAMERA = "LA_A3_31-Camera_1-Camera-1"
MINUTES, REALIGNED = 8, 3
FROM = "2022-07-01T09:33:00Z"


@pytest.fixture(scope="module")
def realigned_day(session_folder: Path) -> list[Path]:
    """A minute a file; from minute 3 on the camera's beam is 9 px to the right and 5 px lower."""
    settings = SimulationSettings(minutes=MINUTES, stages=1, hz=6, seed=5, faults=False)
    data = simulate(session_folder / "realigned", settings)
    snapshots = sorted(data.rglob("*.h5"))
    assert len(snapshots) == MINUTES
    for path in snapshots[REALIGNED:]:
        with h5py.File(path, "r+") as file:
            for shot in file.values():
                image = shot[CAMERA]["ROIImageLow"]
                image[...] = np.roll(image[...], (5, 9), axis=(0, 1))
    return snapshots


def state_of(results: WatchResults) -> list[str]:
    """Of the camera's lasting episodes: a single odd frame after 300 learned ones is within what is promised."""
    alerts = [alert for alert in results.alerts_of("image_anomaly") if alert["device"] == CAMERA]
    return [alert["status"] for alert in alerts if alert["shots"] >= 3]


def scorings(results: WatchResults) -> list[tuple[str, str, bool]]:
    """Event time, scoring and whether it is odd, of each of the camera's records."""
    rows = results.rows_of(device=CAMERA)
    return [(str(row["event_time"]), row["scoring"], row["anomalous"]) for row in rows]


def odd_share(found: list[tuple[str, str, bool]]) -> float:
    return sum(odd for _, _, odd in found) / len(found)


@dataclass
class Folders:
    data: Path
    state: Path

    def deliver(self, snapshots: list[Path]) -> None:
        for path in snapshots:
            deliver(path, self.data / "6Hz" / "2022-07-01")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "data", tmp_path / "state")


def accept(command: Run, state: Path, *, from_: str = FROM) -> str:
    arguments = ("--device", CAMERA, "--from", from_, "--reason", "realigned", "--state", state)
    code, out, err = command("baseline", "accept", *arguments)
    assert code == 0, err
    return out


def test_a_running_watch_takes_a_baseline_up_at_once(realigned_day: list[Path], folders: Folders, command: Run) -> None:
    with watch_live(folders.data, folders.state) as live:
        folders.deliver(realigned_day[:5])
        live.until(lambda results: results.ledger["files"]["accepted"] == 5)
        assert state_of(read_results(folders.state)) == ["open"]
        began = time.monotonic()
        assert "within seconds" in accept(command, folders.state)
        live.until(lambda results: state_of(results) == ["closed"])
        assert time.monotonic() - began < 10
        folders.deliver(realigned_day[5:])
        live.until(lambda results: results.ledger["files"]["accepted"] == MINUTES)
    results = watch_once(folders.data, folders.state)
    assert state_of(results) == ["closed"]
    found = scorings(results)
    per_minute = len(found) // MINUTES
    assert all(odd for _, _, odd in found[3 * per_minute + 10 : 5 * per_minute])  # before: odd all the time
    later = found[5 * per_minute :]
    assert [scoring for _, scoring, _ in later[:300]] == ["learning"] * 300
    assert {scoring for _, scoring, _ in later[-per_minute:]} == {"scored"}
    assert odd_share(later) < 0.005
    assert results.ledger["balanced"]


def test_a_stopped_watch_takes_it_up_with_its_first_record(
    realigned_day: list[Path], folders: Folders, command: Run
) -> None:
    """Accepted while the watch stands still, for a time of which no record has come."""
    folders.deliver(realigned_day[:2])
    with watch_live(folders.data, folders.state) as live:
        live.until(lambda results: results.ledger["files"]["accepted"] == 2)
    accept(command, folders.state)
    folders.deliver(realigned_day[2:])
    results = watch_once(folders.data, folders.state)
    assert state_of(results) == []
    found = scorings(results)
    learning = [time for time, scoring, _ in found if scoring == "learning" and time >= "2022-07-01 09:33"]
    assert learning[0].startswith("2022-07-01 09:33:00")
    assert len(learning) == 300
    assert odd_share(found) < 0.005
    again = watch_once(folders.data, folders.state)  # not applied a second time
    assert_same_results(again, results)


def test_a_crash_while_it_takes_effect_changes_nothing(
    realigned_day: list[Path], folders: Folders, command: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Killed in the commit in which it takes effect, and right after it: the same results, and once."""
    results = []
    for number, crashing in enumerate((None, 0, 1)):
        each = Folders(tmp_path / f"data-{number}", tmp_path / f"state-{number}")
        each.deliver(realigned_day[:5])
        with watch_live(each.data, each.state) as live:
            live.until(lambda results: results.ledger["files"]["accepted"] == 5)
        accept(command, each.state)
        each.deliver(realigned_day[5:])
        if crashing is not None:
            with monkeypatch.context() as patched:
                patched.setattr(StateDirectory, "commit", dying(crashing))
                with pytest.raises(KeyboardInterrupt):
                    watch_once(each.data, each.state)
        results.append(watch_once(each.data, each.state))
    for other in results[1:]:
        assert_same_results(other, results[0])
    assert state_of(results[0]) == ["closed"]


def dying(commits: int) -> Callable[[StateDirectory, Commit], int]:
    """A commit that ends the process instead, the first time or after some."""
    left = [commits]
    commit = StateDirectory.commit

    def commit_or_die(state: StateDirectory, step: Commit) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return commit(state, step)

    return commit_or_die


@pytest.fixture(scope="module")
def watched(realigned_day: list[Path], session_folder: Path) -> Path:
    """The state directory of a watch that saw the realigned day."""
    watch_once(realigned_day[0].parents[2], session_folder / "realigned-state")
    return session_folder / "realigned-state"


def test_verdicts_are_kept_counted_and_known_to_training(watched: Path, command: Run) -> None:
    [alert] = [alert for alert in read_results(watched).alerts_of("image_anomaly") if alert["device"] == CAMERA]
    code, out, err = command("verdict", alert["id"][:6].upper(), "True", "--reason", "moved", "--state", watched)
    assert (code, err) == (0, "")
    assert out == f"{alert['id']} image_anomaly {CAMERA}: true\n"
    assert command("verdict", alert["id"], "false", "--state", watched)[0] == 0
    first, second = OperatorDecisions(watched).verdicts()
    assert (first.verdict, first.reason, second.verdict) == (Verdict.TRUE, "moved", Verdict.FALSE)
    assert first.by
    assert parse_iso("2024-01-01") < first.at_ns <= second.at_ns
    [stretch] = judged_stretches(watched)
    assert (stretch.device, stretch.verdict, stretch.kind) == (CAMERA, Verdict.FALSE, "image_anomaly")
    assert format_iso(stretch.first_ns) == alert["first_shot"]
    assert format_iso(stretch.last_ns) == alert["last_shot"]
    code, out, _ = command("verdict", "--summary", "--json", "--state", watched)
    [row] = [row for row in json.loads(out) if row["where"] == CAMERA and row["kind"] == "image_anomaly"]
    assert (row["true"], row["false"], row["not_judged"]) == (0, 1, 0)
    assert row["precision"]["rate"] == 0.0
    assert row["precision"]["high"] == pytest.approx(0.975)
    code, out, _ = command("verdict", "--summary", "--state", watched)
    assert f"image_anomaly\t{CAMERA}\t0\t1\t0\t0\t0 % (0 to 98)\n" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("verdict", "zz", "true"), 1, "no alert 'zz'"),
        (("verdict", "", "true"), 2, "name an alert"),
        (("verdict", "zz", "maybe"), 2, "'maybe' is no verdict; write true, false or unclear"),
        (("verdict", "zz", "true", "--summary"), 2, "--summary"),
        (("baseline", "accept", "--device", CAMERA, "--from", FROM), 2, "--reason"),
        (("baseline", "accept", "--device", CAMERA, "--from", FROM, "--reason", " "), 1, "say why"),
        (("baseline", "accept", "--device", CAMERA, "--from", FROM, "--reason", "x" * 1001), 1, "1000"),
        (("baseline", "accept", "--device", CAMERA, "--from", "yesterday", "--reason", "x"), 2, "ISO 8601"),
        (("baseline", "accept", "--device", CAMERA, "--from", "2199-01-01", "--reason", "x"), 1, "yet to come"),
        (("baseline", "accept", "--device", CAMERA[:-1], "--from", FROM, "--reason", "x"), 1, f"is it {CAMERA}"),
        (("baseline", "accept", "--device", "?", "--from", FROM, "--reason", "x"), 1, "knows no device '?'"),
    ],
)
def test_mistakes_are_one_sentence(
    watched: Path, command: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = command(*arguments, "--state", watched)
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert not OperatorDecisions(watched).baselines()


def test_an_id_that_begins_several_is_not_guessed(
    undisturbed: WatchResults, session_folder: Path, command: Run
) -> None:
    ids = undisturbed.alert_ids
    letter = next(id_[0] for id_ in ids if sum(other[0] == id_[0] for other in ids) > 1)
    code, _, err = command("verdict", letter, "true", "--state", session_folder / "undisturbed")
    assert code == 1
    assert "write more of it" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("verdict", "ab", "true"),
        ("verdict", "--summary"),
        ("baseline", "accept", "--device", CAMERA, "--from", FROM, "--reason", "x"),
        ("baseline", "list"),
    ],
)
def test_a_directory_that_is_no_state_is_named(tmp_path: Path, command: Run, arguments: tuple[str, ...]) -> None:
    code, _, err = command(*arguments, "--state", tmp_path)
    assert code == 1
    assert f"there is no state of a watch in {tmp_path}" in err
    assert not list(tmp_path.iterdir())


def test_baselines_are_listed_with_who_and_why(watched: Path, tmp_path: Path, command: Run) -> None:
    with StateDirectory.open(tmp_path) as state:
        state.commit(Commit(stage_states={f"device/camera/{CAMERA}": encode_state({})}))
    accept(command, tmp_path)
    code, out, _ = command("baseline", "list", "--json", "--state", tmp_path)
    document = json.loads(out)
    assert code == 0
    assert document["device"] == CAMERA
    assert document["from"] == "2022-07-01T09:33:00.000Z"
    assert document["reason"] == "realigned"
    assert document["by"]
    assert f"\n{CAMERA}\t" in command("baseline", "list", "--state", tmp_path)[1]


def test_in_a_facility_nothing_is_accepted_while_kafka_is_away(watched: Path, tmp_path: Path, command: Run) -> None:
    """The agents would not know of it."""
    state, config = tmp_path / "state", tmp_path / "petawatch.toml"
    shutil.copytree(watched, state)
    config.write_text(f'[kafka]\nbootstrap_servers = "127.0.0.1:{free_port()}"\n')
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(stage_states={RECORDER_KEY: encode_state({})}))
    arguments = ("--device", CAMERA, "--from", FROM, "--reason", "x", "--state", state, "--config", config)
    code, out, err = command("baseline", "accept", *arguments)
    assert (code, out) == (1, "")
    assert "Kafka" in err
    assert err.count("\n") == 1
    assert not OperatorDecisions(state).baselines()
