"""The work of the image, energy, spectrum and other agents: one stage object for each device of the partition."""

from collections.abc import Iterable, Mapping

from connectors.wire.codec import decode
from connectors.wire.message import Incoming, Outgoing
from models.alerts.alert import EvidenceFrame
from models.device_stage import StageFactory
from models.devices import Device
from models.errors import RecordError
from models.messages import DeviceNotice, EvidenceMessage, FileMoment, NoticeKind, RecordMessage, ScoredMessage
from models.records import rows_of
from models.state import decode_state, encode_state
from streams.agents.file_memory import FileMemory
from streams.agents.outputs import Outputs
from streams.agents.retries import Retries, retried_number
from streams.agents.task import Standing
from streams.device_stages import DEVICE_KEYS, DeviceStages, device_key, device_of_key
from streams.topology import TopicName

_RETRIES_KEY = "retries"


class DeviceTask:
    """Scores the records of all devices of a partition (see ``streams.agents.task.PartitionTask``).

    Records that came before are passed over: their rows were sent on then, and whoever counts rows counts each once.

    Parameters
    ----------
    make_stage
        Makes the processing of a device that is seen for the first time.
    """

    def __init__(self, make_stage: StageFactory) -> None:
        self._stages = DeviceStages(make_stage)
        self._files: dict[Device, FileMemory] = {}
        self._retries = Retries()
        self._changed: set[Device] = set()
        self._retries_changed = False
        self._standing = Standing()

    @property
    def standing(self) -> Standing:
        """How far the work has come."""
        return self._standing

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from the states of a checkpoint."""
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
            device_key(device): encode_state(
                {"stage": self._stages.state_of(device), "files": self._files[device].state()}
            )
            for device in sorted(self._changed)
        }
        if self._retries_changed:
            states[_RETRIES_KEY] = encode_state(self._retries.state())
        self._changed.clear()
        self._retries_changed = False
        return states

    def process(self, message: Incoming) -> list[Outgoing]:
        """Score a block of records, or hand a notice on in line with them."""
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
        else:
            raise RecordError(
                f"{message.topic}/{message.partition}@{message.offset} holds no records of a device; only the "
                "connector is to write to this topic",
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
        for output in self._stages.process(block):
            scored = ScoredMessage(scored=output.scored, moment=moment, retried=retried)
            outputs.add(TopicName.SCORED, str(device.stage), scored)
            outputs.add_alerts(output.alerts, moment)
            _add_evidence(output.evidence, outputs)

    def _pass_on(self, notice: DeviceNotice, outputs: Outputs) -> None:
        device = notice.device
        if notice.kind is NoticeKind.SNAPSHOT_END:
            self._change(device, notice.moment)
            if not self._files_of(device).close(notice.source):
                return
        elif notice.kind is NoticeKind.INPUT_END:
            self._change(device)
            closing = self._stages.finish(device)
            outputs.add_alerts(closing.alerts, notice.moment)
            _add_evidence(closing.evidence, outputs)
        outputs.add(TopicName.SCORED, str(device.stage), notice)

    def _change(self, device: Device, moment: FileMoment | None = None) -> None:
        self._stages.prepare([device])
        self._files_of(device)
        self._changed.add(device)
        if moment is not None:
            self._standing = Standing(start_ns=moment.start_ns)

    def _files_of(self, device: Device) -> FileMemory:
        return self._files.setdefault(device, FileMemory())


def _add_evidence(frames: Iterable[EvidenceFrame], outputs: Outputs) -> None:
    for frame in frames:
        outputs.add(TopicName.EVIDENCE, frame.alert_id, EvidenceMessage(frame=frame))
