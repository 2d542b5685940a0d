"""An operator's word that a device's new state is its reference, and when it takes effect."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from models.device_stage import DeviceClosing, DeviceOutput, DeviceStage
from models.devices import Device
from models.records import RecordBlock, rows_of
from models.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBaseline:
    """What a device shows from some time on is its reference.

    Attributes
    ----------
    id
        When it was accepted, ns since 1970; ascending, no two are the same.
    from_ns
        Event time of the first record that is learned from.
    """

    id: int
    device: Device
    from_ns: int


class BaselineGate:
    """Lets accepted baselines take effect at one device, each once and in the order of their ids.

    Records before ``from_ns`` are scored as ever; with the first one from then on the device learns anew. When that
    one has passed already, the device learns anew at once. What was taken is part of the state.
    """

    def __init__(self) -> None:
        self._taken_id = 0
        self._waiting: deque[tuple[int, int]] = deque()  # id, from_ns
        self._last_ns: int | None = None

    def take(self, baseline: AcceptedBaseline, stage: DeviceStage) -> DeviceClosing | None:
        """Take a baseline; None when it was taken before, else what closes with it at once."""
        if baseline.id <= self._taken_id:
            return None
        self._taken_id = baseline.id
        self._waiting.append((baseline.id, baseline.from_ns))
        if self._last_ns is None or not self._pass_by(self._last_ns):
            return DeviceClosing()
        return stage.accept_baseline()

    def process(self, block: RecordBlock, stage: DeviceStage) -> list[DeviceOutput]:
        """Process a block by the stage: in parts, when a baseline takes effect inside."""
        if block.replacement or not len(block):
            return [stage.process(block)]
        borders = self._borders(block)
        outputs = []
        if not borders or borders[0]:
            outputs.append(stage.process(rows_of(block, 0, borders[0] if borders else len(block))))
        for first, stop in pairwise([*borders, len(block)]):
            closing = stage.accept_baseline()
            output = stage.process(rows_of(block, first, stop))
            output.alerts[:0], output.evidence[:0] = closing.alerts, closing.evidence
            outputs.append(output)
        self._last_ns = int(block.event_time_ns[-1])
        return outputs

    def _borders(self, block: RecordBlock) -> list[int]:
        """The rows with which baselines take effect; these wait no longer."""
        borders: list[int] = []
        while self._waiting and (reached := block.event_time_ns >= self._waiting[0][1]).any():
            borders.append(int(reached.argmax()))
            self._pass_by(int(block.event_time_ns[borders[-1]]))
        return borders

    def _pass_by(self, event_time_ns: int) -> bool:
        """Drop what takes effect with this record; whether there was any."""
        before = len(self._waiting)
        while self._waiting and self._waiting[0][1] <= event_time_ns:
            self._waiting.popleft()
        return len(self._waiting) < before

    def state(self) -> State:
        """What was taken, and what has yet to take effect."""
        return {
            "taken_id": self._taken_id,
            "waiting": [list(waiting) for waiting in self._waiting],
            "last_ns": self._last_ns,
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._taken_id = int(state["taken_id"])
        self._waiting = deque((int(id_), int(from_ns)) for id_, from_ns in state["waiting"])
        self._last_ns = None if state["last_ns"] is None else int(state["last_ns"])
