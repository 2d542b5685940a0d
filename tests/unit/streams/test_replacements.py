"""Shots that a replaced file touches: which, whether they wait, and what is decided again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from models.device_stage import DeviceStage
from models.devices import Device, parse_device
from models.event_time import DAY_NS, MILLISECOND_NS
from models.records import DeviceState, RecordBlock, SourceReference
from models.results import Outcome
from models.triplets.decided import OUTCOME_CODES, DecidedBlock
from models.triplets.join_settings import JoinSettings
from streams.replacements import TouchedShots, decide_again, touched_shots
from streams.watch_pipeline import WatchPipeline
from tests.unit.connectors.state.examples import file_record
from tests.unit.models.triplets.stage_records import CAMERA, METER, SPECTROMETER, STAGE, START_NS, Row, block, shots

CAMERA_FILE = SourceReference(file="camera.h5", sha256="1")
OTHER_STAGE = parse_device("LB_A2-Camera_1-Camera-1")


def no_stage(_: Device) -> DeviceStage:
    raise AssertionError("no device is run here")


@pytest.fixture
def pipeline() -> WatchPipeline:
    return WatchPipeline(no_stage, JoinSettings(roster_learning_ms=500))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with StateDirectory.open(tmp_path / "state") as state:
        yield state


def new_blocks(source: SourceReference, device: Device, count: int, first: int = 0) -> list[RecordBlock]:
    """Records as the reader gives them."""
    return [
        RecordBlock(
            device=device,
            source=source,
            event_time_ns=START_NS + np.arange(first, first + count, dtype=np.int64) * 100 * MILLISECOND_NS,
            state=np.full(count, DeviceState.ON, np.uint8),
            refusal=np.zeros(count, np.uint8),
            payload=np.empty((count, 0)),
            hdf5_group=("x",) * count,
            interval_hz=10.0,
            replacement=True,
        )
    ]


def watched(pipeline: WatchPipeline, state: StateDirectory, count: int = 20) -> None:
    """Shots of three recorders, decided and durable; the camera's second half is missing."""
    rows = shots(count)
    output = pipeline.join(
        block([row for row in rows if row.device == device][: count // 2 if device == CAMERA else count], file=name)
        for device, name in ((CAMERA, "camera.h5"), (METER, "meter.h5"), (SPECTROMETER, "spectrometer.h5"))
    )
    output.extend(pipeline.finish())
    files = {(each.scored.source.file, each.scored.source.sha256) for each in output.decided}
    records = dict.fromkeys(files, 0)
    for each in output.decided:
        records[each.scored.source.file, each.scored.source.sha256] += len(each)
    commit = Commit(
        files=[file_record(SourceReference(file=file, sha256=sha), number) for (file, sha), number in records.items()],
        decided=output.decided,
        triplets=output.triplets,
    )
    state.commit(commit)


def outcomes(decided: list[DecidedBlock]) -> dict[tuple[str, int], str]:
    words = {code: outcome.value for outcome, code in OUTCOME_CODES.items()}
    return {
        (each.scored.device.name, (time - START_NS) // (100 * MILLISECOND_NS)): words[code]
        for each in decided
        for time, code in zip(each.scored.event_time_ns.tolist(), each.outcome.tolist(), strict=True)
    }


def replacing(state: StateDirectory, count: int) -> tuple[SourceReference, TouchedShots]:
    new = SourceReference(file="camera.h5", sha256="2")
    return new, touched_shots(new_blocks(new, CAMERA, count), new, state)


def test_new_and_void_records_are_touched(pipeline: WatchPipeline, state: StateDirectory) -> None:
    watched(pipeline, state)
    _, touched = replacing(state, 4)
    assert touched.old is not None
    assert touched.old.file == "camera.h5"
    assert list(touched.times) == [STAGE]
    assert len(touched.times[STAGE]) == 10  # those that lose their record, too
    assert not touched.wait_in(pipeline)


def test_shots_that_wait_are_decided_first(pipeline: WatchPipeline, state: StateDirectory) -> None:
    new, touched = replacing(state, 4)
    pipeline.join([block([Row(device=METER, ms=300)], file="meter.h5")])
    assert touched.wait_in(pipeline)
    other = touched_shots(new_blocks(new, CAMERA, 2, first=50), new, state)
    assert not other.wait_in(pipeline)  # those touch nothing that waits
    pipeline.finish()
    assert not touched.wait_in(pipeline)


def test_what_waits_between_two_far_times_is_not_touched(pipeline: WatchPipeline, state: StateDirectory) -> None:
    times = np.array([START_NS - DAY_NS, START_NS + DAY_NS])
    touched = TouchedShots(CAMERA_FILE, None, {STAGE: times})
    pipeline.join([block([Row(device=METER, ms=0)], file="meter.h5")])
    assert not touched.wait_in(pipeline)


def test_old_records_that_wait_are_decided_first(pipeline: WatchPipeline, state: StateDirectory) -> None:
    waiting = block([Row(device=METER, ms=0)], file="old.h5")
    pipeline.join([waiting])
    state.commit(Commit(files=[file_record(waiting.source, 1)], pending={waiting.source: 1}))
    new = SourceReference(file="old.h5", sha256="new")
    touched = touched_shots(new_blocks(new, OTHER_STAGE, 1), new, state)
    assert touched.old == waiting.source
    assert touched.wait_in(pipeline)


def test_the_shots_come_together_again(pipeline: WatchPipeline, state: StateDirectory) -> None:
    watched(pipeline, state)
    _, touched = replacing(state, 20)
    scored = block([row for row in shots(20) if row.device == CAMERA], file="camera.h5")
    output, superseded = decide_again([scored], touched, state, pipeline)
    assert set(outcomes(output.decided).values()) == {"triplet"}
    assert len(outcomes(output.decided)) == 60
    assert sum(len(table) for table in output.triplets) == 20
    assert {str(each.subject): len(each.event_time_ns) for each in superseded} == {
        METER.name: 20,
        SPECTROMETER.name: 20,
        str(STAGE): 20,
    }


def test_a_stage_that_lost_its_records(pipeline: WatchPipeline, state: StateDirectory) -> None:
    """The new content is of another stage: the old shots are decided again without the camera."""
    watched(pipeline, state)
    new = SourceReference(file="camera.h5", sha256="2")
    touched = touched_shots(new_blocks(new, OTHER_STAGE, 1), new, state)
    assert sorted(touched.times) == sorted([STAGE, OTHER_STAGE.stage])
    output, _ = decide_again([], touched, state, pipeline)
    decided = outcomes(output.decided)
    assert {name for name, _ in decided} == {METER.name, SPECTROMETER.name}
    assert {shot for _, shot in decided} == set(range(10))
    assert set(decided.values()) == {Outcome.INCOMPLETE.value}
