"""`petawatch train`: a model from the normal frames of snapshots, installed into a state directory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.clock import SystemClock
from connectors.model_files import install_model, installed_model
from connectors.record_shards import ShardFolder
from connectors.spool_listing import NoticeReason, SpoolFile, scan
from connectors.tfrecord.schema import SCHEMA_NAME, SHARD_SUFFIX, read_schema
from connectors.training_folder import TrainingFolder
from models.errors import FatalError
from models.model_bundle import ModelBundle
from models.records import RecordBlock
from models.training.calibration import calibrate
from models.training.camera_frames import CameraFrames, Stretch
from models.training.gain import Gain
from models.training.settings import TrainingSettings
from models.training.time_split import Images, TimeSplit, split_camera
from streams.settings import Settings
from streams.shard_places import Place, shard_target
from streams.training.extra import library_versions, require_training_extra
from streams.training.gathering import FrameGathering, SnapshotFrames
from streams.training.report import TrainingReport, camera_reports, make_report, warnings_of
from streams.training.shards import ExportedShard
from streams.training_record import SampleFrame

if TYPE_CHECKING:
    from models.training.fit import EpochReport, TrainedNetwork

#: Told how much is done, and of how much.
Progress = Callable[[int, int], None]


def train_model(
    paths: Sequence[Place],
    state_dir: Path,
    settings: Settings,
    progress: Progress | None = None,
    *,
    training: TrainingSettings | None = None,
    anew: bool = False,
    left_out: Sequence[Stretch] = (),
    put_in: Sequence[Stretch] = (),
    work: Path | None = None,
    on_epoch: Callable[["EpochReport"], None] = lambda _: None,
) -> TrainingReport:
    """Train on the normal frames of snapshots, calibrate, and install the model.

    Parameters
    ----------
    paths
        Folders with snapshots, or what ``petawatch tfrecord export`` wrote: folders, and prefixes of an object store.
    state_dir
        The model goes to ``STATE/models`` and is the one in use from the watch's next start on.
    progress
        Called with steps done and steps in all: every file twice, and every epoch.
    training
        How to train.
    anew
        Start with random weights, not with those of the model in use.
    left_out
        Stretches of devices that are not learned: alerts that operators judged true.
    put_in
        Stretches of devices in which nothing is left out as unusual: alerts that operators judged false.
    work
        Where the training's state is kept after every epoch, to go on after a kill; None: ``STATE/models/.training``.
    on_epoch
        Called after every epoch.

    Raises
    ------
    FatalError
        With one sentence: no training extra, no snapshots, too few normal frames, another training in the same
        folder, the model can't be written.
    """
    require_training_extra()
    progress, training = progress or _ignore, training or TrainingSettings(architecture=settings.training.architecture)
    before = installed_model(state_dir)
    files = _files(paths, settings)
    steps = 2 * len(files) + training.epochs
    source, gathering = SnapshotFrames(settings), FrameGathering(settings.camera, training)
    for done, file in enumerate(files):
        progress(done, steps)
        for block in source.blocks(file):
            gathering.add(block)
    cameras = gathering.normal_frames(before.autoencoder(), left_out, put_in)
    job = _Job(cameras, training, None if anew else before)

    def epoch_done(report: "EpochReport") -> None:
        progress(len(files) + report.epoch, steps)
        on_epoch(report)

    def again() -> Iterator[RecordBlock]:
        unrecorded = SnapshotFrames(settings)
        for done, file in enumerate(files):
            progress(len(files) + training.epochs + done, steps)
            yield from unrecorded.blocks(file)

    with TrainingFolder(work or state_dir / "models" / ".training") as folder:
        network, went_on_after = job.train(folder, epoch_done)
        tuned = job.tuned_beside(network)
        bundle = ModelBundle(
            onnx=network.onnx,
            seeds=before.seeds,
            trained_on=job.description(network)
            | {"files": source.sha256, "cleaning": asdict(settings.camera.cleaning)},
            library_versions=library_versions(),
        )
        bundle, calibrated = with_own_tails(bundle, again(), settings)
        installed = install_model(state_dir, bundle)
        folder.clear()
    progress(steps, steps)
    rows = camera_reports(cameras, *job.frames_of_parts, tuned)
    better = [camera for camera, gain in tuned.items() if gain.is_real]
    warnings = warnings_of(
        cameras=len(cameras),
        skipped=len(source.skipped),
        calibrated=calibrated,
        went_on_after=went_on_after,
        tuned=better,
    )
    return make_report(bundle, installed, network, rows, warnings, latest_samples(cameras))


def with_own_tails(bundle: ModelBundle, blocks: Iterable[RecordBlock], settings: Settings) -> tuple[ModelBundle, bool]:
    """The model with tails fitted to what it makes of these records, and whether there were enough for that."""
    seeds = calibrate(bundle.autoencoder(), blocks, settings.camera)
    return (replace(bundle, seeds=seeds), True) if seeds else (bundle, False)


class _Job:
    """The frames that are trained on, split by time, and what is done with them."""

    def __init__(self, cameras: Sequence[CameraFrames], training: TrainingSettings, start: ModelBundle | None) -> None:
        self._cameras = cameras
        self._training = training
        self._start = start
        self._parts: dict[str, tuple[Images, Images]] = {}
        for camera in cameras:
            earlier, later = split_camera(camera.frames, training.validation_share, training.gap_s)
            self._parts[camera.camera] = earlier.images, later.images
        self._frames_sha256 = frames_digest(cameras)

    @property
    def frames_of_parts(self) -> tuple[list[int], list[int]]:
        """How many frames of each camera are learned from, and how many are later ones."""
        parts = self._parts.values()
        return [len(earlier) for earlier, _ in parts], [len(later) for _, later in parts]

    def train(
        self, folder: TrainingFolder, epoch_done: Callable[["EpochReport"], None]
    ) -> tuple["TrainedNetwork", int]:
        """The trained network, and after which epoch of an interrupted training it went on (0: it did not)."""
        from models.training.fit import Hooks  # noqa: PLC0415 - the learning framework, only here
        from models.training.trainable import fit_architecture  # noqa: PLC0415

        digest = self._digest()
        saved = folder.load(digest)
        network = fit_architecture(
            TimeSplit(
                training=[earlier for earlier, _ in self._parts.values()],
                validation=[later for _, later in self._parts.values()],
            ),
            self._training,
            start=None if self._start is None else self._start.onnx,
            resumed=saved,
            hooks=Hooks(epoch_done=epoch_done, save=partial(folder.save, digest)),
        )
        return network, 0 if saved is None else len(saved["curve"])

    def tuned_beside(self, network: "TrainedNetwork") -> dict[str, Gain]:
        """What a network of its own would gain for each camera; nothing with one camera: the shared one is its own."""
        from models.training.fine_tuning import fine_tuning_gains  # noqa: PLC0415 - the learning framework, only here
        from models.training.trainable import TUNABLE  # noqa: PLC0415

        tunable = self._training.architecture in TUNABLE and self._training.fine_tuning_epochs > 0
        if not tunable or len(self._parts) < 2:
            return {}
        return fine_tuning_gains(network.onnx, self._parts, self._training)

    def description(self, network: "TrainedNetwork") -> dict[str, Any]:
        """For the model's file: what it was trained on and how, and what it reached."""
        return describe(network, self._cameras, self._training) | {
            "frames_sha256": self._frames_sha256,
            "start": None if self._start is None else self._start.name,
        }

    def _digest(self) -> str:
        """A name of this very training: the same frames, settings, start and libraries."""
        start = "" if self._start is None else hashlib.sha256(self._start.onnx).hexdigest()
        parts = [self._frames_sha256, repr(asdict(self._training)), start, repr(library_versions())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def frames_digest(cameras: Sequence[CameraFrames]) -> str:
    """SHA-256 of all frames that are trained on, with their cameras and times."""
    digest = hashlib.sha256()
    for camera in cameras:
        digest.update(f"{camera.camera}\n{len(camera.frames.images)}\n".encode())
        digest.update(camera.frames.event_time_ns.tobytes())
        for image in camera.frames.images:
            digest.update(image.tobytes())
    return digest.hexdigest()


def latest_samples(cameras: Sequence[CameraFrames]) -> list[SampleFrame]:
    """The latest frame of each camera, to show how it is reconstructed."""
    return [
        SampleFrame(
            camera=camera.camera,
            event_time_ns=int(camera.frames.event_time_ns[-1]),
            cleaned=camera.frames.images[-1].copy(),
        )
        for camera in cameras
    ]


def describe(network: "TrainedNetwork", cameras: Sequence[CameraFrames], training: TrainingSettings) -> dict[str, Any]:
    """What stands in a model's file about its training."""
    left_out = ("saturated", "judged", "unusual", "outliers")
    return {
        "cameras": len(cameras),
        "training_frames": network.training_frames,
        "validation_frames": network.validation_frames,
        "epochs": network.epochs,
        "best_epoch": network.best_epoch,
        "validation_error": round(network.validation_error, 6),
        "left_out": {name: sum(getattr(camera.counts, name) for camera in cameras) for name in left_out},
        "training": asdict(training),
    }


def _files(paths: Sequence[Place], settings: Settings) -> Sequence[SpoolFile | ExportedShard]:
    """The snapshots in the order of their times, or the shards of places that all are exports."""
    folders = [path for path in paths if isinstance(path, Path) and not (path / SCHEMA_NAME).is_file()]
    if folders and len(folders) < len(paths):
        export = next(path for path in paths if path not in folders)
        raise FatalError(
            f"{export} holds exported triplets and {folders[0]} does not; train on either", reason="training_files"
        )
    if not folders:
        targets = [shard_target(place, settings.object_store) for place in paths]
        return [ExportedShard(target, entry) for target in targets for entry in read_schema(target).shards]
    files, notices = scan(folders, SystemClock())
    for notice in notices:
        if notice.reason is NoticeReason.ROOT_MISSING:
            raise FatalError(
                f"{notice.sentence.partition(';')[0]}; name a folder that holds *.h5 files", reason="training_files"
            )
    if not files:
        for folder in folders:
            if any(folder.glob(f"*{SHARD_SUFFIX}*")):
                read_schema(ShardFolder(folder))  # says what is wrong, and raises
        raise FatalError(
            f"there are no snapshots in {', '.join(map(str, paths))}; name a folder that holds *.h5 files",
            reason="training_files",
        )
    return files


def _ignore(done: int, total: int) -> None:
    """Nobody wants to know."""
