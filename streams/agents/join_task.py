"""The work of the join agent: one join for each laser stage of the partition."""

from collections.abc import Mapping

from connectors.wire.codec import decode, origin_of
from connectors.wire.message import Incoming, Outgoing
from models.baseline import AcceptedBaseline
from models.devices import Stage
from models.errors import RecordError
from models.messages import DeviceNotice, NoticeKind, ScoredMessage
from models.state import decode_state, encode_state
from models.triplets.join_settings import JoinSettings
from streams.agents.joined_stage import JoinedStage
from streams.agents.origins import Origins
from streams.agents.outputs import Outputs
from streams.agents.retries import Retries, retried_number
from streams.agents.task import Standing
from streams.stage_joins import STAGE_KEYS, StageJoins, stage_key, stage_of_key
from streams.topology import TopicName

_ORIGINS_KEY = "origins"
_RETRIES_KEY = "retries"


class JoinTask:
    """Joins the rows of all laser stages of a partition (see ``streams.agents.task.PartitionTask``).

    Messages that came before are passed over by their origin.
    """

    def __init__(self, settings: JoinSettings) -> None:
        self._joins = StageJoins(settings)
        self._stages: dict[Stage, JoinedStage] = {}
        self._origins = Origins()
        self._retries = Retries()
        self._changed: set[Stage] = set()
        self._standing = Standing()

    @property
    def standing(self) -> Standing:
        """How far the work has come."""
        return self._standing

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Go on from the states of a checkpoint."""
        for key, data in states.items():
            if key.startswith(STAGE_KEYS):
                self._stage(stage_of_key(key)).restore(decode_state(data))
            elif key == _ORIGINS_KEY:
                self._origins.restore(decode_state(data))
            elif key == _RETRIES_KEY:
                self._retries.restore(decode_state(data))

    def take_changed(self) -> dict[str, bytes]:
        """The encoded states of the stages of which something came since the last call."""
        states = {stage_key(stage): encode_state(self._stages[stage].state()) for stage in sorted(self._changed)}
        self._changed.clear()
        states[_ORIGINS_KEY] = encode_state(self._origins.state())
        states[_RETRIES_KEY] = encode_state(self._retries.state())
        return states

    def process(self, message: Incoming) -> list[Outgoing]:
        """Join rows, or follow a notice; what leaves is decided."""
        retried = retried_number(message)
        if not self._is_new(message, retried):
            return []
        content = decode(message)
        if isinstance(content, ScoredMessage):
            device = content.scored.device
            step = self._changing(device.stage).add(content, retried=content.retried or retried is not None)
        elif isinstance(content, DeviceNotice):
            device = content.device
            step = self._changing(device.stage).follow(content)
        elif isinstance(content, AcceptedBaseline):
            self._changing(content.device.stage).accept_baseline(content)
            return []
        else:
            raise RecordError(
                f"{message.topic}/{message.partition}@{message.offset} holds neither rows nor a notice of a device; "
                "only the agents of devices are to write to this topic",
                reason="wrong_type",
            )
        if not isinstance(content, DeviceNotice) or content.kind is NoticeKind.SNAPSHOT_END:
            self._standing = Standing(start_ns=content.moment.start_ns)
        outputs = Outputs(message)
        for decided in step.messages:
            outputs.add(TopicName.DECIDED, str(device.stage), decided)
        outputs.add_alerts(step.alerts, content.moment)
        return outputs.outgoing

    def _is_new(self, message: Incoming, retried: int | None) -> bool:
        if retried is not None:
            # It came before, as what could not be worked on then.
            return self._retries.is_new(retried)
        origin = origin_of(message)
        return origin is None or self._origins.is_new(origin)

    def _changing(self, stage: Stage) -> JoinedStage:
        self._changed.add(stage)
        return self._stage(stage)

    def _stage(self, stage: Stage) -> JoinedStage:
        own = self._stages.get(stage)
        if own is None:
            own = self._stages[stage] = JoinedStage(stage, self._joins)
        return own
