"""What the stages of cameras, energy meters and spectrometers have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from models.alerts.alert import AlertEvent, EvidenceFrame
from models.devices import Device
from models.records import RecordBlock
from models.results import ScoredBlock
from models.state import State


@dataclass(slots=True, kw_only=True)
class DeviceOutput:
    """What one block gave."""

    scored: ScoredBlock
    alerts: list[AlertEvent] = field(default_factory=list)
    evidence: list[EvidenceFrame] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class DeviceClosing:
    """What the end of the input gave: the closings of what was open, and the last frames of image episodes."""

    alerts: list[AlertEvent] = field(default_factory=list)
    evidence: list[EvidenceFrame] = field(default_factory=list)


class DeviceStage(Protocol):
    """The processing of one device: blocks in, rows, alerts and evidence out.

    Blocks come in the order in which the device's records are to be processed; how the records are cut into blocks
    changes no result. The object has no clock and does no I/O; ``state`` holds all that later results depend on.
    """

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Clean, check and score one block; a block that is a ``replacement`` is scored without learning."""
        ...

    def accept_baseline(self) -> DeviceClosing:
        """What comes from now on is the reference: close what was odd by the old one, and learn anew."""
        ...

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended."""
        ...

    def state(self) -> State:
        """All that later results depend on."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        ...


#: Makes the processing of a device that is seen for the first time.
StageFactory = Callable[[Device], DeviceStage]
