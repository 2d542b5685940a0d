"""An archived stretch goes through the pipeline again, and gives what it gave the first time."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model, write_model
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile
from models.errors import FatalError
from models.event_time import format_iso, parse_iso
from models.state import encode_state
from streams.archive.states.stage_states import archivable_files
from streams.replay.plan import ReplayPlan, make_plan
from streams.replay.run import ReplayModels, ReplayOptions, run_replay
from streams.replay.sources import JoinedSource, StateSource
from streams.settings import Settings, load_settings
from tests.support.commands import Run
from tests.support.ltfs.drive import TapeShelf
from tests.support.manual_clock import ManualClock
from tests.support.watch_results import WatchResults, assert_same_results, assert_same_rows, read_results
from tests.support.watching import watch_once

FROM, TO = parse_iso("2022-07-01T09:32"), parse_iso("2022-07-01T09:33")
STRETCH = ("--from", "2022-07-01T09:32", "--to", "2022-07-01T09:33")


@pytest.fixture(scope="module")
def watched(day: Path, undisturbed: WatchResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an archiving watch has seen the day: its state directory and its configuration.

    The watch archives its states each minute of event time, which changes nothing of what it finds.
    """
    folder = tmp_path_factory.mktemp("archiving")
    shutil.copytree(day, folder / "data")
    options: dict[str, Any] = {"store": str(folder / "store"), "state_every_s": 60.0}
    config = folder / "petawatch.toml"
    config.write_text("[archive]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items()))
    assert_same_results(watch_once(folder / "data", folder / "state", archive=options), undisturbed)
    return folder


@pytest.fixture(scope="module")
def settings(watched: Path) -> Settings:
    return load_settings(watched / "petawatch.toml")


@pytest.fixture
def replay(watched: Path, command: Run) -> Run:
    """Runs ``petawatch replay`` there."""

    def execute(*arguments: str | Path) -> tuple[int, str, str]:
        return command("replay", *arguments, "--state", watched / "state", "--config", watched / "petawatch.toml")

    return execute


def in_place(files: Sequence[ArchivedFile]) -> dict[str, Path]:
    return {file.id: Path(file.root, file.path) for file in files}


def planned(watched: Path, settings: Settings) -> ReplayPlan:
    with StateReader.open(watched / "state") as reader:
        source = StateSource(reader, watched / "state" / "archive", settings.zone)
        return make_plan(JoinedSource([source]), in_place, FROM, TO, settings)


def assert_same_stretch(found: WatchResults, expected: WatchResults) -> None:
    """Rows and alerts are the same bit for bit; evidence only of what began in the stretch."""

    def rows(table: pa.Table) -> pa.Table:
        return table.filter(pc.greater_equal(table["event_time"], pa.scalar(FROM, pa.timestamp("ns", "UTC"))))

    def alerts(results: WatchResults) -> list[dict[str, object]]:
        later = [alert for alert in results.alerts if alert["last_shot"] >= format_iso(FROM)]
        return [alert if alert["first_shot"] >= format_iso(FROM) else alert | {"evidence": None} for alert in later]

    assert len(rows(expected.shots)) > 1000
    assert_same_rows(rows(found.shots), rows(expected.shots))
    assert_same_rows(rows(found.triplets), rows(expected.triplets))
    assert len(alerts(expected)) > 5
    assert alerts(found) == alerts(expected)
    assert found.ledger["balanced"]


def test_states_are_archived_each_minute(watched: Path) -> None:
    files = list(archivable_files(watched / "state" / "archive"))
    positions = [format_iso(file.first_ns) for file in files if file.first_ns is not None]
    assert positions == ["2022-07-01T09:31:00.000Z", "2022-07-01T09:32:00.000Z"]
    assert [Path(file.key).parent.name for file in files if file.first_ns is None] == ["models"]


def test_from_an_archived_state_the_stretch_is_the_same_bit_for_bit(
    watched: Path, settings: Settings, undisturbed: WatchResults, tmp_path: Path
) -> None:
    plan = planned(watched, settings)
    assert plan.state is not None
    assert [Path(file.path).name[-15:] for file in plan.files] == ["09-32-00-000.h5"] * 2
    models = ReplayModels(in_use=default_model())
    run_replay(plan, models, in_place(plan.files), tmp_path / "run", settings, clock=SystemClock())
    assert_same_stretch(read_results(tmp_path / "run"), undisturbed)


def test_a_replay_that_was_ended_goes_on_where_it_stood(
    watched: Path, settings: Settings, undisturbed: WatchResults, tmp_path: Path
) -> None:
    plan = planned(watched, settings)
    models, directory, clock = (
        ReplayModels(in_use=default_model()),
        tmp_path / "run",
        ManualClock(SystemClock().now_ns()),
    )

    def end(done: int, _: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    pace = ReplayOptions(speed=60.0)
    cut_off = replace(pace, progress=end)
    with pytest.raises(KeyboardInterrupt):
        run_replay(plan, models, in_place(plan.files), directory, settings, clock=clock, options=cut_off)
    assert read_results(directory).ledger["files"]["accepted"] > 0
    run_replay(plan, models, in_place(plan.files), directory, settings, clock=clock, options=pace)
    assert_same_stretch(read_results(directory), undisturbed)


def test_a_state_of_another_version_is_told(watched: Path, settings: Settings, tmp_path: Path) -> None:
    plan = planned(watched, settings)
    assert plan.state is not None
    states = {
        key: encode_state({"of": "then"}) if "Camera" in key else saved for key, saved in plan.state.states.items()
    }
    earlier = replace(plan, state=replace(plan.state, states=states, program="0.0.1"))
    models = ReplayModels(in_use=default_model())
    with pytest.raises(FatalError, match=r"saved by Petawatch 0\.0\.1, and this one can't go on from it") as failure:
        run_replay(earlier, models, in_place(plan.files), tmp_path / "run", settings, clock=SystemClock())
    assert failure.value.reason == "replay_state"


def test_a_file_that_is_another_one_by_now_is_told(watched: Path, settings: Settings, tmp_path: Path) -> None:
    plan = planned(watched, settings)
    places = in_place(plan.files)
    first = plan.files[0]
    changed = tmp_path / "data" / first.path
    changed.parent.mkdir(parents=True)
    shutil.copyfile(places[plan.files[1].id], changed)
    with pytest.raises(FatalError, match="is not the file that was archived") as failure:
        run_replay(
            plan,
            ReplayModels(in_use=default_model()),
            places | {first.id: changed},
            tmp_path / "run",
            settings,
            clock=SystemClock(),
        )
    assert failure.value.reason == "replay_differs"


def test_a_dry_replay_runs_nothing(replay: Run, watched: Path) -> None:
    code, out, _ = replay(*STRETCH, "--dry")
    assert code == 0
    assert "2 snapshots" in out
    assert "it starts from states/2022-07-01/09-31-59_" in out
    assert not list((watched / "state" / "archive").glob("replays/2022*"))
    assert "it starts without an archived state" in replay(*STRETCH, "--dry", "--fresh")[1]


def test_from_the_store_alone(
    replay: Run, watched: Path, command: Run, undisturbed: WatchResults, tmp_path: Path
) -> None:
    """What the recorders wrote and what the watch keeps of states and models is gone from this computer."""
    config = watched / "petawatch.toml"
    code, _, told = command("archive", "run", "--once", "--state", watched / "state", "--config", config)
    assert code == 0, told
    gone = [watched / "data", watched / "state" / "archive" / "states", watched / "state" / "archive" / "models"]
    for folder in gone:
        folder.rename(folder.with_name(f"{folder.name} elsewhere"))
    try:
        assert "2 from the store, 0 from cartridges" in replay(*STRETCH, "--dry")[1]
        code, out, told = replay(*STRETCH, "--into", tmp_path / "again", "--page", tmp_path / "page.html", "--json")
    finally:
        for folder in gone:
            folder.with_name(f"{folder.name} elsewhere").rename(folder)
    assert code == 0, told
    document = json.loads(out)
    assert_same_stretch(read_results(Path(document["results"][0])), undisturbed)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 2
    assert "<script" not in page
    assert not [word for word in ("http://", "https://") if word in page]
    # The same again is not done again, and nothing else goes there.
    assert json.loads(replay(*STRETCH, "--into", tmp_path / "again", "--json")[1]) == document
    code, _, told = replay("--from", "2022-07-01T09:31", "--to", "2022-07-01T09:32", "--into", tmp_path / "again")
    assert code == 1
    assert "holds something else than this replay" in told


def test_two_models_are_compared(replay: Run, tmp_path: Path) -> None:
    other = replace(default_model(), seeds={})
    write_model(tmp_path / "other", other)
    stretch = ("--from", "2022-07-01T09:31", "--to", "2022-07-01T09:33")
    options = ("--model", tmp_path / "other", "--into", tmp_path / "results")
    code, out, told = replay(*stretch, *options, "--page", tmp_path / "page.html", "--json")
    assert code == 0, told
    comparison = json.loads(out)["comparison"]
    assert comparison["models"] == [default_model().name, other.name]
    assert len(comparison["both"]) > 5
    assert len(comparison["cameras"]) == 2
    for camera in comparison["cameras"]:
        assert camera["shots"] > 200
        assert camera["since"] >= "2022-07-01T09:32"
        assert camera["differences"]["0.0"] <= camera["differences"]["0.5"] <= camera["differences"]["1.0"]
        assert len(camera["worst"]) == 5
    assert "Only " + other.name in (tmp_path / "page.html").read_text(encoding="utf-8")
    code, out, _ = replay(*stretch, *options)
    assert code == 0
    assert f"only {other.name}:" in out


def test_the_shot_of_an_alert_opens(replay: Run, watched: Path, undisturbed: WatchResults, tmp_path: Path) -> None:
    alert = next(alert for alert in undisturbed.alerts_of("image_anomaly") if alert["first_shot"] >= format_iso(FROM))
    code, out, told = replay("--alert", alert["id"])
    assert code == 0, told
    kept = Path(out.strip()).read_text(encoding="utf-8")
    # A camera's evidence, and the shots around it.
    assert kept.count("data:image/png;base64,") == 6
    assert kept.count("<svg") == 2
    assert "from the evidence of the watch" in kept
    evidence = watched / "state" / "evidence"
    evidence.rename(evidence.with_name("elsewhere"))
    try:
        code, out, told = replay("--alert", alert["id"], "--page", tmp_path / "page.html")
    finally:
        evidence.with_name("elsewhere").rename(evidence)
    assert code == 0, told
    again = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert again.replace("a replay of the archived files", "the evidence of the watch") == kept


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "2022-07-01T09:32"], "--to is missing"),
        (["--from", "2022-07-01T09:33", "--to", "2022-07-01T09:32"], "--from must lie before --to"),
        ([*STRETCH, "--alert", "ab"], "give --from and --to, or --alert"),
        ([*STRETCH, "--speed", "fast"], "'fast' is neither a number above 0 nor max"),
        (["--alert", "ab", "--workers", "1"], "--workers: the shot of an alert is replayed in this process"),
        (["--from", "2021-07-01", "--to", "2021-07-02"], "no snapshot between"),
        (["--alert", "none"], "no alert has an id that begins with 'none'"),
    ],
)
def test_a_mistake_is_one_sentence(replay: Run, arguments: list[str], told: str) -> None:
    code, out, error = replay(*arguments)
    assert code in {1, 2}
    assert out == ""
    assert told in error
    assert error.count("\n") == 1


