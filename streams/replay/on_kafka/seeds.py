"""The first checkpoints of a replay's partitions, journal and recorder: what an archived state knows, dealt out."""

import asyncio
from collections.abc import Iterable, Mapping

from connectors.clock import Clock
from connectors.kafka.partitions import partition_of
from connectors.kafka.producer import BlockProducer
from connectors.spool_listing import SpoolFile
from connectors.state.commit import Commit
from connectors.state.directory import StateDirectory
from connectors.state.reader import StateReader
from connectors.wire.codec import encode
from connectors.wire.message import Outgoing
from connectors.wire.progress import Progress
from models.device_stage import StageFactory
from models.model_bundle import ModelBundle
from models.snapshot_sequence import SnapshotSequence
from models.state import decode_state, encode_state
from streams.agents.device_task import DeviceTask, written_device
from streams.agents.file_memory import FileMemory
from streams.agents.joined_stage import JoinedStage
from streams.agents.model_in_use import MODEL_KEY
from streams.agents.recorder import RECORDER_KEY
from streams.agents.recorder_book import RecorderBook
from streams.connector.journal import SendingJournal
from streams.connector.progress_follower import WAITED_FOR
from streams.device_stages import DEVICE_KEYS, device_of_key
from streams.facility.announcements import provide_models
from streams.facility.checkpoint_store import open_checkpoint_store
from streams.replay.beginning import files_before, runner_before, taken_up
from streams.replay.plan import ReplayPlan
from streams.replay.run import ReplayModels
from streams.settings import Settings
from streams.stage_factory import stage_factory
from streams.stage_joins import STAGE_KEYS, StageJoins, stage_of_key
from streams.topology import RECORD_TOPICS, AgentName, TopicName, TopicSettings, inputs_of, partition_count, topic

# Whose progress it is where no worker has been yet.
_NOBODY = "replay"
#: The states of a partition's first checkpoint, by agent and partition.
Seeds = dict[tuple[AgentName, int], dict[str, bytes]]


def first_checkpoints(plan: ReplayPlan, models: ReplayModels, settings: Settings) -> Seeds:
    """What each partition begins with: its devices, its laser stages, and the model in use.

    Raises
    ------
    FatalError
        ``replay_state`` when this program can't go on from the states.
    """
    counts = settings.topics
    in_use = encode_state({"name": models.in_use.name, "promoted": models.in_use.name})
    seeds: Seeds = {(AgentName.IMAGE, number): {MODEL_KEY: in_use} for number in range(counts.image_partitions)}
    with taken_up(plan):
        for key, data in (plan.state.states if plan.state is not None else {}).items():
            if key.startswith(DEVICE_KEYS):
                device = device_of_key(key)
                place = _place(RECORD_TOPICS[device.kind], device.name, counts)
                seeds.setdefault(place, {})[key] = written_device(decode_state(data), FileMemory())
            elif key.startswith(STAGE_KEYS):
                place = _place(TopicName.SCORED, str(stage_of_key(key)), counts)
                seeds.setdefault(place, {})[key] = encode_state(_joined_stage(key, data, settings).state())
        _require_usable(seeds, models, settings)
    return seeds


def write_seeds(seeds: Seeds, models: ReplayModels, settings: Settings, clock: Clock) -> None:
    """Write the first checkpoints, the models that they name, and for each partition that it stands at its beginning.

    So the connector waits for all of them, also before the first worker is there. Done again it changes nothing.

    Raises
    ------
    RetryableError, FatalError
        As ``CheckpointStore`` and ``BlockProducer``.
    """
    with BlockProducer(settings.kafka, settings.topics.installation) as producer:
        others = [bundle for bundle in models.of_state if bundle.name != models.in_use.name]
        provide_models(producer, [*others, models.in_use])
        encoded = encode(Progress(name=_NOBODY, at_ns=clock.now_ns(), next_offset=0))
        for agent in WAITED_FOR:
            for number in range(partition_count(topic(inputs_of(agent)[0]), settings.topics)):
                key = f"{agent}/{number}".encode()
                producer.send(Outgoing(topic=TopicName.PROGRESS, key=key, value=encoded.value, headers=encoded.headers))
        producer.flush()
    asyncio.run(_write(seeds, settings))


