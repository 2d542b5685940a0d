"""`petawatch train`: a model from the normal frames of snapshots, installed into a state directory."""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from connectors.clock import SystemClock
from connectors.model_files import install_model, installed_model
from connectors.snapshots.reader import open_snapshot
from connectors.spool_listing import SpoolFile, scan
from models.devices import Device, RecordKind
from models.errors import FatalError, RecordError
from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.model_bundle import ModelBundle
from models.records import IMAGE_SHAPE, RecordBlock, Refusal
from models.training.calibration import calibrate
from models.training.frame_sample import FrameSample
from models.training.settings import TrainingSettings
from models.validity import ValidityLimits, judge
from streams.settings import Settings

if TYPE_CHECKING:
    from models.training.fit import TrainedNetwork

#: Told how much is done, and of how much.
Progress = Callable[[int, int], None]

_BLOCK_RECORDS = 32
_LIBRARIES = ("keras", "numpy", "onnx", "openvino", "tensorflow")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What a training gave.

    Attributes
    ----------
    start_error, validation_error
        Root mean square of the residual against that of the frame, on later frames than all that were learned, with
        the weights at the start and with the best ones.
    warnings
        Sentences.
    """

    model: str
    folder: Path
    cameras: int
    frames: int
    epochs: int
    start_error: float
    validation_error: float
    warnings: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The report in words."""
        words = (
            f"installed model {self.model} in {self.folder}: {self.frames} normal frames of {self.cameras} "
            f"camera{'s' if self.cameras != 1 else ''}, {self.epochs} epochs, error on later frames "
            f"{self.start_error:.1%} before, {self.validation_error:.1%} after"
        )
        return ". ".join([words, *self.warnings])


def train_model(
    paths: Sequence[Path],
    state_dir: Path,
    settings: Settings,
    progress: Progress | None = None,
    *,
    training: TrainingSettings | None = None,
    anew: bool = False,
) -> TrainingReport:
    """Train on the normal frames of snapshots, calibrate, and install the model.

    Parameters
    ----------
    paths
        Folders with snapshots.
    state_dir
        The model goes to ``STATE/models`` and is the one in use from the watch's next start on.
    progress
        Called with steps done and steps in all: every file twice, and every epoch.
    training
        How to train.
    anew
        Start with random weights, not with those of the model in use.

    Raises
    ------
    FatalError
        With one sentence: no training extra, no snapshots, too few normal frames, the model can't be written.
    """
    require_training_extra()
    progress = progress or _ignore
    training = training or TrainingSettings()
    before = installed_model(state_dir)
    files, _ = scan(paths, SystemClock())
    if not files:
        raise FatalError(
            f"there are no snapshots in {', '.join(map(str, paths))}; name a folder that holds *.h5 files",
            reason="training_files",
        )
    steps = 2 * len(files) + training.epochs
    collected = _Collection(settings.camera.cleaning, settings.camera.validity, training)
    hashes: list[str] = []
    for done, file in enumerate(files):
        progress(done, steps)
        for block in _camera_blocks(file, settings, hashes, collected.skipped):
            collected.add(block)
    frames = collected.normal_frames()
    network = _train(frames, training, None if anew else before.onnx, lambda epoch: progress(len(files) + epoch, steps))
    bundle = ModelBundle(
        onnx=network.onnx,
        seeds=before.seeds,
        trained_on=_describe(network, len(frames)) | {"files_sha256": hashes},
        library_versions=library_versions(),
    )

    def again() -> Iterator[RecordBlock]:
        for done, file in enumerate(files):
            progress(len(files) + training.epochs + done, steps)
            yield from _camera_blocks(file, settings, [], [])

    seeds = calibrate(bundle.autoencoder(), again(), settings.camera)
    warnings = _warnings(len(frames), len(collected.skipped), calibrated=bool(seeds))
    if seeds:
        bundle = ModelBundle(
            onnx=bundle.onnx, seeds=seeds, trained_on=bundle.trained_on, library_versions=bundle.library_versions
        )
    folder = install_model(state_dir, bundle)
    progress(steps, steps)
    return TrainingReport(
        model=bundle.name,
        folder=folder,
        cameras=len(frames),
        frames=network.training_frames + network.validation_frames,
        epochs=network.epochs,
        start_error=network.start_error,
        validation_error=network.validation_error,
        warnings=warnings,
    )


