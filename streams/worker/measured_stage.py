"""A device's stage that tells Prometheus what it scored."""

from collections.abc import Callable

from models.device_stage import DeviceClosing, DeviceOutput, DeviceStage, StageFactory
from models.devices import Device
from models.records import RecordBlock
from models.results import ScoredBlock
from models.state import State


class MeasuredStage:
    """Hands everything on to the stage, and what was scored to the metrics as well."""

    def __init__(self, stage: DeviceStage, scored: Callable[[ScoredBlock], None]) -> None:
        self._stage = stage
        self._scored = scored

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Process one block; the work that is done again after a crash is counted again."""
        output = self._stage.process(block)
        self._scored(output.scored)
        return output

    def accept_baseline(self) -> DeviceClosing:
        """Close what was odd by the old reference, and learn anew."""
        return self._stage.accept_baseline()

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended."""
        return self._stage.finish()

    def state(self) -> State:
        """All that later results depend on."""
        return self._stage.state()

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._stage.restore(state)


def measured(make_stage: StageFactory, scored: Callable[[ScoredBlock], None]) -> StageFactory:
    """Makes the same stages, measured."""

    def make(device: Device) -> DeviceStage:
        return MeasuredStage(make_stage(device), scored)

    return make
