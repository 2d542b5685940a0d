"""What operators decide while records come takes effect in the facility where it does in one process, bit for bit."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pytest

from connectors.model_files import default_model
from connectors.wire.codec import encode
from connectors.wire.message import Outgoing
from models.baseline import AcceptedBaseline
from models.device_stage import StageFactory
from models.devices import Device, parse_device
from models.event_time import SECOND_NS
from models.messages import FileMoment, ModelPromotion, NoticeKind, ShadowPromotion
from models.records import RecordBlock
from models.results import Scoring
from models.simulation.settings import SimulationSettings
from models.state import State, decode_state, encode_state
from models.triplets.decided import DecidedBlock
from streams.agents.device_task import DeviceTask
from streams.connector.series_notices import plain_notices
from streams.device_stages import device_key
from streams.series_progress import SeriesProgress
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.stage_factory import stage_factory
from streams.topology import RECORD_TOPICS, TopicName
from streams.watch_pipeline import PipelineOutput, WatchPipeline
from tests.properties.test_agents_properties import Results
from tests.support.facility_in_memory import Connector, Everywhere, InMemoryFacility, outgoing, watch_unit

OLD = default_model()
NEW = replace(OLD, seeds={})
SHADOW = replace(OLD, seeds={"shadow": 1})
CAMERAS = [parse_device(f"LA_A3_3{arm}-Camera_1-Camera-1") for arm in (1, 2)]
METER = parse_device("LA_A3_31-EM_1-EnergyMeter-1")
#: Files, two a minute: after the first one a model becomes the shadow, after the second another is promoted, before the
#: last two baselines are accepted.
SHADOW_AFTER, PROMOTED_AFTER, ACCEPTED_AFTER = 1, 2, 6
FILES = 8


class Models:
    """The models that were promoted; one that is not among them is refused."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, StageFactory] = {}

    def stages_of(self, model: str) -> StageFactory | None:
        if model not in {OLD.name, NEW.name}:
            return None
        if model not in self._made:
            self._made[model] = stage_factory(self._settings, NEW if model == NEW.name else OLD)
        return self._made[model]

    def shadow_stages_of(self, model: str) -> StageFactory | None:
        if model != SHADOW.name:
            return None
        return self._made.setdefault(model, stage_factory(self._settings, SHADOW))

    def latest(self) -> str:
        return NEW.name


