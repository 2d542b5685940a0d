"""States of a facility, without Kafka: the directory of its recorder is that of a watch, which says the same."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.clock import SystemClock
from connectors.control_room.decisions import OperatorDecisions
from connectors.model_files import default_model, install_model
from connectors.spool_listing import scan
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.row_columns import Rows
from connectors.state.stage_moment import RUNNER_KEY
from models.archive.archived_file import ArchivedFile
from models.archive.copies import StoreCopy
from models.archive.keys import archive_key
from models.devices import parse_device
from models.errors import FatalError
from models.event_time import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, parse_iso
from models.results import Scoring
from models.snapshot_sequence import snapshot_order
from models.state import encode_state
from streams.agents.recorder import RECORDER_KEY
from streams.archive.opened_archive import opened_archive
from streams.archive.states.stage_states import read_stage_states
from streams.following.facility_states import FacilityStates
from streams.following.stretch_comparison import stretch_differences
from streams.series_progress import series_of
from streams.settings import load_settings
from streams.watch import open_watch
from tests.support.commands import Run
from tests.support.crashes import Crash, crash_at
from tests.support.watch_results import assert_tidy
from tests.support.watching import watch_once

#: The day's first minutes are decided within the day.
JOIN = {"roster_learning_ms": 20_000}
BEGIN = parse_iso("2022-07-01T09:30")


def becomes_recorders(state: Path) -> None:
    """From now on it is a directory of a facility: what a watch saves of itself is not in there."""
    with StateDirectory.open(state) as directory:
        directory.commit(Commit(stage_states={RUNNER_KEY: b"", RECORDER_KEY: encode_state({})}))


@pytest.fixture(scope="module")
def recorded(day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the recorder has of the day."""
    folder = tmp_path_factory.mktemp("recorded")
    watch_once(day, folder / "state", join=JOIN)
    becomes_recorders(folder / "state")
    return folder / "state"


