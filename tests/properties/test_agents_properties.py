"""The agents give what one process gives: in whatever order they work, wherever they crash, however many share."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.model_files import default_model
from models.alerts.alert import AlertChange, AlertEvent, EvidenceFrame
from models.device_stage import StageFactory
from models.simulation.settings import SimulationSettings
from models.triplets.decided import DecidedBlock, TripletTable
from streams.series_progress import SeriesProgress
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.stage_factory import stage_factory
from streams.watch_pipeline import PipelineOutput, WatchPipeline
from tests.integration.test_determinism import split_by_device
from tests.support.facility_in_memory import Connector, InMemoryFacility, watch_unit


@dataclass(frozen=True, slots=True, repr=False)
class Results:
    """All that was found, in an order that does not depend on who found it when."""

    rows: list[tuple[Any, ...]]
    triplets: list[tuple[Any, ...]]
    alerts: dict[str, Any]
    steps: list[tuple[str, AlertChange]]
    evidence: dict[tuple[str, str], bytes]

    @classmethod
    def of(
        cls,
        decided: Iterable[DecidedBlock],
        triplets: Iterable[TripletTable],
        alerts: Iterable[AlertEvent],
        evidence: Iterable[EvidenceFrame],
    ) -> "Results":
        events = list(alerts)
        return cls(
            rows=sorted(row for block in decided for row in _rows(block)),
            triplets=sorted(row for table in triplets for row in _shots(table)),
            alerts={event.alert.id: event.alert for event in events},
            steps=sorted((e.alert.id, e.change) for e in events if e.change is not AlertChange.UPDATED),
            evidence={(frame.alert_id, frame.role): frame.raw.tobytes() for frame in evidence},
        )


@dataclass(frozen=True, slots=True, repr=False)
class Day:
    """A simulated day, how it is watched, and what one process makes of it."""

    folder: Path
    settings: Settings
    make_stage: StageFactory
    expected: Results


@pytest.fixture(scope="module", params=["a recorder for each stage", "a recorder for each device"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Two stages, three minutes at 5 Hz, the last with faults."""
    simulated = SimulationSettings(minutes=3, stages=2, hz=5, seed=2, fault_spacing_s=12)
    folder = simulate(tmp_path_factory.mktemp("day"), simulated)
    # One snapshot of each recorder has to come before the stages have learned whom to expect.
    options = load_settings(None, join={"roster_learning_ms": 50_000})
    if request.param == "a recorder for each device":
        options = load_settings(None, join={"roster_learning_ms": 100_000})
        whole, folder = folder, tmp_path_factory.mktemp("by-device")
        for path in sorted(whole.rglob("*.h5")):
            split_by_device(path, folder / path.parent.relative_to(whole))
    make_stage = stage_factory(options, default_model())
    output = _in_one_process(Connector(folder, options, random.Random(0)), options, make_stage)  # noqa: S311
    expected = Results.of(output.decided, output.triplets, output.alerts, output.evidence)
    assert {alert.kind for alert in expected.alerts.values()} > {"image_anomaly", "incomplete_triplet", "device_state"}
    return Day(folder, options, make_stage, expected)


@pytest.mark.parametrize(("seed", "partitions", "crashes"), [(1, 1, 0.1), (2, 3, 0.2), (7, 2, 0.2)])
def test_the_agents_give_what_one_process_gives(day: Day, seed: int, partitions: int, crashes: float) -> None:
    draw = random.Random(seed)  # noqa: S311
    facility = InMemoryFacility(day.make_stage, day.settings.join, partitions=partitions, draw=draw, crashes=crashes)
    recorded = facility.run(Connector(day.folder, day.settings, draw, again=0.2).messages())
    found = Results.of(recorded.decided, recorded.triplets, recorded.alerts, recorded.evidence)
    assert recorded.dead_letters == []
    assert found.rows == day.expected.rows
    assert found.triplets == day.expected.triplets
    assert found.alerts == day.expected.alerts
    assert found.steps == day.expected.steps
    assert found.evidence == day.expected.evidence
    assert not any(recorded.pending.values())


def _in_one_process(connector: Connector, options: Settings, make_stage: StageFactory) -> PipelineOutput:
    """What ``EmbeddedRunner`` does with the files, without a state directory."""
    pipeline, progress = WatchPipeline(make_stage, options.join), SeriesProgress(options.zone)
    output = PipelineOutput()
    for unit in connector.units():
        watch_unit(pipeline, progress, unit, output)
    output.extend(pipeline.finish())
    return output


def _rows(block: DecidedBlock) -> Iterable[tuple[Any, ...]]:
    scored = block.scored
    columns = [_exact(array) for array in (*scored.arrays().values(), block.outcome, block.reasons, block.anomalous)]
    same = (scored.source.file, scored.source.sha256, scored.interval_hz, scored.model, scored.replacement)
    return ((scored.device.name, *row, *same) for row in zip(scored.hdf5_group, *columns, strict=True))


def _shots(table: TripletTable) -> Iterable[tuple[Any, ...]]:
    names = [name for name in TripletTable.__slots__ if name not in ("stage", "missing_devices")]
    columns = [_exact(getattr(table, name)) for name in names]
    return ((str(table.stage), *row) for row in zip(table.missing_devices, *columns, strict=True))


def _exact(array: np.ndarray[Any, Any]) -> list[bytes]:
    """Each row's bytes: also NaN is equal to itself."""
    return [row.tobytes() for row in array]
