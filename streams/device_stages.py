"""The stages of the devices, made when their device is first seen; no I/O, no clock."""

from collections.abc import Callable, Iterable

from models.baseline import AcceptedBaseline, BaselineGate
from models.device_stage import DeviceClosing, DeviceOutput, DeviceStage
from models.devices import Device, RecordKind, parse_device
from models.records import RecordBlock
from models.state import State

#: Makes the processing of a device that is seen for the first time.
StageFactory = Callable[[Device], DeviceStage]

# Beside what the stage itself saves.
_BASELINE = "baseline"

#: Begins the key of every device's state in a checkpoint.
DEVICE_KEYS = "device/"


class DeviceStages:
    """One stage object per device.

    Different devices may be worked on by several threads at a time, once they are prepared.
    """

    def __init__(self, make_stage: StageFactory) -> None:
        self._make_stage = make_stage
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
                self._stages[device] = self._make_stage(device)
                self._gates[device] = BaselineGate()

    def process(self, block: RecordBlock) -> list[DeviceOutput]:
        """Process the next block of a device that is prepared; in parts, when a baseline takes effect inside."""
        return self._gates[block.device].process(block, self._stages[block.device])

    def accept_baseline(self, baseline: AcceptedBaseline) -> DeviceClosing | None:
        """Let a baseline take effect, now or when its first record comes; None when it was taken before."""
        self.prepare([baseline.device])
        return self._gates[baseline.device].take(baseline, self._stages[baseline.device])

    def finish(self, device: Device) -> DeviceClosing:
        """Close what is open at a device that is prepared, because the input has ended."""
        return self._stages[device].finish()

    def state_of(self, device: Device) -> State:
        """All that the later results of a device depend on."""
        return self._stages[device].state() | {_BASELINE: self._gates[device].state()}

    def restore(self, device: Device, state: State) -> None:
        """Go on with a device from a saved state."""
        self.prepare([device])
        self._stages[device].restore(state)
        if _BASELINE in state:
            self._gates[device].restore(state[_BASELINE])


def device_key(device: Device) -> str:
    """The key of a device's state in a checkpoint; the kind stands in it, since not every name tells it."""
    return f"{DEVICE_KEYS}{device.kind}/{device.name}"


def device_of_key(key: str) -> Device:
    """The device that ``device_key`` gave the key of."""
    kind, _, name = key.removeprefix(DEVICE_KEYS).partition("/")
    return Device(name, parse_device(name).stage, RecordKind(kind))
