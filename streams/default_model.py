"""The model that is shipped, made anew: ``python -m streams.default_model connectors/data/default_model``.

It takes about three minutes on two cores and gives the same model for the same library versions and processor. The
network learns from simulated cameras with beams of the default shapes only; the shapes for the final proof are never
looked at. The seeds come from simulated cameras that the network has not seen.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.beam_library import load_beam_shapes
from connectors.model_files import write_model
from dashboards.progress import progress_bar
from models.images.camera_stage import CameraSettings
from models.model_bundle import ModelBundle
from models.records import RecordBlock, SourceReference
from models.simulation.laser import LaserSimulator
from models.simulation.settings import SimulationSettings
from models.training.calibration import calibrate
from models.training.settings import TrainingSettings
from models.training.virtual_cameras import VirtualCameraSettings, virtual_cameras
from streams.training import Progress, library_versions, require_training_extra

_CALIBRATION = SimulationSettings(seed=19_600_516, stages=4, cameras_per_stage=2, minutes=4, faults=False)


def make_default_model(
    folder: Path,
    progress: Progress | None = None,
    *,
    cameras: VirtualCameraSettings | None = None,
    training: TrainingSettings | None = None,
    calibration: SimulationSettings = _CALIBRATION,
) -> ModelBundle:
    """Simulate, train, calibrate, and write the model's folder.

    Parameters
    ----------
    progress
        Called with epochs done and epochs in all.
    calibration
        The simulated run whose normal frames the seeds come from.
    """
    require_training_extra()
    from models.training.fit import train_network  # noqa: PLC0415 - only here, after the check

    cameras, training = cameras or VirtualCameraSettings(), training or TrainingSettings()
    shapes = load_beam_shapes()
    network = train_network(
        list(virtual_cameras(shapes, cameras)),
        training,
        progress=lambda report: progress(report.epoch, report.epochs) if progress else None,
    )
    bundle = ModelBundle(onnx=network.onnx, seeds={})
    bundle = ModelBundle(
        onnx=network.onnx,
        seeds=calibrate(bundle.autoencoder(), _normal_blocks(shapes, calibration), CameraSettings()),
        trained_on={
            "simulation": {
                "cameras": asdict(cameras),
                "training": asdict(training),
                "calibration": asdict(calibration),
            },
            "training_frames": network.training_frames,
            "validation_frames": network.validation_frames,
            "epochs": network.epochs,
            "best_epoch": network.best_epoch,
            "validation_error": round(network.validation_error, 6),
        },
        library_versions=library_versions(),
    )
    write_model(folder, bundle)
    return bundle


def _normal_blocks(shapes: Mapping[str, NDArray[np.uint16]], settings: SimulationSettings) -> Iterator[RecordBlock]:
    """All records of a simulated run, minute after minute."""
    simulator = LaserSimulator(settings, shapes)
    source = SourceReference(file="simulated", sha256="")
    for minute in range(settings.minutes):
        for stage in range(settings.stages):
            for recorded in simulator.minute(stage, minute).values():
                yield from recorded.blocks(source, settings.hz)


def main(arguments: list[str]) -> None:
    """Make the model in the folder that is named."""
    if len(arguments) != 1:
        sys.exit("usage: python -m streams.default_model FOLDER")
    with progress_bar("training") as advance:
        bundle = make_default_model(Path(arguments[0]), advance)
    sys.stdout.write(f"{bundle.name}: validation error {bundle.trained_on['validation_error']:.2%}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
