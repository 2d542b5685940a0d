"""The shadow model beside each camera that it can be compared at; no I/O."""

from collections.abc import Mapping
from functools import partial

from models.device_stage import DeviceStage, StageFactory
from models.devices import Device, RecordKind
from models.images.camera_shadow import CameraShadow
from models.images.camera_successor import model_of_state
from models.images.shadow_comparison import ShadowCounts
from models.state import State
from streams.camera_successors import make_camera

_STAGE = "stage"


class CameraShadows:
    """What of each camera's shadow there is, beside the stages whose results count.

    ``of`` and ``take_counts`` may be called from several threads, one at a time for each device.

    Parameters
    ----------
    make_shadow
        Makes stages with the shadow's model; None as long as there is no shadow.
    """

    def __init__(self, make_shadow: StageFactory | None = None) -> None:
        self._make_shadow = make_shadow
        self._of: dict[Device, CameraShadow] = {}
        self._ended: dict[Device, State] = {}

    def of(self, device: Device) -> CameraShadow | None:
        """The shadow of a camera; None where there is none."""
        return self._of.get(device)

    def change(self, make_shadow: StageFactory | None, stages: Mapping[Device, DeviceStage]) -> None:
        """Another model is the shadow, or none is: it begins at all these cameras; what the last one found is kept."""
        self._make_shadow = make_shadow
        for device in list(self._of):
            self._end(device)
        for device, stage in stages.items():
            self.begin(device, stage)

    def begin(self, device: Device, stage: DeviceStage) -> None:
        """There is a device, or it has another model; where that is the shadow's there is nothing to compare."""
        make = self._make_shadow
        if make is None or device.kind is not RecordKind.CAMERA:
            return
        production = stage.state()
        if device in self._of:
            if self._of[device].model == model_of_state(production):
                self._end(device)
            return
        shadow = CameraShadow.begun(partial(make_camera, make, device), production)
        if shadow.model != model_of_state(production):
            self._of[device] = shadow
            self._ended.pop(device, None)

    def take_counts(self, device: Device) -> ShadowCounts:
        """What was counted at a device since the last call."""
        shadow = self._of.get(device)
        return ShadowCounts() if shadow is None else shadow.take_counts()

    def state_of(self, device: Device) -> State | None:
        """All that the shadow knows of a camera, or what the last one found there; None where there was none."""
        shadow = self._of.get(device)
        return self._ended.get(device) if shadow is None else shadow.state()

    def restore(self, device: Device, stage: DeviceStage, saved: State | None) -> None:
        """Go on beside a stage that was restored; what is saved of another shadow ends there."""
        self._of.pop(device, None)
        self._ended.pop(device, None)
        if saved is not None:
            self._ended[device] = {name: value for name, value in saved.items() if name != _STAGE}
            if self._make_shadow is not None and _STAGE in saved:
                shadow = CameraShadow(partial(make_camera, self._make_shadow, device))
                if shadow.model == saved["model"]:
                    shadow.restore(saved)
                    self._of[device] = shadow
        self.begin(device, stage)

    def _end(self, device: Device) -> None:
        self._ended[device] = self._of.pop(device).comparison_state()