def test_from_tapes_alone(ltfs: TapeShelf, day: Path, undisturbed: WatchResults, command: Run, tmp_path: Path) -> None:
    """All that is left of an installation is a cartridge."""
    drive = ltfs.drive(ltfs.cartridge(capacity_bytes=128 << 20))
    config, site = tmp_path / "petawatch.toml", tmp_path / "site"
    archive = {"store": str(site / "store"), "installation": "lab-2", "state_every_s": 60.0}
    tape = {"mounts": [str(drive.mount)], "copies": 1, "headroom_bytes": 0, "remount": list(ltfs.remount_command)}
    config.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{option} = {json.dumps(value)}\n" for option, value in options.items())
            for name, options in (("archive", archive), ("tape", tape))
        )
    )
    where = ("--state", site / "state", "--config", config)
    shutil.copytree(day, site / "data")
    watch_once(site / "data", site / "state", archive=archive)
    for words in (("archive", "run", "--once"), ("archive", "tape", "--once")):
        code, _, told = command(*words, *where)
        assert code == 0, told
    shutil.rmtree(site)
    code, _, told = command("archive", "rebuild-catalog", *where)
    assert code == 0, told
    code, dry, told = command("replay", *STRETCH, *where, "--dry")
    assert code == 0, told
    assert "0 from the store, 2 from cartridges" in dry
    assert "cartridge PW0001L8: 2 snapshots" in dry
    code, out, told = command("replay", *STRETCH, *where, "--json")
    assert code == 0, told
    assert_same_stretch(read_results(Path(json.loads(out)["results"][0])), undisturbed)
