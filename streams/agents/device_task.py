"""The work of the image, energy, spectrum and other agents: one stage object for each device of the partition."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from connectors.wire.codec import decode
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import EvidenceFrame
from models.baseline import AcceptedBaseline
from models.device_stage import StageFactory
from models.devices import Device
from models.errors import RecordError
from models.event_time import format_iso
from models.images.shadow_comparison import ShadowCounts
from models.messages import (
    DeviceNotice,
    EvidenceMessage,
    FileMoment,
    ModelPromotion,
    NoticeKind,
    RecordMessage,
    ScoredMessage,
    ShadowPromotion,
)
from models.records import rows_of
from models.results import ScoredBlock
from models.state import State, decode_state, encode_state
from streams.agents.file_memory import FileMemory
from streams.agents.model_in_use import ModelInUse, PromotedStages
from streams.agents.outputs import Outputs
from streams.agents.retries import Retries, retried_number
from streams.agents.shadow_in_line import ShadowInLine, ShadowStages
from streams.agents.task import Standing
from streams.device_stages import DEVICE_KEYS, device_key, device_of_key
from streams.live_show import ShowWork, show_nothing
from streams.topology import TopicName

_RETRIES_KEY = "retries"


class PromotedModelStages(PromotedStages, ShadowStages, Protocol):
    """Makes stages with models that were promoted, to either role."""


class DeviceTask:
    """Scores the records of all devices of a partition (see ``streams.agents.task.PartitionTask``).

    Records that came before are passed over: their rows were sent on then, and whoever counts rows counts each once.

    Parameters
    ----------
    make_stage, model
        Makes the processing of a device that is seen for the first time, with the model that a partition begins with;
        its name, empty where nothing is scored by one.
    promoted
        The models that are promoted meanwhile; None where none are.
    scored
        Called with all rows; with those that are worked on again after a crash, too.
    compared
        Called with what a shadow was found to do; as ``scored``.
    shadow_is
        Called with the name of the shadow when there is another one; empty when there is none any more.
    tell
        Called with sentences that an operator should read.
    show
        Called with what was just worked on; as ``scored``.
    """

    def __init__(
        self,
        make_stage: StageFactory,
        *,
        model: str = "",
        promoted: PromotedModelStages | None = None,
        scored: Callable[[ScoredBlock], None] = lambda _: None,
        compared: Callable[[ShadowCounts], None] = lambda _: None,
        shadow_is: Callable[[str], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
        show: ShowWork = show_nothing,
    ) -> None:
        self._model = ModelInUse(make_stage, model, promoted)
        self._shadow = ShadowInLine(promoted)
        self._stages = self._model.begin({})
        self._scored = scored
        self._compared = compared
        self._shadow_is = shadow_is
        self._tell = tell
        self._show = show
        self._begins_anew = True
        self._files: dict[Device, FileMemory] = {}
        self._retries = Retries()
        self._changed: set[Device] = set()
        self._retries_changed = False
        self._start_ns: int | None = None

    @property
    def standing(self) -> Standing:
        """How far the work has come."""
        return Standing(start_ns=self._start_ns, model=self._model.name)

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from the states of a checkpoint."""
        self._shadow.begin(states)
        if self._shadow.name:
            self._shadow_is(self._shadow.name)
        self._stages = self._model.begin(states, self._shadow.make_stage)
        self._begins_anew = not states
        for key, data in states.items():
            if key.startswith(DEVICE_KEYS):
                device, state = device_of_key(key), decode_state(data)
                self._stages.restore(device, state["stage"])
                self._files_of(device).restore(state["files"])
            elif key == _RETRIES_KEY:
                self._retries.restore(decode_state(data))

    def take_changed(self) -> dict[str, bytes]:
        """The encoded states of the devices that gave something since the last call."""
        states = {
            device_key(device): written_device(self._stages.state_of(device), self._files[device])
            for device in sorted(self._changed)
        }
        if self._retries_changed:
            states[_RETRIES_KEY] = encode_state(self._retries.state())
        self._changed.clear()
        self._retries_changed = False
        return states | self._model.take_changed() | self._shadow.take_changed()

    def process(self, message: Incoming) -> list[Outgoing]:
        """Score a block of records, or do in line with them what a notice or an operator says."""
        if self._begins_anew:
            self._begins_anew = False
            if message.offset:
                self._change_model(self._model.catch_up())
        retried = retried_number(message)
        content = decode(message)
        if retried is not None:
            self._retries_changed = True
            if not self._retries.is_new(retried):
                return []
        outputs = Outputs(message)
        if isinstance(content, RecordMessage):
            self._score(content, outputs, retried=retried is not None)
        elif isinstance(content, DeviceNotice):
            self._pass_on(content, outputs)
        elif isinstance(content, AcceptedBaseline):
            self._accept(content, outputs)
        elif isinstance(content, ModelPromotion) and self._model.follows:
            self._change_model(self._model.promote(content))
            if self._shadow.name == content.model:
                # A model that is in use is compared with nothing any more: not here either, if it can't be used here.
                self._change_shadow("")
        elif isinstance(content, ShadowPromotion) and self._model.follows:
            self._change_shadow(content.model)
        else:
            raise RecordError(
                f"{message.topic}/{message.partition}@{message.offset} holds no records of a device; only the "
                "connector and Petawatch's commands are to write to this topic",
                reason="wrong_type",
            )
        return outputs.outgoing

    def _score(self, message: RecordMessage, outputs: Outputs, *, retried: bool) -> None:
        block, moment = message.block, message.moment
        device = block.device
        self._change(device, moment)
        known = self._files_of(device).known_records(block.source, message.first_record, len(block))
        if not retried:
            # A dead letter has its place in the file, too, but nothing of it was counted as scored.
            block = rows_of(block, known, len(block))
        if not len(block):
            return
        if not known and (message.begins_unit or not message.first_record):
            # As in the embedded watch.
            self._stages.begin_unit(device)
        processed = self._stages.process(block)
        self._show([block], processed)
        for output in processed:
            self._scored(output.scored)
            scored = ScoredMessage(scored=output.scored, moment=moment, retried=retried)
            outputs.add(TopicName.SCORED, str(device.stage), scored)
            outputs.add_alerts(output.alerts, moment)
            _add_evidence(output.evidence, outputs)
        self._compared(self._stages.take_shadow_counts(device))

    def _pass_on(self, notice: DeviceNotice, outputs: Outputs) -> None:
        device = notice.device
        if notice.kind is NoticeKind.SNAPSHOT_END:
            self._change(device, notice.moment)
            if not self._files_of(device).close(notice.source):
                return
        elif notice.kind is NoticeKind.INPUT_END:
            self._change(device)
            closing = self._stages.finish(device)
            self._compared(self._stages.take_shadow_counts(device))
            outputs.add_alerts(closing.alerts, notice.moment)
            _add_evidence(closing.evidence, outputs)
        outputs.add(TopicName.SCORED, str(device.stage), notice)

    def _accept(self, baseline: AcceptedBaseline, outputs: Outputs) -> None:
        device = baseline.device
        self._change(device)
        closing = self._stages.accept_baseline(baseline)
        if closing is None:
            return
        self._compared(self._stages.take_shadow_counts(device))
        self._tell(
            f"{device.name} learns anew from its next records on, of {format_iso(baseline.from_ns)} at the earliest"
        )
        outputs.add_alerts(closing.alerts, None)
        _add_evidence(closing.evidence, outputs)
        outputs.add(TopicName.SCORED, str(device.stage), baseline)

    def _change_model(self, make_stage: StageFactory | None) -> None:
        if make_stage is None:
            return
        self._stages.change_model(make_stage)
        self._tell(f"model {self._model.name} is taken over: each camera changes to it once it has learned with it")
        for device in self._stages.devices:
            self._change(device)

    def _change_shadow(self, model: str) -> None:
        before = self._shadow.name
        if not self._shadow.change(model):
            return
        self._stages.change_shadow(self._shadow.make_stage)
        self._shadow_is(model)
        self._tell(
            f"model {model} is the shadow: it scores beside the one in use, and its alerts are counted"
            if model
            else f"model {before} is the shadow no more"
        )
        for device in self._stages.devices:
            self._change(device)

    def _change(self, device: Device, moment: FileMoment | None = None) -> None:
        self._stages.prepare([device])
        self._files_of(device)
        self._changed.add(device)
        if moment is not None:
            self._start_ns = moment.start_ns

    def _files_of(self, device: Device) -> FileMemory:
        return self._files.setdefault(device, FileMemory())


def written_device(stage: State, files: FileMemory) -> bytes:
    """A device in a checkpoint: the state of its stage, and which records came before."""
    return encode_state({"stage": stage, "files": files.state()})


def _add_evidence(frames: Iterable[EvidenceFrame], outputs: Outputs) -> None:
    for frame in frames:
        outputs.add(TopicName.EVIDENCE, frame.alert_id, EvidenceMessage(frame=frame))
