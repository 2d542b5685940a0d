"""The topology in one process: device stages, then the join of each laser stage; no I/O, no clock."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.alerts.alert import AlertEvent, EvidenceFrame
from models.baseline import AcceptedBaseline
from models.device_stage import DeviceOutput, StageFactory
from models.devices import Device, Stage
from models.images.camera_successor import model_of_state
from models.images.shadow_comparison import ShadowCounts
from models.records import RecordBlock, SourceReference
from models.results import ScoredBlock
from models.state import decode_state, encode_state
from models.triplets.decided import DecidedBlock, TripletTable
from models.triplets.join_settings import JoinSettings
from models.triplets.stage_join import JoinOutput, StageJoin
from streams.camera_successors import EarlierModels, no_earlier_models
from streams.device_stages import DEVICE_KEYS, DeviceStages, device_key, device_of_key
from streams.stage_joins import STAGE_KEYS, StageJoins, stage_key, stage_of_key


@dataclass(slots=True)
class DeviceRun:
    """What one device's blocks of one work unit gave, its state right after them, and what its shadow found beside."""

    outputs: list[DeviceOutput]
    state: bytes
    shadow: ShadowCounts


@dataclass(slots=True)
class PipelineOutput:
    """Everything that one step of the pipeline gave."""

    decided: list[DecidedBlock] = field(default_factory=list)
    triplets: list[TripletTable] = field(default_factory=list)
    alerts: list[AlertEvent] = field(default_factory=list)
    evidence: list[EvidenceFrame] = field(default_factory=list)

    def extend(self, other: "PipelineOutput") -> None:
        """Take in what another step gave."""
        self.decided += other.decided
        self.triplets += other.triplets
        self.alerts += other.alerts
        self.evidence += other.evidence

    def add_join(self, output: JoinOutput) -> None:
        """Take in what a join let go."""
        self.decided += output.decided
        self.alerts += output.alerts
        if len(output.triplets):
            self.triplets.append(output.triplets)


class WatchPipeline:
    """All stage objects of a watch, made when their device is first seen.

    ``run_device`` may be called from several threads, one at a time for each device; everything else belongs to one
    thread.
    """

    def __init__(
        self,
        make_stage: StageFactory,
        join_settings: JoinSettings,
        earlier: EarlierModels = no_earlier_models,
        make_shadow: StageFactory | None = None,
    ) -> None:
        self._device_stages = DeviceStages(make_stage, earlier, make_shadow)
        self._joins = StageJoins(join_settings)
        self._changed_joins: set[Stage] = set()

    def prepare(self, devices: Iterable[Device]) -> None:
        """Make the stages of these devices, so that ``run_device`` only looks them up."""
        self._device_stages.prepare(devices)

    def run_device(self, device: Device, blocks: list[RecordBlock]) -> DeviceRun:
        """Process consecutive blocks of one device: its part of a unit of work."""
        self._device_stages.begin_unit(device)
        outputs = [output for block in blocks for output in self._device_stages.process(block)]
        state = encode_state(self._device_stages.state_of(device))
        return DeviceRun(outputs, state, self._device_stages.take_shadow_counts(device))

    def join(self, scored: Iterable[ScoredBlock]) -> PipelineOutput:
        """Hand rows to the joins of their stages; devices that do not join are decided at once."""
        output = PipelineOutput()
        for block in scored:
            self._note_change(block.device)
            output.decided += self._joins.add(block)
        return output

    def advance(self, devices: Iterable[Device], until_ns: int) -> None:
        """The recorder of these devices has delivered everything up to this time."""
        for device in devices:
            self._note_change(device)
            self._joins.advance(device, until_ns)

    def silence(self, devices: Iterable[Device]) -> None:
        """Nothing comes from these devices any more for now: do not wait for them."""
        for device in devices:
            if device.stage in self._joins:
                self._note_change(device)
                self._joins.silence(device)

    def decide(self) -> PipelineOutput:
        """Let go every shot that is decided."""
        output = PipelineOutput()
        for stage in sorted(self._changed_joins):
            output.add_join(self._joins.of(stage).decide())
        return output

    def finish(self) -> PipelineOutput:
        """The input has ended: let go everything and close what is open."""
        output = PipelineOutput()
        for device in self._device_stages.devices:
            closing = self._device_stages.finish(device)
            output.alerts += closing.alerts
            output.evidence += closing.evidence
        for stage in self._joins.stages:
            self._changed_joins.add(stage)
            output.add_join(self._joins.of(stage).finish())
        return output

    def pending_records(self) -> dict[SourceReference, int]:
        """Records that wait in the joins, by their file."""
        pending: Counter[SourceReference] = Counter()
        for stage in self._joins.stages:
            for (file, sha256), count in self._joins.of(stage).pending_records().items():
                pending[SourceReference(file=file, sha256=sha256)] += count
        return dict(pending)

    def stage_join(self, stage: Stage) -> StageJoin:
        """The live join of a stage."""
        self._changed_joins.add(stage)
        return self._joins.of(stage)

    def take_changed_joins(self) -> dict[str, bytes]:
        """States of the joins that changed since the last call, by their key in the checkpoint."""
        states = {
            stage_key(stage): encode_state(self._joins.of(stage).state()) for stage in sorted(self._changed_joins)
        }
        self._changed_joins.clear()
        return states

    def accept_baseline(self, baseline: AcceptedBaseline) -> tuple[PipelineOutput, dict[str, bytes]] | None:
        """Let a baseline take effect at its device and in the join, while none of its blocks is being processed.

        Returns
        -------
        tuple
            What closes with it, and the device's state by its key in the checkpoint. None when it was taken before.
        """
        device = baseline.device
        closing = self._device_stages.accept_baseline(baseline)
        if closing is None:
            return None
        if device.joins and device.stage in self._joins:
            self._note_change(device)
            self._joins.of(device.stage).accept_baseline(device, baseline.from_ns)
        state = encode_state(self._device_stages.state_of(device))
        return PipelineOutput(alerts=closing.alerts, evidence=closing.evidence), {device_key(device): state}

    def change_model(self, make_stage: StageFactory) -> None:
        """Another model is in use (``DeviceStages.change_model``), while no block is being processed."""
        self._device_stages.change_model(make_stage)

    def change_shadow(self, make_shadow: StageFactory | None) -> None:
        """Another model scores beside it, or none (``DeviceStages.change_shadow``); no block is being processed."""
        self._device_stages.change_shadow(make_shadow)

    def device_states(self) -> dict[str, bytes]:
        """States of all device stages, by their key in the checkpoint."""
        stages = self._device_stages
        return {device_key(device): encode_state(stages.state_of(device)) for device in stages.devices}

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from a checkpoint."""
        for key, data in states.items():
            if key.startswith(DEVICE_KEYS):
                self._device_stages.restore(device_of_key(key), decode_state(data))
            elif key.startswith(STAGE_KEYS):
                self._joins.restore(stage_of_key(key), decode_state(data))
        self._changed_joins.clear()

    def _note_change(self, device: Device) -> None:
        if device.joins:
            self._changed_joins.add(device.stage)


def models_of_states(states: Mapping[str, bytes]) -> set[str]:
    """The models that the cameras of a checkpoint belong to."""
    found = {model_of_state(decode_state(data)) for key, data in states.items() if key.startswith(DEVICE_KEYS)}
    return found - {""}
