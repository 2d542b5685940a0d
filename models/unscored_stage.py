"""Devices without a score: pumps, oscilloscopes and whatever else records."""

import numpy as np

from models.admission import AdmissionGuard, AdmissionSettings
from models.device_stage import DeviceClosing, DeviceOutput
from models.devices import Device
from models.records import RecordBlock
from models.results import FEATURE_NAMES, ScoredBlock, Scoring
from models.state import State
from models.validity import ValidityLimits, judge


class UnscoredStage:
    """Takes each record once and checks its state; there is nothing to measure."""

    def __init__(self, device: Device, admission: AdmissionSettings, validity: ValidityLimits) -> None:
        self._device = device
        self._admission = AdmissionGuard(admission)
        self._validity = validity

    def process(self, block: RecordBlock) -> DeviceOutput:
        """Check one block."""
        count = len(block)
        return DeviceOutput(
            scored=ScoredBlock(
                device=self._device,
                source=block.source,
                event_time_ns=block.event_time_ns,
                state=block.state,
                refusal=judge(block, self._validity),
                admission=self._admission.judge(block),
                fires=np.zeros(count, np.bool_),
                scoring=np.full(count, Scoring.NONE, np.uint8),
                score=np.zeros(count, np.float32),
                anomalous=np.zeros(count, np.bool_),
                reasons=np.zeros(count, np.uint32),
                features=np.full((count, len(FEATURE_NAMES[self._device.kind])), np.nan),
                interval_hz=block.interval_hz,
                replacement=block.replacement,
                hdf5_group=block.hdf5_group,
            )
        )

    def finish(self) -> DeviceClosing:
        """Nothing is ever open."""
        return DeviceClosing()

    def state(self) -> State:
        """All that later results depend on."""
        return {"admission": self._admission.state()}

    def restore(self, state: State) -> None:
        """Go on from a saved state."""
        self._admission.restore(state["admission"])
