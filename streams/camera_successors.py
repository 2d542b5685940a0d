"""Cameras change their model one by one, each as soon as the new one has learned what is normal there; no I/O."""

from collections.abc import Callable
from functools import partial

from models.device_stage import DeviceStage, StageFactory
from models.devices import Device
from models.images.camera_stage import CameraStage
from models.images.camera_successor import CameraSuccessor, model_of_state
from models.state import State

#: Makes stages with another model than the one in use, by its id; None when there is no such model any more.
EarlierModels = Callable[[str], StageFactory | None]


def no_earlier_models(_: str) -> None:
    """Only the model in use can be had: cameras of another one learn anew."""


class CameraSuccessors:
    """What of each camera's new model there is, beside the stages that score.

    ``of`` and ``take`` may be called from several threads, one at a time for each device.

    Parameters
    ----------
    make_stage
        Makes stages with the model in use.
    """

    def __init__(self, make_stage: StageFactory) -> None:
        self._make_stage = make_stage
        self._of: dict[Device, CameraSuccessor] = {}

    def begin(self, make_stage: StageFactory, stages: dict[Device, DeviceStage]) -> None:
        """Another model is in use: it learns at each of these cameras, which go on with theirs until it has."""
        self._make_stage = make_stage
        for device, stage in stages.items():
            self._of.pop(device, None)
            if isinstance(stage, CameraStage):
                successor = CameraSuccessor(partial(make_camera, self._make_stage, device), stage.state())
                if successor.model != stage.model:
                    self._of[device] = successor

    def of(self, device: Device) -> CameraSuccessor | None:
        """The new model that learns at a camera; None where none does."""
        return self._of.get(device)

    def take(self, device: Device, stage: DeviceStage) -> DeviceStage | None:
        """The stage that scores this device from now on, if its new model has learned; else None.

        Not while the present one learns anew: the beam that the new model has learned is no longer the reference.
        """
        successor = self._of.get(device)
        if successor is None or not successor.ready or not isinstance(stage, CameraStage) or stage.learning:
            return None
        del self._of[device]
        return successor.succeed(stage)

    def state_of(self, device: Device) -> State | None:
        """All that the new model knows of a camera; None where nothing learns."""
        successor = self._of.get(device)
        return None if successor is None else successor.state()

    def restored(self, device: Device, state: State, saved: State | None, earlier: EarlierModels) -> DeviceStage | None:
        """The stage that a saved state of another model belongs to, restored, while the model in use learns beside it.

        Parameters
        ----------
        state, saved
            Of the stage, and of its successor if there was one.

        Returns
        -------
        DeviceStage or None
            None when the state is of the model in use, or its model can't be had any more.
        """
        model = model_of_state(state)
        fresh = self._make_stage(device) if model else None
        if not isinstance(fresh, CameraStage) or fresh.model == model:
            return None
        make_earlier = earlier(model)
        if make_earlier is None:
            return None
        stage = make_earlier(device)
        stage.restore(state)
        make = partial(make_camera, self._make_stage, device)
        if saved is None or model_of_state(saved["stage"]) != fresh.model:
            self._of[device] = CameraSuccessor(make, stage.state())
        else:
            self._of[device] = CameraSuccessor(make)
            self._of[device].restore(saved)
        return stage


def make_camera(make_stage: StageFactory, device: Device) -> CameraStage:
    """The stage of a device that must be a camera."""
    stage = make_stage(device)
    if not isinstance(stage, CameraStage):
        raise TypeError(f"{device.name} is no camera")
    return stage
