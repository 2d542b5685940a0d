"""What a training gave, in numbers and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.model_bundle import ModelBundle
from models.training.camera_frames import CameraFrames, FrameCounts
from models.training.gain import Gain
from streams.training_record import SampleFrame

if TYPE_CHECKING:
    from models.training.fit import EpochReport, TrainedNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReport:
    """One camera's part in a training.

    Attributes
    ----------
    learned, later
        Frames that were learned from, and later ones that it was validated on.
    tuned
        The error on the later frames with the shared network (``before``) and with one that was tuned to this camera
        alone (``after``); None when it was not measured.
    """

    camera: str
    counts: FrameCounts
    learned: int
    later: int
    tuned: Gain | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What a training gave.

    Attributes
    ----------
    start_error, validation_error
        Root mean square of the residual against that of the frame, on later frames than all that were learned, with
        the weights at the start and with the best ones.
    curve
        Every epoch.
    samples
        The latest frame of each camera.
    warnings
        Sentences.
    """

    bundle: ModelBundle
    folder: Path
    cameras: tuple[CameraReport, ...]
    frames: int
    epochs: int
    start_error: float
    validation_error: float
    curve: tuple["EpochReport", ...] = ()
    samples: tuple[SampleFrame, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.bundle.name

    def sentence(self) -> str:
        """The report in words."""
        count = len(self.cameras)
        words = (
            f"installed model {self.model} in {self.folder}: {self.frames} normal frames of {count} "
            f"camera{'s' if count != 1 else ''}, {self.epochs} epochs, error on later frames "
            f"{self.start_error:.1%} before, {self.validation_error:.1%} after"
        )
        return ". ".join([words, *self.warnings])


def make_report(
    bundle: ModelBundle,
    folder: Path,
    network: "TrainedNetwork",
    cameras: Sequence[CameraReport],
    warnings: Sequence[str],
    samples: Sequence[SampleFrame] = (),
) -> TrainingReport:
    """The report of a training whose model was installed."""
    return TrainingReport(
        bundle=bundle,
        folder=folder,
        cameras=tuple(cameras),
        frames=network.training_frames + network.validation_frames,
        epochs=network.epochs,
        start_error=network.start_error,
        validation_error=network.validation_error,
        curve=network.curve,
        samples=tuple(samples),
        warnings=tuple(warnings),
    )


def camera_reports(
    cameras: Sequence[CameraFrames], learned: Sequence[int], later: Sequence[int], tuned: Mapping[str, Gain]
) -> list[CameraReport]:
    """A row for each camera."""
    return [
        CameraReport(
            camera=camera.camera, counts=camera.counts, learned=before, later=after, tuned=tuned.get(camera.camera)
        )
        for camera, before, after in zip(cameras, learned, later, strict=True)
    ]


def warnings_of(*, cameras: int, skipped: int, calibrated: bool, went_on_after: int, tuned: Sequence[str]) -> list[str]:
    """What an operator should know, in sentences without their full stops."""
    warnings = []
    if went_on_after:
        warnings.append(f"It went on after epoch {went_on_after} of a training that was interrupted")
    if cameras == 1:
        warnings.append("It knows one camera only: train again with more when others are watched")
    if skipped:
        warnings.append(f"{skipped} snapshot{'s' if skipped != 1 else ''} could not be read and went unused")
    if not calibrated:
        warnings.append("No camera has enough frames to calibrate on: the tails of the model before are kept")
    if tuned:
        warnings.append(
            f"A network of its own would be better than the shared one, beyond chance, for {', '.join(tuned)}"
        )
    return warnings