def first_record(plan: ReplayPlan, state: StateReader, settings: Settings) -> Commit:
    """What the recorder begins with, in one commit: the files before, and what of them waits in the joins."""
    book = RecorderBook(state)
    for key, data in (plan.state.states if plan.state is not None else {}).items():
        if key.startswith(STAGE_KEYS):
            stage = stage_of_key(key)
            waiting = _joined_stage(key, data, settings).pending
            book.files.set_pending(stage, waiting)
            for source in waiting:
                # What waits is all that is still to come of them.
                book.files.follow(source).announced = True
    return Commit(
        stage_states={RECORDER_KEY: encode_state(book.state())},
        files=[] if plan.state is None else files_before(plan.state),
        pending=book.files.pending(),
    )


def write_first_journal(plan: ReplayPlan, state: StateDirectory, settings: Settings, clock: Clock) -> None:
    """Let the connector's journal know what the one that watched the stretch knew."""
    if plan.state is None or state.sequence:
        return
    runner = runner_before(plan.state, settings)
    sequence: SnapshotSequence[SpoolFile] = SnapshotSequence(settings.sequence, settings.zone)
    sequence.restore(runner["sequence"])
    journal = SendingJournal(state, settings, sequence, clock, tell=_ignore, stalled=_ignore, stopping=lambda: True)
    journal.progress.restore(runner["series"])
    journal.accounts.restore(runner["files"])
    journal.commit(Commit(files=files_before(plan.state)))


class _KnownModels:
    """The models of a replay, as a worker finds them."""

    def __init__(self, settings: Settings, bundles: Iterable[ModelBundle]) -> None:
        self._made = {bundle.name: stage_factory(settings, bundle) for bundle in bundles}

    def stages_of(self, model: str) -> StageFactory | None:
        """Makes stages with this model; None of another one."""
        return self._made.get(model)

    def shadow_stages_of(self, model: str) -> StageFactory | None:  # noqa: ARG002 - a replay has no shadow
        """Nobody's."""
        return None

    def latest(self) -> str:
        """None was promoted."""
        return ""


def _require_usable(seeds: Seeds, models: ReplayModels, settings: Settings) -> None:
    """Take the devices up once, as the workers will: what is wrong is told here, and not by each of them."""
    known = _KnownModels(settings, [*models.of_state, models.in_use])
    make_stage = known.stages_of(models.in_use.name)
    assert make_stage is not None  # noqa: S101 - it is among them
    for (agent, _), states in seeds.items():
        if agent is not AgentName.JOIN:
            DeviceTask(make_stage, model=models.in_use.name, promoted=known).restore(states)


def _joined_stage(key: str, data: bytes, settings: Settings) -> JoinedStage:
    stage, joins = stage_of_key(key), StageJoins(settings.join)
    joins.restore(stage, decode_state(data))
    return JoinedStage(stage, joins)


def _place(name: TopicName, key: str, counts: TopicSettings) -> tuple[AgentName, int]:
    """Whose input the messages with a key are."""
    agent = next(agent for agent in AgentName if name in inputs_of(agent))
    return agent, partition_of(key.encode(), partition_count(topic(name), counts))


async def _write(seeds: Seeds, settings: Settings) -> None:
    store = open_checkpoint_store(settings.checkpoints, settings.kafka, settings.topics)
    try:
        for (agent, partition), states in seeds.items():
            checkpoints, _ = await store.open(agent, partition)
            await checkpoints.write(_from_the_beginning(agent), states)
            await checkpoints.close()
    finally:
        await store.close()


def _from_the_beginning(agent: AgentName) -> Mapping[str, int]:
    return {name.value: 0 for name in inputs_of(agent)}


def _ignore(*_: object) -> None:
    """Nobody listens."""
