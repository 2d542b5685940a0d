"""What the archived states say is dealt out to whoever will get each device's records and each stage's rows."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka.partitions import partition_of
from connectors.model_files import default_model
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.state.stage_moment import RUNNER_KEY
from models.errors import FatalError
from models.records import SourceReference
from models.state import decode_state, encode_state
from models.triplets.stage_join import StageJoin
from streams.agents.model_in_use import MODEL_KEY
from streams.archive.states.stage_states import StageStates
from streams.device_stages import DeviceStages, device_key
from streams.replay.on_kafka.seeds import first_checkpoints, first_record
from streams.replay.plan import ReplayPlan
from streams.replay.run import ReplayModels
from streams.settings import default_settings
from streams.stage_factory import stage_factory
from streams.stage_joins import stage_key
from streams.topology import AgentName
from tests.support.catalog_examples import archived
from tests.unit.models.triplets.stage_records import STAGE, TRIO, Row, block

SETTINGS, MODELS = default_settings(), ReplayModels(in_use=default_model())
AGENTS = (AgentName.IMAGE, AgentName.ENERGY, AgentName.SPECTRUM)
COUNTS = (8, 4, 4)


@pytest.fixture
def plan() -> ReplayPlan:
    """The state of three devices of a stage; two records of the camera and one of the meter wait in the join."""
    stages = DeviceStages(stage_factory(SETTINGS, default_model()))
    stages.prepare(TRIO)
    join = StageJoin(STAGE)
    join.add(block([Row(device=TRIO[0], ms=0.0), Row(device=TRIO[0], ms=100.0)], file="a.h5"))
    join.add(block([Row(device=TRIO[1], ms=0.0)], file="b.h5"))
    states = {device_key(device): encode_state(stages.state_of(device)) for device in TRIO}
    states |= {
        stage_key(STAGE): encode_state(join.state()),
        RUNNER_KEY: encode_state({"files": {}, "series": {}, "sequence": {}}),
    }
    state = StageStates(
        position_ns=0,
        program="0.0.1",
        model=default_model().name,
        models={},
        settings={},
        states=states,
        files=[],
        pending=[("a.h5", "0" * 64, 2), ("b.h5", "0" * 64, 1)],
    )
    return ReplayPlan(from_ns=0, to_ns=1, state_file=archived(1), state=state, files=(), changed_settings=())


def test_each_state_lies_where_its_messages_will_come(plan: ReplayPlan) -> None:
    seeds = first_checkpoints(plan, MODELS, SETTINGS)
    expected = {
        (agent, partition_of(device.name.encode(), count)): {device_key(device)}
        for agent, device, count in zip(AGENTS, TRIO, COUNTS, strict=True)
    }
    expected[AgentName.JOIN, partition_of(str(STAGE).encode(), 4)] = {stage_key(STAGE)}
    for number in range(8):
        expected.setdefault((AgentName.IMAGE, number), set()).add(MODEL_KEY)
    assert {place: set(states) for place, states in seeds.items()} == expected
    assert decode_state(seeds[AgentName.IMAGE, 0][MODEL_KEY])["name"] == default_model().name


def test_the_recorder_waits_for_what_waits_in_the_joins(plan: ReplayPlan, tmp_path: Path) -> None:
    with StateDirectory.open(tmp_path) as state:
        commit = first_record(plan, state, SETTINGS)
        waiting = {SourceReference(file="a.h5", sha256="0" * 64): 2, SourceReference(file="b.h5", sha256="0" * 64): 1}
        assert commit.pending == waiting
        state.commit(commit)
    with StateReader.open(tmp_path) as reader:
        ledger = reader.ledger()
    assert ledger["balanced"]
    assert (ledger["records"]["read"], ledger["records"]["pending"]) == (3, 3)


def test_without_a_state_only_the_model_is_known(plan: ReplayPlan, tmp_path: Path) -> None:
    fresh = ReplayPlan(from_ns=0, to_ns=1, state_file=None, state=None, files=(), changed_settings=())
    seeds = first_checkpoints(fresh, MODELS, SETTINGS)
    assert {place: set(states) for place, states in seeds.items()} == {
        (AgentName.IMAGE, number): {MODEL_KEY} for number in range(8)
    }
    with StateDirectory.open(tmp_path) as state:
        state.commit(first_record(fresh, state, SETTINGS))
        assert state.sequence == 1


@pytest.mark.parametrize("key", [device_key(TRIO[0]), stage_key(STAGE)])
def test_states_of_another_version_are_told_before_anything_is_made(plan: ReplayPlan, key: str) -> None:
    assert plan.state is not None
    then = replace(plan.state, states={**plan.state.states, key: encode_state({"of": "then"})})
    with pytest.raises(
        FatalError, match=r"was saved by Petawatch 0\.0\.1, and this one can't go on from it"
    ) as failure:
        first_checkpoints(replace(plan, state=then), MODELS, SETTINGS)
    assert failure.value.reason == "replay_state"
