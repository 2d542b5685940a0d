"""The topology in one process: device stages, then the join of each laser stage; no I/O, no clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from models.alerts.alert import AlertEvent, EvidenceFrame
from models.device_stage import DeviceOutput, DeviceStage
from models.devices import Device, RecordKind, Stage, parse_device
from models.records import RecordBlock, SourceReference
from models.results import ScoredBlock
from models.state import decode_state, encode_state
from models.triplets.decided import DecidedBlock, TripletTable, decide_alone
from models.triplets.join_settings import JoinSettings
from models.triplets.stage_join import JoinOutput, StageJoin

#: Makes the processing of a device that is seen for the first time.
StageFactory = Callable[[Device], DeviceStage]


@dataclass(slots=True)
class DeviceRun:
    """What one device's blocks of one work unit gave, and its state right after them."""

    outputs: list[DeviceOutput]
    state: bytes


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

    def __init__(self, make_stage: StageFactory, join_settings: JoinSettings) -> None:
        self._make_stage = make_stage
        self._join_settings = join_settings
        self._device_stages: dict[Device, DeviceStage] = {}
        self._joins: dict[Stage, StageJoin] = {}
        self._changed_joins: set[Stage] = set()

    def prepare(self, devices: Iterable[Device]) -> None:
        """Make the stages of these devices, so that ``run_device`` only looks them up."""
        for device in devices:
            if device not in self._device_stages:
                self._device_stages[device] = self._make_stage(device)

    def run_device(self, device: Device, blocks: list[RecordBlock]) -> DeviceRun:
        """Process consecutive blocks of one device."""
        stage = self._device_stages[device]
        outputs = [stage.process(block) for block in blocks]
        return DeviceRun(outputs, encode_state(stage.state()))

    def join(self, scored: Iterable[ScoredBlock]) -> PipelineOutput:
        """Hand rows to the joins of their stages; devices that do not join are decided at once."""
        output = PipelineOutput()
        for block in scored:
            if block.device.joins:
                self._join_of(block.device.stage).add(block)
            else:
                output.decided.append(decide_alone(block))
        return output

    def advance(self, devices: Iterable[Device], until_ns: int) -> None:
        """The recorder of these devices has delivered everything up to this time."""
        for device in devices:
            if device.joins:
                self._join_of(device.stage).advance(device, until_ns)

    def silence(self, devices: Iterable[Device]) -> None:
        """Nothing comes from these devices any more for now: do not wait for them."""
        for device in devices:
            if device.joins and device.stage in self._joins:
                self._join_of(device.stage).silence(device)

    def decide(self) -> PipelineOutput:
        """Let go every shot that is decided."""
        output = PipelineOutput()
        for stage in sorted(self._changed_joins):
            output.add_join(self._joins[stage].decide())
        return output

    def finish(self) -> PipelineOutput:
        """The input has ended: let go everything and close what is open."""
        output = PipelineOutput()
        for device in sorted(self._device_stages):
            closing = self._device_stages[device].finish()
            output.alerts += closing.alerts
            output.evidence += closing.evidence
        for stage in sorted(self._joins):
            self._changed_joins.add(stage)
            output.add_join(self._joins[stage].finish())
        return output

    def pending_records(self) -> dict[SourceReference, int]:
        """Records that wait in the joins, by their file."""
        pending: Counter[SourceReference] = Counter()
        for join in self._joins.values():
            for (file, sha256), count in join.pending_records().items():
                pending[SourceReference(file=file, sha256=sha256)] += count
        return dict(pending)

    def stage_join(self, stage: Stage) -> StageJoin:
        """The live join of a stage."""
        return self._join_of(stage)

    def take_changed_joins(self) -> dict[str, bytes]:
        """States of the joins that changed since the last call, by their key in the checkpoint."""
        states = {f"stage/{stage}": encode_state(self._joins[stage].state()) for stage in sorted(self._changed_joins)}
        self._changed_joins.clear()
        return states

    def device_states(self) -> dict[str, bytes]:
        """States of all device stages, by their key in the checkpoint."""
        return {device_key(device): encode_state(stage.state()) for device, stage in self._device_stages.items()}

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from a checkpoint."""
        for key, data in states.items():
            group, _, name = key.partition("/")
            if group == "device":
                device = _device_of(name)
                self.prepare([device])
                self._device_stages[device].restore(decode_state(data))
            elif group == "stage":
                stage = Stage(*name.split("-"))
                self._join_of(stage).restore(decode_state(data))
        self._changed_joins.clear()

    def _join_of(self, stage: Stage) -> StageJoin:
        if stage not in self._joins:
            self._joins[stage] = StageJoin(stage, self._join_settings)
        self._changed_joins.add(stage)
        return self._joins[stage]


def device_key(device: Device) -> str:
    """The key of a device stage's state in the checkpoint; the kind stands in it, since not every name tells it."""
    return f"device/{device.kind}/{device.name}"


def _device_of(key: str) -> Device:
    kind, _, name = key.partition("/")
    return Device(name, parse_device(name).stage, RecordKind(kind))
