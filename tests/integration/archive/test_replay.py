"""An archived stretch goes through the pipeline again, and gives what it gave the first time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from connectors.clock import SystemClock
from connectors.model_files import default_model
from connectors.state.reader import StateReader
from models.archive.archived_file import ArchivedFile
from models.event_time import format_iso, parse_iso
from streams.archive.stage_states import archivable_files
from streams.replay.plan import ReplayPlan, make_plan
from streams.replay.run import ReplayModels, run_replay
from streams.replay.sources import JoinedSource, StateSource
from streams.settings import Settings, load_settings
from tests.support.watch_results import WatchResults, assert_same_results, assert_same_rows, read_results
from tests.support.watching import watch_once

FROM, TO = parse_iso("2022-07-01T09:32"), parse_iso("2022-07-01T09:33")


@pytest.fixture(scope="module")
def archiving(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Options of a watch with an archive, whose states go there each minute of event time."""
    return {"archive": {"store": str(tmp_path_factory.mktemp("store")), "state_every_s": 60.0}}


@pytest.fixture(scope="module")
def watched(day: Path, undisturbed: WatchResults, archiving: dict[str, Any], session_folder: Path) -> Path:
    """The state directory of a watch that has archived its states; which changes nothing of what it finds."""
    state = session_folder / "archiving"
    assert_same_results(watch_once(day, state, **archiving), undisturbed)
    return state


def in_place(files: Sequence[ArchivedFile]) -> dict[str, Path]:
    return {file.id: Path(file.root, file.path) for file in files}


def planned(state: Path, settings: Settings) -> ReplayPlan:
    with StateReader.open(state) as reader:
        return make_plan(
            JoinedSource([StateSource(reader, state / "archive", settings.zone)]), in_place, FROM, TO, settings
        )


def of_stretch(table: pa.Table) -> pa.Table:
    return table.filter(pc.greater_equal(table["event_time"], pa.scalar(FROM, pa.timestamp("ns", "UTC"))))


def assert_same_stretch(found: WatchResults, expected: WatchResults) -> None:
    """Rows and alerts are the same bit for bit; evidence only of what began in the stretch."""
    assert_same_rows(of_stretch(found.shots), of_stretch(expected.shots))
    assert_same_rows(of_stretch(found.triplets), of_stretch(expected.triplets))

    def alerts(results: WatchResults) -> list[dict[str, object]]:
        later = [alert for alert in results.alerts if alert["last_shot"] >= format_iso(FROM)]
        return [alert if alert["first_shot"] >= format_iso(FROM) else alert | {"evidence": None} for alert in later]

    assert len(alerts(expected)) > 5
    assert alerts(found) == alerts(expected)


def test_states_are_archived_each_minute(watched: Path) -> None:
    positions = [format_iso(file.first_ns) for file in archivable_files(watched / "archive") if file.first_ns]
    assert positions == ["2022-07-01T09:31:00.000Z", "2022-07-01T09:32:00.000Z"]


def test_from_an_archived_state_the_stretch_is_the_same_bit_for_bit(
    watched: Path, undisturbed: WatchResults, archiving: dict[str, Any], tmp_path: Path
) -> None:
    settings = load_settings(None, **archiving)
    plan = planned(watched, settings)
    assert plan.state is not None
    assert [Path(file.path).name[-15:] for file in plan.files] == ["09-32-00-000.h5"] * 2
    models = ReplayModels(in_use=default_model())
    run_replay(plan, models, in_place(plan.files), tmp_path / "run", settings, clock=SystemClock())
    found = read_results(tmp_path / "run")
    assert_same_stretch(found, undisturbed)
    assert found.ledger["balanced"]
