"""A shadow scores beside a running watch: results are the same with and without it, and what it finds is counted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.model_files import default_model, end_shadow, install_shadow
from models.simulation.settings import SimulationSettings
from streams.command_line import run
from streams.shadow_findings import ShadowFinding, read_findings
from streams.simulation.files import simulate
from tests.support.watch_results import WatchResults, assert_same_rows
from tests.support.watching import deliver, watch_live, watch_once

PRODUCTION = default_model()
SHADOW = replace(PRODUCTION, seeds={})
MINUTES = 3
FRAMES = 600  # of a camera in a minute


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("shadow")
    simulate(folder, SimulationSettings(minutes=MINUTES, stages=1, fault_spacing_s=12.0))
    return sorted(folder.rglob("*.h5"))


@pytest.fixture(scope="module")
def alone(day: list[Path], tmp_path_factory: pytest.TempPathFactory) -> WatchResults:
    """What a watch finds without a shadow."""
    folder = tmp_path_factory.mktemp("alone")
    put(day, folder / "data")
    return watch_once(folder / "data", folder / "state")


def put(files: list[Path], data: Path) -> None:
    for file in files:
        deliver(file, data / "10Hz" / "2022-07-01")


def files_of(day: list[Path], *minutes: int) -> list[Path]:
    starts = sorted({file.name[-11:] for file in day})
    return [file for file in day if file.name[-11:] in {starts[minute] for minute in minutes}]


def assert_same_results(found: WatchResults, alone: WatchResults) -> None:
    assert_same_rows(found.shots, alone.shots)
    assert found.alerts == alone.alerts
    assert found.ledger == alone.ledger


def test_a_running_watch_takes_a_shadow_up_and_lets_it_go(
    day: list[Path], alone: WatchResults, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    with watch_live(data, state) as live:
        put(files_of(day, 0), data)
        live.until(lambda results: results.ledger["records"]["read"] >= 3 * FRAMES - 50)
        install_shadow(state, SHADOW)
        live.until(lambda _: any("is the shadow:" in text for text in live.told))
        put(files_of(day, 1), data)
        live.until(lambda results: results.ledger["records"]["read"] >= 6 * FRAMES - 100)
        registry = live.watch._signs.registry  # type: ignore[attr-defined]
        assert registry.get_sample_value("petawatch_shadow_model_info", {"model": SHADOW.name}) == 1
        frames = sum(
            registry.get_sample_value("petawatch_shadow_frames_total", {"odd_for": finder})
            for finder in ("both", "production", "shadow", "neither")
        )
    # The next watch goes on with it in the middle.
    [(_, first)] = read_findings(state).items()
    put(files_of(day, 2), data)
    results = watch_once(data, state)
    assert_same_results(results, alone)
    [(camera, finding)] = read_findings(state).items()
    assert (finding.model, finding.production, finding.going_on) == (SHADOW.name, PRODUCTION.name, True)
    assert first.counts.frames == frames > 0.8 * (FRAMES - 300)
    assert finding.counts.frames >= frames + 0.99 * FRAMES
    assert_found(finding)
    assert run(["models", "shadow", "--state", str(state)]) == 0
    shown = capsys.readouterr().out
    assert camera in shown
    assert SHADOW.name in shown
    # It ends: what it found stays.
    end_shadow(state)
    watch_once(data, state)
    assert run(["models", "shadow", "--json", "--state", str(state)]) == 0
    [document] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert document["device"] == camera
    assert not document["going_on"]
    assert document["frames"] == finding.counts.frames


def assert_found(finding: ShadowFinding) -> None:
    """The same network with other seeds of its tails: it finds nearly the same."""
    counts = finding.counts
    assert counts.odd_both > 10
    assert counts.odd_both > 3 * (counts.odd_production + counts.odd_shadow)
    assert counts.alerts_production > 0
    assert counts.alerts_shared >= counts.alerts_production - 1


def test_it_is_the_same_whatever_the_cut_and_a_damaged_one_is_told_and_left_out(
    day: list[Path], alone: WatchResults, tmp_path: Path
) -> None:
    found = []
    for name, units in (("large", {}), ("small", {"unit_bytes": 3_000_000, "block_records": 37})):
        data, state = tmp_path / name / "data", tmp_path / name / "state"
        put(day, data)
        state.mkdir(parents=True)
        install_shadow(state, SHADOW)
        assert_same_results(watch_once(data, state, units=units), alone)
        found.append(read_findings(state))
    assert found[0] == found[1]
    (state / "models" / SHADOW.name / "model.onnx").write_bytes(b"")
    told: list[str] = []
    watch_once(data, state, tell=told.append)
    [sentence] = told
    assert "goes on without a shadow" in sentence
