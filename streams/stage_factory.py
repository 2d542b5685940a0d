"""Which processing a device gets, by its kind."""

from dataclasses import replace

from connectors.cause_data import shipped_cause_classifier
from models.device_stage import DeviceStage, StageFactory
from models.devices import Device, RecordKind
from models.energies.meter_stage import MeterStage
from models.images.camera_stage import CameraStage
from models.model_bundle import ModelBundle
from models.spectra.spectrometer_stage import SpectrometerStage
from models.unscored_stage import UnscoredStage
from streams.per_thread import PerThreadBuffers, PerThreadNetwork
from streams.settings import Settings


def stage_factory(settings: Settings, bundle: ModelBundle) -> StageFactory:
    """Makes the processing of a device from its kind."""
    network, buffers = PerThreadNetwork(bundle), PerThreadBuffers()
    causes = shipped_cause_classifier()

    def make(device: Device) -> DeviceStage:
        if device.kind is RecordKind.CAMERA:
            return CameraStage(device, settings.camera, network, bundle.seeds, buffers, causes, budget=settings.budget)
        if device.kind is RecordKind.ENERGY_METER:
            return MeterStage(device, settings.meter, settings.budget)
        if device.kind is RecordKind.SPECTROMETER:
            return SpectrometerStage(device, settings.spectrometer, settings.budget)
        return UnscoredStage(settings.camera.admission, settings.camera.validity)

    return make


def shadow_stage_factory(settings: Settings, bundle: ModelBundle) -> StageFactory:
    """The same for a model that scores beside the one in use, with stages of its own.

    A shadow is shown only what the model in use scores: of that it leaves out nothing.
    """
    every_frame = replace(settings.camera, score_every=1)
    return stage_factory(settings.model_copy(update={"camera": every_frame}), bundle)
