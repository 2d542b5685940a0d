"""A device's stage with those that follow it: they see what it sees, at the same records."""

from collections.abc import Sequence
from typing import Protocol

from models.device_stage import DeviceClosing, DeviceOutput, DeviceStage
from models.records import RecordBlock
from models.state import State


class Companion(Protocol):
    """What follows a stage without changing anything about it."""

    def follow(self, block: RecordBlock, output: DeviceOutput) -> None:
        """The stage has processed a block, or a part of one."""
        ...

    def accept_baseline(self, closing: DeviceClosing) -> None:
        """From the next record on the stage learns anew, since an operator has said so."""
        ...

    def finish(self, closing: DeviceClosing) -> None:
        """The input has ended."""
        ...


class AccompaniedStage:
    """Hands everything on to the stage, and what came of it to its companions."""

    def __init__(self, stage: DeviceStage, companions: Sequence[Companion]) -> None:
        self._stage = stage
        self._companions = companions

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Process one block."""
        output = self._stage.process(block)
        for companion in self._companions:
            companion.follow(block, output)
        return output

    def accept_baseline(self) -> DeviceClosing:
        """Close what was odd by the old reference, and learn anew."""
        closing = self._stage.accept_baseline()
        for companion in self._companions:
            companion.accept_baseline(closing)
        return closing

    def finish(self) -> DeviceClosing:
        """Close what is still open because the input has ended."""
        closing = self._stage.finish()
        for companion in self._companions:
            companion.finish(closing)
        return closing

    def state(self) -> State:
        """All that the stage's later results depend on; its companions have states of their own."""
        return self._stage.state()

    def restore(self, state: State) -> None:
        """Go on with the stage from a saved state."""
        self._stage.restore(state)
