"""The normal frames of all cameras, gathered from snapshots within the room that there is for all together."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.snapshots.reader import open_snapshot
from connectors.spool_listing import SpoolFile
from models.devices import Device, RecordKind
from models.errors import FatalError, RecordError
from models.images.camera_stage import CameraSettings
from models.images.cleaning import repeats
from models.images.dark_tracker import DarkTracker
from models.images.image_scores import Network
from models.records import RecordBlock, Refusal
from models.training.camera_frames import CameraFrames, FrameCounts, Stretch
from models.training.first_model import outliers
from models.training.frame_sample import FrameSample, frame_keys, in_stretches
from models.training.settings import TrainingSettings
from models.validity import has_image_type, judge
from streams.settings import Settings
from streams.training.shards import ExportedShard

_BLOCK_RECORDS = 32


class SnapshotFrames:
    """Camera records of snapshots or of exported shards, and an account of the files: which were read, which not."""

    def __init__(self, settings: Settings, alive: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._alive = alive
        self.sha256: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    def blocks(self, file: SpoolFile | ExportedShard) -> Iterator[RecordBlock]:
        """A file's camera records; a snapshot that can't be read is noted with its reason.

        Raises
        ------
        RecordError
            Of a shard: what was exported is whole, or it is to be exported again.
        """
        if isinstance(file, ExportedShard):
            from models.training.tfrecords import frames_of_shards  # noqa: PLC0415 - it imports TensorFlow

            with file.on_disk() as shard:
                for block in frames_of_shards([shard]):
                    self._alive()
                    yield block
            self.sha256[file.name] = file.entry.sha256
            return
        settings = self._settings
        try:
            with open_snapshot(file.path, root=file.root, limits=settings.reading, zone=settings.zone) as snapshot:
                for block in snapshot.blocks(_BLOCK_RECORDS):
                    self._alive()
                    if block.device.kind is RecordKind.CAMERA:
                        yield block
                self.sha256[file.relative] = snapshot.manifest.source.sha256
        except RecordError as error:
            self.skipped[file.relative] = error.reason


class FrameGathering:
    """Samples the beam frames of every camera, without labels: rules leave out what is certainly not normal."""

    def __init__(self, camera: CameraSettings, training: TrainingSettings) -> None:
        self._camera = camera
        self._training = training
        self._dark: dict[Device, DarkTracker] = {}
        self._samples: dict[Device, FrameSample] = {}
        self._frame_before: dict[Device, int] = {}  # its hash
        self._valid = 0

    @property
    def offered(self) -> int:
        """Beam frames that could be learned from so far, sampled or not."""
        return sum(sample.offered for sample in self._samples.values())

    def add(self, block: RecordBlock) -> None:
        """Clean a block's valid images and sample those with beam."""
        if not has_image_type(block):
            return
        device = block.device
        if device not in self._samples:
            self._add_camera(device)
        rows = np.flatnonzero(judge(block, self._camera.validity) == Refusal.NONE)
        if not len(rows):
            return
        self._valid += len(rows)
        raw = np.ascontiguousarray(block.payload[rows])
        cleaned = np.empty(raw.shape, np.float32)
        result, dark = self._dark[device].clean(raw, cleaned)
        kept = ~(dark | self._stuck(device, result.frame_hash))
        times = block.event_time_ns[rows][kept]
        self._samples[device].offer(cleaned[kept], result.features[kept], times, frame_keys(raw[kept], times))

    def _stuck(self, device: Device, frame_hash: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Frames that equal the valid one before them: the camera shows no new shot."""
        stuck = repeats(frame_hash, self._frame_before.get(device))
        self._frame_before[device] = int(frame_hash[-1])
        return stuck

    def _add_camera(self, device: Device) -> None:
        self._dark[device] = DarkTracker(self._camera.cleaning)
        training = self._training
        capacity = max(min(training.frames_per_camera, training.frames_in_total // (len(self._samples) + 1)), 2)
        for sample in self._samples.values():
            sample.shrink(capacity)
        self._samples[device] = FrameSample(capacity)

    def normal_frames(
        self,
        first_model: Network,
        left_out: Sequence[Stretch] = (),
        put_in: Sequence[Stretch] = (),
        alive: Callable[[], None] = lambda: None,
    ) -> list[CameraFrames]:
        """The normal frames of every camera that has any, in the order of the cameras' names.

        Parameters
        ----------
        first_model
            Frames that this model finds odd are left out.
        left_out
            Stretches that an operator judged to be faults: frames in them are left out.
        put_in
            Stretches that an operator judged to be normal: nothing in them is unusual or an outlier.
        alive
            Called now and then; may raise to end.

        Raises
        ------
        FatalError
            ``training_frames`` when there are too few, with the likeliest cause.
        """
        cameras = []
        for device in sorted(self._samples):
            alive()
            cameras.append(self._normal_frames(device, first_model, left_out, put_in))
        found = [camera for camera in cameras if len(camera.frames.images) >= 2]
        count = sum(len(camera.frames.images) for camera in found)
        if count < self._training.minimum_frames:
            raise FatalError(self._why_so_few(count, cameras), reason="training_frames")
        return found

    def _normal_frames(
        self, device: Device, first_model: Network, left_out: Sequence[Stretch], put_in: Sequence[Stretch]
    ) -> CameraFrames:
        sample = self._samples[device]
        without, certain = _of_device(left_out, device), _of_device(put_in, device)
        usual = sample.usual(without, certain)
        odd = outliers(usual.images, first_model) & ~in_stretches(usual.event_time_ns, certain)
        judged = sample.inside(without)
        counts = FrameCounts(
            beam=sample.offered + sample.saturated,
            saturated=sample.saturated,
            sampled=len(sample),
            judged=judged,
            unusual=len(sample) - judged - len(usual.images),
            outliers=int(odd.sum()),
        )
        return CameraFrames(camera=device.name, frames=usual.kept(~odd), counts=counts)

    def _why_so_few(self, found: int, cameras: Sequence[CameraFrames]) -> str:
        wanted = f"training needs at least {self._training.minimum_frames} normal beam frames"
        saturated = sum(camera.counts.saturated for camera in cameras)
        judged = sum(camera.counts.judged for camera in cameras)
        if not self._valid:
            detail = "there are no valid camera images; name a folder with snapshots of cameras that are ON"
        elif saturated > self.offered:
            detail = f"{saturated} frames are saturated; lower the exposure or name another day"
        elif judged > found:
            detail = f"{judged} frames lie in alerts that were judged true; name a day without faults"
        elif self.offered == 0:
            detail = "all images are dark; name a day with beam"
        else:
            detail = f"there are {found}; name more snapshots"
        return f"{wanted}, and {detail}"


def _of_device(stretches: Sequence[Stretch], device: Device) -> list[tuple[int, int]]:
    return [(stretch.first_ns, stretch.last_ns) for stretch in stretches if stretch.device == device.name]
