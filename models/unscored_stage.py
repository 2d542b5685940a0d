"""Devices without a score: pumps, oscilloscopes and whatever else records."""

from models.admission import AdmissionGuard, AdmissionSettings
from models.device_stage import DeviceClosing, DeviceOutput
from models.records import RecordBlock
from models.scored_rows import ScoredRows
from models.state import State
from models.validity import ValidityLimits, judge


class UnscoredStage:
    """Takes each record once and checks its state; there is nothing to measure."""

    def __init__(self, admission: AdmissionSettings, validity: ValidityLimits) -> None:
        self._admission = AdmissionGuard(admission)
        self._validity = validity

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Check one block."""
        rows = ScoredRows(block, judge(block, self._validity), self._admission.judge(block))
        return DeviceOutput(scored=rows.scored_block())

    def accept_baseline(self) -> DeviceClosing:
        """Nothing is ever learned."""
        return DeviceClosing()

    def finish(self) -> DeviceClosing:
        """Nothing is ever open."""
        return DeviceClosing()

    def state(self) -> State:
        """All that later results depend on."""
        return {"admission": self._admission.state()}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._admission.restore(state["admission"])