@pytest.fixture
def recorder(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it; the archive's configuration lies beside."""
    return recorder_in(recorded, tmp_path)


def recorder_in(recorded: Path, folder: Path, *lines: str) -> Path:
    shutil.copytree(recorded, folder / "recorder")
    archive = (
        "[archive]",
        f'store = "{folder}/store"',
        f'folder = "{folder}/recorder/archive"',
        "state_every_s = 10.0",
    )
    join = ("[join]", *(f"{name} = {value}" for name, value in JOIN.items()))
    (folder / "petawatch.toml").write_text("\n".join([*archive, *join, *lines]))
    return folder / "recorder"


def follow(recorder: Path, tell: Callable[[str], None] = print, from_ns: int = 0) -> dict[str, object]:
    """Go through all that is there; what was noted then."""
    with (
        opened_archive(recorder, recorder.parent / "petawatch.toml") as archive,
        closing(FacilityStates(archive, recorder, clock=SystemClock(), tell=tell, from_ns=from_ns)) as states,
    ):
        states.run(once=True)
    return progress_of(recorder)


def progress_of(recorder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((recorder / "archive" / "following" / "progress.json").read_bytes())
    return found


def archived(recorder: Path) -> dict[str, dict[str, bytes]]:
    """The states of the stages in the archive's folder, by the files' names without the digest."""
    files = sorted((recorder / "archive" / "states").rglob("*.petawatch-state"))
    found = {path.name.split("_")[0]: dict(read_stage_states(path).states) for path in files}
    for states in found.values():
        del states[RUNNER_KEY]  # it says by the clock when a snapshot came
    return found


@pytest.fixture(scope="module")
def gone_through(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorder's directory after all was gone through, which nothing disturbed."""
    recorder, told = recorder_in(recorded, tmp_path_factory.mktemp("whole")), list[str]()
    follow(recorder, told.append)
    assert not told
    return recorder


@pytest.fixture(scope="module")
def whole(gone_through: Path) -> dict[str, dict[str, bytes]]:
    """Its states."""
    return archived(gone_through)


@pytest.fixture
def done(gone_through: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(gone_through.parent, tmp_path / "whole")
    config = tmp_path / "whole" / "petawatch.toml"
    config.write_text(config.read_text().replace(str(gone_through.parent), str(tmp_path / "whole")))
    return tmp_path / "whole" / "recorder"


def test_states_are_archived_and_results_compared(done: Path, whole: dict[str, dict[str, bytes]]) -> None:
    progress = progress_of(done)
    assert (progress["same"], progress["different"]) == (5, 0)
    assert list(whole) == ["09-30-59", "09-31-59"]
    # What was done is not done again.
    assert follow(done) == progress


@pytest.mark.parametrize(
    ("where", "name", "times"),
    [
        ("connectors.state.directory", "StateDirectory.commit", 4),
        ("streams.archive.states.following_progress", "FollowingProgress.went_to", 2),
    ],
)
def test_killed_anywhere_it_goes_on(
    recorder: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: dict[str, dict[str, bytes]],
    where: str,
    name: str,
    times: int,
) -> None:
    with crash_at(monkeypatch, where, name, times), pytest.raises(Crash):
        follow(recorder)
    progress = follow(recorder)
    assert (progress["same"], progress["different"]) == (5, 0)
    assert archived(recorder) == whole


def test_stopped_between_two_snapshots_it_goes_on(
    recorder: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, dict[str, bytes]]
) -> None:
    commit = StateDirectory.commit
    with (
        opened_archive(recorder, recorder.parent / "petawatch.toml") as archive,
        closing(FacilityStates(archive, recorder, clock=SystemClock(), tell=print)) as states,
        monkeypatch.context() as patch,
    ):

        def stopping(directory: StateDirectory, made: Commit) -> int:
            states.stop()
            return commit(directory, made)

        patch.setattr(StateDirectory, "commit", stopping)
        states.run(once=True)
    with StateReader.open(recorder / "archive" / "following" / "state") as reader:
        assert 0 < reader.ledger()["files"]["accepted"] < 6
    follow(recorder)
    assert archived(recorder) == whole


def test_what_differs_is_told_and_counted(recorded: Path, tmp_path: Path, command: Run) -> None:
    recorder = recorder_in(recorded, tmp_path, 'roster = ["LA_A3_31-EM_1-EnergyMeter-1"]')
    code, out, told = command(
        "archive", "states", "--once", "--state", recorder, "--config", tmp_path / "petawatch.toml"
    )
    assert (code, out) == (1, "")
    assert told.count("is not what the recorder has: shots differ in 1 minutes; outcome at 2022-07-01T09:30") == 5
    progress = progress_of(recorder)
    assert (progress["same"], progress["different"]) == (0, 5)
    where = ("--state", recorder, "--config", tmp_path / "petawatch.toml")
    assert command("archive", "run", "--once", *where)[0] == 0
    status = command("archive", "status", *where)[1]
    assert "a facility's states until 2022-07-01T09:32:59.800Z" in status
    assert "stretches that give something else 5" in status
    assert "something else from 2022-07-01T09:30:40.000Z to 2022-07-01T09:30:50.000Z shots differ" in status
    found = json.loads(command("archive", "status", "--json", *where)[1])["states"]
    assert (found["same"], found["different"], len(found["differing"])) == (0, 5, 5)


def test_episodes_that_differ_are_named(recorded: Path, tmp_path: Path) -> None:
    recorder = shutil.copytree(recorded, tmp_path / "recorder")
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        query = "SELECT id, kind, last_shot_ns FROM alerts WHERE status = 'closed' AND device <> '' ORDER BY id LIMIT 3"
        (first, kind, _), (second, *_), (third, *_) = found = database.execute(query).fetchall()
        database.execute("UPDATE alerts SET score = score + 1 WHERE id = ?", (first,))
        database.execute("UPDATE alerts SET status = 'open' WHERE id = ?", (second,))
        database.execute("DELETE FROM alerts WHERE id = ?", (third,))
    stretch = min(at_ns for *_, at_ns in found), max(at_ns for *_, at_ns in found) + 1
    with StateReader.open(recorder) as changed, StateReader.open(recorded) as whole:
        assert stretch_differences(whole, whole, *stretch) == []
        # One that is still open where the records end is the same.
        sentences = stretch_differences(changed, whole, *stretch)
        assert [sentence for sentence in sentences if first in sentence] == [f"episode {first} ({kind}) is another one"]
        assert not [sentence for sentence in sentences if second in sentence]
        assert next(sentence for sentence in sentences if third in sentence).endswith("is missing")
        assert len(sentences) == 2
        sentences = stretch_differences(whole, changed, *stretch)
        assert next(sentence for sentence in sentences if third in sentence).endswith("is one too many")


def test_snapshots_come_from_the_store(recorder: Path, whole: dict[str, dict[str, bytes]], command: Run) -> None:
    """The recorders' folders are on other computers, whose connectors have archived them."""
    config = recorder.parent / "petawatch.toml"
    connector = shutil.copytree(recorder, recorder.parent / "connector")
    with StateDirectory.open(connector) as directory:
        directory.commit(Commit(stage_states={RECORDER_KEY: b""}))
    code, _, told = command("archive", "run", "--once", "--state", connector, "--config", config)
    assert code == 0, told
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        database.execute("UPDATE file_versions SET root = '/on/another/computer'")
    progress = follow(recorder)
    assert (progress["same"], progress["different"]) == (5, 0)
    assert archived(recorder) == whole
    assert not (recorder / "archive" / "following" / "files").exists()


def test_a_snapshot_that_can_not_be_had_is_waited_for(recorder: Path, whole: dict[str, dict[str, bytes]]) -> None:
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        [(root,)] = database.execute("SELECT DISTINCT root FROM file_versions")
        database.execute("UPDATE file_versions SET root = '/on/another/computer' WHERE id = 4")
    with pytest.raises(FatalError, match="the replay lacks files") as failure:
        follow(recorder)
    assert failure.value.reason == "replay_missing"
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        database.execute("UPDATE file_versions SET root = ?", (root,))
    follow(recorder)
    assert archived(recorder) == whole


def test_snapshots_that_never_come_are_passed_over_and_differ(recorder: Path) -> None:
    """One was replaced and one removed before its connector's archiver had it, which gives such versions up."""
    with StateReader.open(recorder) as reader:
        removed, _, _, replaced, *_ = reader.files_between(0, BEGIN + HOUR_NS)
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        database.execute("UPDATE file_versions SET root = '/gone' WHERE sha256 = ?", (removed.sha256,))
        database.execute("UPDATE file_versions SET sha256 = ? WHERE sha256 = ?", ("a" * 64, replaced.sha256))
    with StateDirectory.open(recorder) as directory:
        directory.commit(Commit(files=[replace(replaced, replaced_sha256="a" * 64, records_read=0, dead_letters={})]))
    with pytest.raises(FatalError, match="the replay lacks files"):
        follow(recorder)
    later = replace(removed, path=f"{removed.path}_", first_ns=BEGIN + 8 * DAY_NS, last_ns=BEGIN + 8 * DAY_NS)
    with opened_archive(recorder, recorder.parent / "petawatch.toml") as archive:
        for record in (replaced, later):
            file = ArchivedFile(
                key=archive_key(record.path),
                path=record.path,
                root="",
                sha256=record.sha256,
                size_bytes=1,
                mtime_ns=1,
                first_ns=record.first_ns,
                last_ns=record.last_ns,
            )
            archive.catalog.add_files([file])
            archive.catalog.add_store_copies([StoreCopy(file_id=file.id, store="s3://elsewhere", version="1")])
    told = list[str]()
    progress = follow(recorder, told.append)
    lost = [sentence.partition(" can't be had any more: ")[0] for sentence in told if "can't be had" in sentence]
    assert lost == [removed.path, replaced.path]
    assert len([sentence for sentence in told if "is not what the recorder has" in sentence]) == 5
    assert (progress["same"], progress["different"]) == (0, 5)
    assert list(archived(recorder)) == ["09-30-59", "09-31-59"]


def test_a_snapshot_of_the_future_ends_no_states(
    recorder: Path, whole: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    """A recorder's clock was wrong, and that of its connector with it: what is sent is taken by the facility."""
    with StateReader.open(recorder) as reader:
        [first, *_] = reader.files_between(0, BEGIN + HOUR_NS)
    path, begin_ns = first.path.replace("2022-07-01", "2099-07-01"), parse_iso("2099-07-01T09:30")
    assert path != first.path
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(Path(first.root) / first.path, tmp_path / path)
    future = replace(first, path=path, root=str(tmp_path), first_ns=begin_ns, last_ns=begin_ns + SECOND_NS)
    with StateDirectory.open(recorder) as directory:
        directory.commit(Commit(files=[replace(future, records_read=0, dead_letters={})]))
    with closing(sqlite3.connect(recorder / "petawatch.sqlite")) as database, database:
        database.execute("UPDATE file_changes SET number = number + 100 WHERE number > 3")
        database.execute("UPDATE file_changes SET number = 4 WHERE number = (SELECT max(number) FROM file_changes)")
    progress = follow(recorder)
    assert (progress["same"], progress["different"]) == (5, 0)
    assert archived(recorder) == whole


def test_another_beginning_is_refused(done: Path) -> None:
    with pytest.raises(FatalError, match="have begun with the first snapshot, not at 2022-07-01T09:31") as failure:
        follow(done, from_ns=BEGIN + MINUTE_NS)
    assert failure.value.reason == "configuration"


def test_in_a_recorders_directory_only_states_are_archived(done: Path, command: Run) -> None:
    config = done.parent / "petawatch.toml"
    code, _, told = command("archive", "run", "--once", "--state", done, "--config", config)
    assert code == 0, told
    names = {path.suffix for path in (done.parent / "store").rglob("*") if path.is_file()}
    assert ".petawatch-state" in names
    assert ".h5" not in names


def test_what_replaces_a_snapshot_is_passed_over(done: Path) -> None:
    number = progress_of(done)["number"]
    with StateReader.open(done) as reader:
        [first, *_] = reader.files_between(0, BEGIN + HOUR_NS)
    replacement = replace(first, sha256="0" * 64, replaced_sha256=first.sha256, records_read=0, dead_letters={})
    with StateDirectory.open(done) as directory:
        directory.commit(Commit(files=[replacement]))
    assert follow(done)["number"] == int(str(number)) + 1


def test_accepted_baselines_take_effect_at_the_same_record(day: Path, tmp_path: Path) -> None:
    """One whose time had passed already when it was accepted: nothing else says with which record it took effect."""
    device = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
    files = sorted(scan([day], SystemClock())[0], key=lambda file: snapshot_order(file.relative))
    with open_watch([], tmp_path / "state", load_settings(None, join=JOIN)) as watch:
        watch.go_on_with(files[:4])
        decisions = OperatorDecisions(tmp_path / "state")
        decisions.accept_baseline(device, BEGIN, reason="realigned", by="somebody", now_ns=SystemClock().now_ns())
        watch.go_on_with(files[4:])
        watch.run_files([])
    becomes_recorders(tmp_path / "state")
    recorder, told = recorder_in(tmp_path / "state", tmp_path), list[str]()
    follow(recorder, told.append)
    assert [sentence.partition(":")[0] for sentence in told] == [device.name]
    begin, end = BEGIN + 2 * MINUTE_NS, BEGIN + 2 * MINUTE_NS + 50 * SECOND_NS
    with StateReader.open(recorder) as one, StateReader.open(recorder / "archive" / "following" / "state") as other:
        assert {*one.rows_between([device], begin, end)[0].scored.scoring[:10]} == {Scoring.LEARNING}
        for what in Rows:
            assert other.exported(what, begin, end).equals(one.exported(what, begin, end))


def test_it_begins_where_it_is_told_with_the_model_of_the_facility(recorder: Path) -> None:
    model = replace(default_model(), seeds={})
    install_model(recorder, model)
    follow(recorder, from_ns=BEGIN + MINUTE_NS)
    assert list(archived(recorder)) == ["09-31-59"]
    [file] = (recorder / "archive" / "states").rglob("*.petawatch-state")
    state = read_stage_states(file)
    assert (state.model, list(state.models)) == (model.name, [model.name])
    with StateReader.open(recorder / "archive" / "following" / "state") as reader:
        assert reader.ledger()["files"]["accepted"] == 4


def test_a_recorder_that_has_stopped_is_not_waited_for(day: Path, tmp_path: Path) -> None:
    files = sorted(scan([day], SystemClock())[0], key=lambda file: snapshot_order(file.relative))
    stopped = series_of(files[0].relative)
    delivered = [file for file in files if series_of(file.relative) != stopped or file is files[0]]
    with open_watch([], tmp_path / "state", load_settings(None)) as watch:
        watch.run_files(delivered)
    becomes_recorders(tmp_path / "state")
    recorder = recorder_in(tmp_path / "state", tmp_path)
    # As long as whom to expect is not known, its shots wait.
    (tmp_path / "petawatch.toml").write_text("silence_after_s = 30.0\n[archive]\nstate_every_s = 60.0\n")
    follow(recorder)
    with StateReader.open(recorder / "archive" / "following" / "state") as reader:
        moment = reader.stage_moment()
    assert moment is not None
    assert files[0].relative not in {path for path, _, _ in moment.pending}


def test_rows_that_were_compared_are_let_go(done: Path) -> None:
    assert progress_of(done)["compared_ns"] == BEGIN + 50 * SECOND_NS
    state = done / "archive" / "following" / "state"
    with StateDirectory.open(state) as directory:
        directory.flush()
        directory.forget_rows(BEGIN + 2 * MINUTE_NS)
        [first, *_] = directory.exported(Rows.SHOTS, 0, BEGIN + HOUR_NS)["event_time"]
        assert first.value >= BEGIN + MINUTE_NS
    assert_tidy(state)


def test_only_one_process_goes_through_them(recorder: Path) -> None:
    with StateDirectory.open(recorder / "archive" / "following" / "state"), pytest.raises(FatalError) as failure:
        follow(recorder)
    assert failure.value.reason == "state_in_use"


@pytest.mark.parametrize(
    ("states", "every", "told"),
    [({RECORDER_KEY: b""}, 10.0, "is no directory of a facility's recorder"), ({}, 0.0, "no states are wanted")],
)
def test_a_mistake_is_one_sentence(
    recorder: Path, command: Run, states: dict[str, bytes], every: float, told: str
) -> None:
    with StateDirectory.open(recorder) as directory:
        directory.commit(Commit(stage_states=states))
    config = recorder.parent / "petawatch.toml"
    config.write_text(config.read_text().replace("state_every_s = 10.0", f"state_every_s = {every}"))
    code, _, error = command("archive", "states", "--once", "--state", recorder, "--config", config)
    assert code == 1
    assert told in error
    assert error.count("\n") == 1
