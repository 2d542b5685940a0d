"""The stages of the devices, made when their device is first seen; no I/O, no clock."""

from collections.abc import Iterable

from models.baseline import AcceptedBaseline, BaselineGate
from models.device_stage import DeviceClosing, DeviceOutput, DeviceStage, StageFactory
from models.devices import Device, RecordKind, parse_device
from models.images.shadow_comparison import ShadowCounts
from models.records import RecordBlock
from models.state import State
from streams.accompanied_stage import AccompaniedStage
from streams.camera_shadows import CameraShadows
from streams.camera_successors import CameraSuccessors, EarlierModels, no_earlier_models

# Beside what the stage itself saves.
_BASELINE, _SUCCESSOR, SHADOW = "baseline", "successor", "shadow"

#: Begins the key of every device's state in a checkpoint.
DEVICE_KEYS = "device/"


class DeviceStages:
    """One stage object per device.

    Different devices may be worked on by several threads at a time, once they are prepared.

    Parameters
    ----------
    make_stage
        With the model in use.
    earlier
        For restored cameras that another model has scored: they go on with it until the one in use has learned there.
    make_shadow
        With the model that scores beside it, whose alerts are counted and never handed on; None when there is none.
    """

    def __init__(
        self,
        make_stage: StageFactory,
        earlier: EarlierModels = no_earlier_models,
        make_shadow: StageFactory | None = None,
    ) -> None:
        self._make_stage = make_stage
        self._earlier = earlier
        self._successors = CameraSuccessors(make_stage)
        self._shadows = CameraShadows(make_shadow)
        self._stages: dict[Device, DeviceStage] = {}
        self._gates: dict[Device, BaselineGate] = {}

    @property
    def devices(self) -> list[Device]:
        """All that have been seen, by name."""
        return sorted(self._stages)

    def prepare(self, devices: Iterable[Device]) -> None:
        """Make the stages of these devices, so that the other calls only look them up."""
        for device in devices:
            if device not in self._stages:
                self._add(device)
                self._shadows.begin(device, self._stages[device])

    def process(self, block: RecordBlock) -> list[DeviceOutput]:
        """Process the next block of a device that is prepared; in parts, when a baseline takes effect inside."""
        return self._gates[block.device].process(block, self._accompanied(block.device))

    def change_model(self, make_stage: StageFactory) -> None:
        """Another model is in use, from ``begin_unit`` on at every camera where it has learned what is normal.

        Until then the model before goes on scoring; nothing goes unscored.
        """
        self._make_stage = make_stage
        self._successors.begin(make_stage, self._stages)

    def begin_unit(self, device: Device) -> None:
        """A unit of work of a device that is prepared begins: the only moment at which its model may change."""
        stage = self._successors.take(device, self._stages[device])
        if stage is not None:
            self._stages[device] = stage
            self._shadows.begin(device, stage)

    def change_shadow(self, make_shadow: StageFactory | None) -> None:
        """Another model scores beside the one in use, or none does any more; not while a block is being processed."""
        self._shadows.change(make_shadow, self._stages)

    def take_shadow_counts(self, device: Device) -> ShadowCounts:
        """What was compared with the shadow at a device since the last call; the state holds all of it."""
        return self._shadows.take_counts(device)

    def accept_baseline(self, baseline: AcceptedBaseline) -> DeviceClosing | None:
        """Let a baseline take effect, now or when its first record comes; None when it was taken before."""
        self.prepare([baseline.device])
        return self._gates[baseline.device].take(baseline, self._accompanied(baseline.device))

    def finish(self, device: Device) -> DeviceClosing:
        """Close what is open at a device that is prepared, because the input has ended."""
        return self._accompanied(device).finish()

    def state_of(self, device: Device) -> State:
        """All that the later results of a device depend on."""
        state = self._stages[device].state() | {_BASELINE: self._gates[device].state()}
        beside = {_SUCCESSOR: self._successors.state_of(device), SHADOW: self._shadows.state_of(device)}
        return state | {name: saved for name, saved in beside.items() if saved is not None}

    def restore(self, device: Device, state: State) -> None:
        """Go on with a device from a saved state."""
        self._add(device)
        of_earlier = self._successors.restored(device, state, state.get(_SUCCESSOR), self._earlier)
        if of_earlier is None:
            self._stages[device].restore(state)
        else:
            self._stages[device] = of_earlier
        if _BASELINE in state:
            self._gates[device].restore(state[_BASELINE])
        self._shadows.restore(device, self._stages[device], state.get(SHADOW))

    def _add(self, device: Device) -> None:
        self._stages[device] = self._make_stage(device)
        self._gates[device] = BaselineGate()

    def _accompanied(self, device: Device) -> DeviceStage:
        """The stage with what learns or scores beside it."""
        beside = [each for each in (self._successors.of(device), self._shadows.of(device)) if each is not None]
        return AccompaniedStage(self._stages[device], beside) if beside else self._stages[device]


def device_key(device: Device) -> str:
    """The key of a device's state in a checkpoint; the kind stands in it, since not every name tells it."""
    return f"{DEVICE_KEYS}{device.kind}/{device.name}"


def device_of_key(key: str) -> Device:
    """The device that ``device_key`` gave the key of."""
    kind, _, name = key.removeprefix(DEVICE_KEYS).partition("/")
    return Device(name, parse_device(name).stage, RecordKind(kind))
