"""`petawatch train --follow`: trains on what arrives, and installs a model only when later frames prove it better."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event

from connectors.clock import Clock
from connectors.model_files import install_model, installed_model
from connectors.registry.training_record import TrainingRecord
from connectors.spool_listing import NoticeReason, SpoolFile
from connectors.spool_watcher import SpoolWatcher
from models.errors import FatalError, RetryableError
from models.model_bundle import ModelBundle
from models.records import RecordBlock
from models.training.camera_frames import CameraFrames, Stretch
from models.training.gain import Gain, compare, frame_errors
from models.training.settings import TrainingSettings
from models.training.time_split import split_by_time, split_camera
from streams.settings import Settings
from streams.training.extra import library_versions, require_training_extra
from streams.training.gathering import FrameGathering, SnapshotFrames
from streams.training.train import describe, frames_digest, latest_samples, with_own_tails
from streams.training_record import Epoch, training_record

# The last part of every camera's frames, on which the new model is compared with the one in use. Nothing is learned or
# chosen by them.
_TRIAL_SHARE = 0.15
_LOOK_EVERY_S = 0.5
# The tails of a new model are fitted to the records of so many of the latest files.
_LATEST_FILES = 20
# What lies in every folder of recorders; whatever else is left alone, an operator should mend.
_ORDINARY = frozenset({NoticeReason.NOT_HDF5_NAME, NoticeReason.HIDDEN})


class _EndedError(Exception):
    """The training is to end now."""


class TrainingFollower:
    """Follows folders, gathers frames in a bounded sample, and trains whenever enough have come.

    It goes on from the model in use, and installs the new one if its error on frames later than all that it learned
    from and was chosen by is lower, by more than chance. It writes nothing else. Started again, it reads the folders
    again: the sample is the same, whatever the order.

    Parameters
    ----------
    tell
        Called with a sentence: a model that was installed, or why not.
    judged
        Asked before every training: stretches of devices that are left out, and those that are put in, as for
        ``train_model``.
    record
        Given the record of every training whose model was installed; returns a sentence that is told.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        state_dir: Path,
        settings: Settings,
        *,
        clock: Clock,
        tell: Callable[[str], None],
        training: TrainingSettings | None = None,
        judged: Callable[[], tuple[Sequence[Stretch], Sequence[Stretch]]] = lambda: ((), ()),
        record: Callable[[TrainingRecord], str] | None = None,
    ) -> None:
        require_training_extra()
        self._state_dir = state_dir
        self._clock = clock
        self._record = record
        self._settings = settings
        self._training = training or TrainingSettings(architecture=settings.training.architecture)
        self._tell = tell
        self._judged = judged
        self._ended = Event()
        self._taken: dict[str, tuple[int, int]] = {}
        self._latest: deque[SpoolFile] = deque(maxlen=_LATEST_FILES)
        self._source = SnapshotFrames(settings, self._alive)
        self._gathering = FrameGathering(settings.camera, self._training)
        self._offered_before = 0
        self._spool = SpoolWatcher(paths, clock, settings.spool, self._is_taken)

    def stop(self) -> None:
        """End ``run`` soon; may be called from a signal's handler."""
        self._ended.set()
        self._spool.wake()

    def run(self) -> None:
        """Follow and train until ``stop``.

        Raises
        ------
        FatalError
            If the model in use can't be read, or a new one can't be written.
        """
        try:
            while not self._ended.is_set():
                for item in self._spool.take(_LOOK_EVERY_S):
                    if isinstance(item, SpoolFile):
                        self._gather(item)
                    elif item.reason not in _ORDINARY:
                        self._tell(item.sentence)
                if self._gathering.offered - self._offered_before >= self._training.follow_frames:
                    self._train()
        except _EndedError:
            return
        finally:
            self._spool.stop()

    def _is_taken(self, relative: str, size_bytes: int, mtime_ns: int) -> bool:
        return self._taken.get(relative) == (size_bytes, mtime_ns)

    def _alive(self) -> None:
        if self._ended.is_set():
            raise _EndedError

    def _gather(self, file: SpoolFile) -> None:
        try:
            for block in self._source.blocks(file):
                self._gathering.add(block)
        except RetryableError as error:
            self._tell(f"{file.path} is passed over: {error}")
        self._taken[file.relative] = (file.size, file.mtime_ns)
        self._latest.append(file)

    def _train(self) -> None:
        self._offered_before = self._gathering.offered
        before = installed_model(self._state_dir)
        try:
            cameras = self._gathering.normal_frames(before.autoencoder(), *self._judged(), alive=self._alive)
        except (FatalError, RetryableError) as error:
            if isinstance(error, FatalError) and error.reason != "training_frames":
                raise
            self._tell(f"no training yet: {error}")
            return
        count = sum(len(camera.frames.images) for camera in cameras)
        self._tell(f"training on {count} normal frames of {len(cameras)} cameras")
        bundle, gain, curve = self._trained(cameras, before)
        words = f"error on the latest frames {gain.before:.2%} with {before.name}, {gain.after:.2%} with {bundle.name}"
        if gain.is_real:
            install_model(self._state_dir, bundle)
            self._tell(f"installed model {bundle.name}: {words}")
            if self._record is not None:
                record = training_record(
                    bundle,
                    metrics={"latest_error_before": gain.before, "latest_error": gain.after},
                    curve=curve,
                    samples=latest_samples(cameras),
                    recorded_ns=self._clock.now_ns(),
                )
                self._tell(self._record(record))
        else:
            self._tell(f"kept model {before.name}: {words}, no more than chance explains")

    def _trained(
        self, cameras: Sequence[CameraFrames], before: ModelBundle
    ) -> tuple[ModelBundle, Gain, Sequence[Epoch]]:
        """A new model, what it gains on the latest frames, and how it came there."""
        from models.training.fit import Hooks  # noqa: PLC0415 - the learning framework, only here
        from models.training.trainable import fit_architecture  # noqa: PLC0415

        training = self._training
        halves = [split_camera(camera.frames, _TRIAL_SHARE, training.gap_s) for camera in cameras]
        network = fit_architecture(
            split_by_time([known for known, _ in halves], training.validation_share, training.gap_s),
            training,
            start=before.onnx,
            hooks=Hooks(step_done=self._alive),
        )
        bundle = ModelBundle(
            onnx=network.onnx,
            seeds=before.seeds,
            trained_on=describe(network, cameras, training)
            | {"frames_sha256": frames_digest(cameras), "start": before.name, "files": dict(self._source.sha256)},
            library_versions=library_versions(),
        )
        old, new = before.autoencoder(), bundle.autoencoder()
        trial = [latest.images for _, latest in halves]
        gain = compare([frame_errors(images, old) for images in trial], [frame_errors(images, new) for images in trial])
        return with_own_tails(bundle, self._latest_blocks(), self._settings)[0], gain, network.curve

    def _latest_blocks(self) -> Iterable[RecordBlock]:
        unrecorded = SnapshotFrames(self._settings, self._alive)
        for file in sorted(self._latest, key=lambda file: file.relative):
            yield from unrecorded.blocks(file)