def require_training_extra() -> None:
    """Prepare for the import of the learning framework.

    Raises
    ------
    FatalError
        With one sentence, unless what training needs is installed.
    """
    missing = [name for name in ("tensorflow", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise FatalError(
            f"training needs {' and '.join(missing)}; install the extra with: pip install 'petawatch[training]'",
            reason="training_extra",
        )
    # TensorFlow reads it when it is imported; its messages about missing graphics cards help nobody here.
    os.putenv("TF_CPP_MIN_LOG_LEVEL", "3")


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""


def library_versions() -> dict[str, str]:
    """The versions of what trains and exports a model."""
    return {name: version(name) for name in _LIBRARIES}


class _Collection:
    """The beam frames of all cameras, sampled within the room that there is for all together."""

    def __init__(self, cleaning: CleaningSettings, limits: ValidityLimits, training: TrainingSettings) -> None:
        self._cleaning = cleaning
        self._limits = limits
        self._training = training
        self._dark: dict[Device, DarkTracker] = {}
        self._samples: dict[Device, FrameSample] = {}
        self._valid = 0
        self.skipped: list[str] = []

    def add(self, block: RecordBlock) -> None:
        """Clean a block's valid images and sample those with beam."""
        if block.payload.shape[1:] != IMAGE_SHAPE or block.payload.dtype != np.uint16:
            return
        if block.device not in self._samples:
            self._add_camera(block.device)
        rows = np.flatnonzero(judge(block, self._limits) == Refusal.NONE)
        if not len(rows):
            return
        self._valid += len(rows)
        raw = np.ascontiguousarray(block.payload[rows])
        cleaned = np.empty(raw.shape, np.float32)
        result, dark = self._dark[block.device].clean(raw, cleaned)
        self._samples[block.device].offer(cleaned[~dark], result.features[~dark])

    def _add_camera(self, device: Device) -> None:
        self._dark[device] = DarkTracker(self._cleaning)
        training = self._training
        capacity = max(min(training.frames_per_camera, training.frames_in_total // (len(self._samples) + 1)), 2)
        for sample in self._samples.values():
            sample.shrink(capacity)
        self._samples[device] = FrameSample(capacity)

    def normal_frames(self) -> list[NDArray[np.float32]]:
        """The normal frames of every camera that has any, in the order of the cameras' names."""
        ordered = [self._samples[device] for device in sorted(self._samples)]
        frames = [normal for sample in ordered if len(normal := sample.normal()) >= 2]
        found = sum(map(len, frames))
        if found < self._training.minimum_frames:
            raise FatalError(self._why_so_few(found), reason="training_frames")
        return frames

    def _why_so_few(self, found: int) -> str:
        wanted = f"training needs at least {self._training.minimum_frames} normal beam frames"
        offered = sum(sample.offered for sample in self._samples.values())
        saturated = sum(sample.saturated for sample in self._samples.values())
        if not self._valid:
            detail = "there are no valid camera images; name a folder with snapshots of cameras that are ON"
        elif saturated > offered:
            detail = f"{saturated} frames are saturated; lower the exposure or name another day"
        elif offered == 0:
            detail = "all images are dark; name a day with beam"
        else:
            detail = f"there are {found}; name more snapshots"
        return f"{wanted}, and {detail}"


def _camera_blocks(file: SpoolFile, settings: Settings, hashes: list[str], skipped: list[str]) -> Iterator[RecordBlock]:
    """A snapshot's camera records; one that can't be read is noted in ``skipped``, the hash of one that can is kept."""
    try:
        with open_snapshot(file.path, root=file.root, limits=settings.reading, zone=settings.zone) as snapshot:
            for block in snapshot.blocks(_BLOCK_RECORDS):
                if block.device.kind is RecordKind.CAMERA:
                    yield block
            hashes.append(snapshot.manifest.source.sha256)
    except RecordError as error:
        skipped.append(f"{file.relative}: {error.reason}")


def _train(
    frames: list[NDArray[np.float32]], training: TrainingSettings, start: bytes | None, report: Callable[[int], None]
) -> "TrainedNetwork":
    """Train; the learning framework is imported here, and nowhere before."""
    from models.training.fit import train_network  # noqa: PLC0415
    from models.training.onnx_export import weights_of  # noqa: PLC0415

    start_weights = None if start is None else weights_of(start)
    return train_network(frames, training, start_weights=start_weights, progress=lambda epoch: report(epoch.epoch))


def _describe(network: "TrainedNetwork", cameras: int) -> dict[str, Any]:
    return {
        "cameras": cameras,
        "training_frames": network.training_frames,
        "validation_frames": network.validation_frames,
        "epochs": network.epochs,
        "best_epoch": network.best_epoch,
        "validation_error": round(network.validation_error, 6),
    }


def _warnings(cameras: int, skipped: int, *, calibrated: bool) -> tuple[str, ...]:
    warnings = []
    if cameras == 1:
        warnings.append("It knows one camera only: train again with more when others are watched")
    if skipped:
        warnings.append(f"{skipped} snapshot{'s' if skipped != 1 else ''} could not be read and went unused")
    if not calibrated:
        warnings.append("No camera has enough frames to calibrate on: the tails of the model before are kept")
    return tuple(warnings)