@dataclass(frozen=True, slots=True, repr=False)
class Day:
    """A simulated day with what operators decide in it, and what one process makes of it."""

    folder: Path
    settings: Settings
    baselines: list[AcceptedBaseline]
    expected: Results
    compared: dict[str, State]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Two stages, four minutes at 5 Hz, the last with faults."""
    simulated = SimulationSettings(minutes=FILES // 2, stages=2, hz=5, seed=2, fault_spacing_s=12)
    folder = simulate(tmp_path_factory.mktemp("day"), simulated)
    settings = load_settings(None, join={"roster_learning_ms": 50_000})
    start_ns = min(block.event_time_ns[0] for unit in units(folder, settings) for block in unit)
    baselines = [
        AcceptedBaseline(id=number + 1, device=device, from_ns=int(start_ns) + 183 * SECOND_NS)
        for number, device in enumerate([CAMERAS[0], METER])
    ]
    return Day(folder, settings, baselines, *in_one_process(folder, settings, baselines))


def units(folder: Path, settings: Settings) -> Iterator[list[RecordBlock]]:
    for unit in Connector(folder, settings, random.Random(0)).units():  # noqa: S311
        yield [block for blocks in unit.blocks.values() for block in blocks]


def in_one_process(
    folder: Path, settings: Settings, baselines: list[AcceptedBaseline]
) -> tuple[Results, dict[str, State]]:
    """What ``EmbeddedRunner`` does with the files, without a state directory; and what is known of the shadow."""
    pipeline = WatchPipeline(stage_factory(settings, OLD), settings.join)
    progress, output = SeriesProgress(settings.zone), PipelineOutput()
    for number, unit in enumerate(Connector(folder, settings, random.Random(0)).units()):  # noqa: S311
        if number == SHADOW_AFTER:
            pipeline.change_shadow(stage_factory(settings, SHADOW))
        if number == PROMOTED_AFTER:
            pipeline.change_model(stage_factory(settings, NEW))
        for baseline in baselines if number == ACCEPTED_AFTER else ():
            accepted = pipeline.accept_baseline(baseline)
            assert accepted is not None
            output.extend(accepted[0])
        watch_unit(pipeline, progress, unit, output)
    output.extend(pipeline.finish())
    results = Results.of(output.decided, output.triplets, output.alerts, output.evidence)
    states = {key: decode_state(state) for key, state in pipeline.device_states().items()}
    return results, {key: state["shadow"] for key, state in states.items() if "shadow" in state}


def sent(day: Day, draw: random.Random) -> Iterator[Outgoing | Everywhere]:
    """What connectors and commands send; also files and commands that are given twice, and a model that is refused."""
    connector, progress = Connector(day.folder, day.settings, draw), SeriesProgress(day.settings.zone)
    for number, unit in enumerate(connector.units()):
        if number == SHADOW_AFTER:
            for model in (SHADOW.name, "ae-unheard-of", SHADOW.name):
                yield Everywhere(written(ShadowPromotion(model=model, at_ns=1), TopicName.IMAGES, model))
        if number == PROMOTED_AFTER:
            for model in ("ae-unheard-of", NEW.name, NEW.name):
                yield Everywhere(written(ModelPromotion(model=model, at_ns=1), TopicName.IMAGES, model))
        for baseline in day.baselines * 2 if number == ACCEPTED_AFTER else ():
            yield written(baseline, RECORD_TOPICS[baseline.device.kind], baseline.device.name)
        whole = list(connector.unit(unit, progress))
        if draw.random() < 0.2:
            yield from whole[: draw.randrange(len(whole) + 1)]
            whole = list(connector.unit(unit, progress))
        yield from whole
    moment = FileMoment(start_ns=0, closed_ns=0)
    yield from map(outgoing, plain_notices(NoticeKind.INPUT_END, progress.series, progress, moment))


def written(content: ModelPromotion | ShadowPromotion | AcceptedBaseline, topic: TopicName, key: str) -> Outgoing:
    encoded = encode(content)
    return Outgoing(topic=topic, key=key.encode(), value=encoded.value, headers=encoded.headers)


def test_the_facility_gives_what_one_process_gives(day: Day) -> None:
    draw = random.Random(4)  # noqa: S311
    first = stage_factory(day.settings, OLD)

    def task() -> DeviceTask:
        return DeviceTask(first, model=OLD.name, promoted=Models(day.settings))

    facility = InMemoryFacility(first, day.settings.join, partitions=3, draw=draw, crashes=0.2, device_task=task)
    recorded = facility.run(sent(day, draw))
    found = Results.of(recorded.decided, recorded.triplets, recorded.alerts, recorded.evidence)
    assert recorded.dead_letters == []
    assert found.rows == day.expected.rows
    assert found.triplets == day.expected.triplets
    assert found.alerts == day.expected.alerts
    assert found.steps == day.expected.steps
    assert found.evidence == day.expected.evidence
    assert not any(recorded.pending.values())
    assert models_by_camera(recorded.decided) == {camera.name: [OLD.name, NEW.name] for camera in CAMERAS}
    assert learning_again(recorded.decided, day.baselines[0].from_ns) == {day.baselines[0].device, METER}
    states = {key: decode_state(state)["stage"] for key, state in facility.states().items()}
    compared = {key: state["shadow"] for key, state in states.items() if "shadow" in state}
    assert sorted(compared) == sorted(device_key(camera) for camera in CAMERAS)
    assert {key: encode_state(state) for key, state in compared.items()} == {
        key: encode_state(state) for key, state in day.compared.items()
    }
    assert all(state["counts"]["frames"] > 0 for state in compared.values())


def learning_again(decided: list[DecidedBlock], from_ns: int) -> set[Device]:
    """The devices that learned after a time; there is none whose first learning takes so long."""
    blocks = [block.scored for block in decided]
    return {
        block.device for block in blocks if (block.scoring[block.event_time_ns >= from_ns] == Scoring.LEARNING).any()
    }


def models_by_camera(decided: list[DecidedBlock]) -> dict[str, list[str]]:
    """Which models scored each camera, one after another."""
    blocks = sorted((block.scored for block in decided), key=lambda block: (block.device, block.event_time_ns[0]))
    return {
        device.name: [model for model, _ in groupby(block.model for block in of_device if block.model)]
        for device, of_device in groupby(blocks, lambda block: block.device)
        if device in CAMERAS
    }
