"""A cartridge that is mounted: how bundles are written to it and read back."""

import os
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import TypeVar

from connectors.process_lock import LockHeldError, ProcessLock
from connectors.tape.bounded_wait import PROBE_S, SILENCE_S, Step, within
from connectors.tape.bundle_file import BuiltBundle
from connectors.tape.bundle_reading import BundleReading, read_through
from connectors.tape.failures import require_device, tape_failures
from connectors.tape.mount import MountedVolume, probe_volume, require_volume, require_writable
from connectors.tape.mounted_bundles import MountedBundles
from connectors.tape.ownership import FOLDER, claim, held_folder, owners_of, require_ours
from connectors.tape.sequential_copy import PARTIAL_PREFIX, copy_sequentially, remove_partials, remove_quietly
from connectors.tape.volume_system import LinuxVolumes, VolumeSystem
from models.archive.copies import Bundle
from models.errors import FatalError, RecordError, RetryableError

#: Where a bundle's SHA-256 is noted on the tape; LTFS reserves the name for this.
HASH_ATTRIBUTE = "user.ltfs.hash.sha256sum"
# Setting it writes an index. Reading it does, too: it is never read.
_SYNC_ATTRIBUTE = "user.ltfs.sync"

_Result = TypeVar("_Result")


class Cartridge:
    """A mounted LTFS volume. What it does is bounded in time: a mount that hangs is ``tape_silent``.

    Every method raises ``RetryableError`` with one of the reasons of ``connectors.tape.failures``, with
    ``tape_wrong_volume`` when another volume is mounted there now, or ``tape_silent``.

    Parameters
    ----------
    volume
        What was mounted when it was looked for.
    installation
        Ours.
    headroom_bytes
        Left free on it.
    """

    def __init__(
        self,
        volume: MountedVolume,
        installation: str,
        *,
        headroom_bytes: int = 0,
        system: VolumeSystem | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._volume = volume
        self._installation = installation
        self._headroom_bytes = headroom_bytes
        self._system = system or LinuxVolumes()
        self._silence_s = silence_s

    @property
    def volume(self) -> MountedVolume:
        """What was found when it was looked for: uuid, barcode, name, space, locks."""
        return self._volume

    @property
    def uuid(self) -> str:
        """Of the volume: identifies the cartridge."""
        return self._volume.uuid

    @property
    def root(self) -> Path:
        """Of the volume."""
        return self._volume.root

    @property
    def bundles(self) -> MountedBundles:
        """What is on it, to be read or copied."""
        return MountedBundles(self.root, self._silence_s)

    @property
    def label(self) -> str:
        """For sentences."""
        return self._volume.label

    @property
    def mount_id(self) -> str:
        """Another one after each remount, the same as long as it stays mounted.

        Raises
        ------
        FatalError
            ``tape_mount_unknown``: here one mount can't be told from the next.
        """
        if not self._volume.server:
            raise FatalError(
                f"the process that serves {self.root} can't be seen, so nobody can tell whether it was mounted anew; "
                "run Petawatch where ltfs runs, with sight of its process (no hidepid; in a container with the "
                "system's process numbers)",
                reason="tape_mount_unknown",
            )
        return self._volume.server

    def probe(self) -> MountedVolume:
        """What is mounted there now, when it is still this volume."""
        try:
            found = probe_volume(self.root, self._system)
        except FatalError as error:  # a moment ago it was a cartridge: something else was mounted in its place
            raise RetryableError(str(error), reason="tape_vanished") from error
        require_volume(found, self.uuid)
        return found

    def free_bytes(self) -> int:
        """How large a bundle may be that is written to it: what is free without the headroom; 0 or more."""
        return max(self.probe().free_bytes - self._headroom_bytes, 0)

    def owner(self) -> str:
        """The installation whose bundles are on it, the other one where there are two; empty for an unclaimed one."""
        owners = self._ask("looking whose it is", lambda: owners_of(self.root))
        return next((owner for owner in owners if owner != self._installation), "".join(owners))

    def require_ready(self) -> None:
        """Before each batch: the same volume in the same mount, writable, and ours or nobody's.

        Raises
        ------
        RetryableError
            ``tape_locked``, ``tape_read_only``, ``tape_foreign``, ``tape_vanished`` (it was mounted anew meanwhile).
        """
        found = self.probe()
        self._require_same_mount(found)
        require_writable(found)
        self._ask("looking what is on it", lambda: require_ours(self.root, self.label, self._installation))

    def write_bundle(self, built: BuiltBundle) -> str:
        """Write a bundle in one sequential pass; its path below the root. It counts only once it was read back.

        What is written is compared with the bundle's SHA-256 on the way. A bundle that is there already is read, and
        stays when it is the same. What fails leaves nothing under the bundle's name.

        Raises
        ------
        RecordError
            ``bundle_changed``: the bundle on the disk is not what was built.
        RetryableError
            As ``require_ready``; ``tape_full`` also when less than the headroom would be left; ``disk_failed``.
        FatalError
            ``drive_in_use``: another process writes to it; ``tape_mount_unknown``.
        """
        path = f"{FOLDER}/{self._installation}/{built.manifest.bundle_id}.tar"
        before = self.mount_id
        with self._locked():
            self.require_ready()
            if not self._has(path, built.bundle):
                self._require_room(built.size_bytes)
                within(self._silence_s, self.root, lambda step: self._write(built, self.root / path, step))
        if self.probe().server != before:
            raise self._mounted_anew()
        return path

    def sync(self) -> None:
        """Write an index to the tape: after a failure only what was closed before it is there. It takes a while."""
        self._require_same_mount(self.probe())

        def write(_: Step) -> None:
            with tape_failures(self.root, "writing its index"):
                self._system.set_attribute(self.root, _SYNC_ATTRIBUTE, "1")

        within(self._silence_s, self.root, write)

    def read_back(self, path: str, expected: Bundle) -> None:
        """Read all of a bundle from the medium and compare it, and each file in it, with what was built.

        That the copy is safe it proves only with another ``mount_id`` than when it was written.

        Raises
        ------
        RecordError
            ``copy_missing``; ``copy_damaged``, which names the first damaged file.
        """
        place = self.root / path
        self._require_same_mount(self.probe())
        reading = within(self._silence_s, self.root, lambda step: _read_all(place, expected, step))
        self._require_same_mount(self.probe())
        if (reading.sha256, reading.size_bytes, reading.damaged) == (expected.sha256, expected.size_bytes, ()):
            return
        what = f"{len(reading.damaged)} files, the first {reading.damaged[0].name}" if reading.damaged else "no file"
        raise RecordError(
            f"the bundle {path} on the cartridge {self.label} is not what was written: {reading.size_bytes} bytes of "
            f"{expected.size_bytes}, {what} damaged; write it to another cartridge from a good copy",
            reason="copy_damaged",
        )

    def placement(self, path: str) -> tuple[str, int]:
        """Partition and first block of a file; ("", 0) where the volume does not say."""
        place = self.root / path

        def ask() -> tuple[str, int]:
            block = self._system.attribute(place, "user.ltfs.startblock") or ""
            return self._system.attribute(place, "user.ltfs.partition") or "", int(block) if block.isdigit() else 0

        return self._ask(f"asking for the place of {path}", ask)

    def noted_sha256(self, path: str) -> str:
        """What was noted of a bundle when it was written; empty if nothing was. No proof of what is there now."""
        return self._ask(
            f"asking for the sum of {path}", lambda: self._system.attribute(self.root / path, HASH_ATTRIBUTE) or ""
        )

    def bundle_paths(self) -> list[str]:
        """The bundles on it, whosever they are, below the root, in the order of partition and first block."""

        def bundles() -> list[str]:
            found = sorted(self.root.glob(f"{FOLDER}/*/[!.]*.tar"))
            return [str(path.relative_to(self.root)) for path in found]

        return sorted(self._ask("listing its bundles", bundles), key=self.placement)

    def remove_bundle(self, path: str) -> None:
        """Remove a bundle that is no good; the tape gives no room back for it."""
        self._ask(f"removing {path}", lambda: (self.root / path).unlink(missing_ok=True))

    def _write(self, built: BuiltBundle, target: Path, step: Step) -> None:
        with tape_failures(self.root, "making its folder"), held_folder(self.root) as root:
            require_device(root.stat().st_dev, self._volume.device, self.root)
            claim(root, self._installation)
        remove_partials(target.parent)
        partial = target.with_name(PARTIAL_PREFIX + target.name)
        try:
            copy_sequentially(built, partial, self._volume.device, step)
            with tape_failures(target, "giving it its name", begun=True):
                self._system.set_attribute(partial, HASH_ATTRIBUTE, built.sha256)
                partial.rename(target)  # lasts with the sync of the whole cartridge
        except BaseException:
            remove_quietly(partial)
            raise

    def _has(self, path: str, bundle: Bundle) -> bool:
        """Whether the bundle is there, whole; another content under its name is removed."""
        if not self._ask(f"looking for {path}", (self.root / path).exists):
            return False
        try:
            self.read_back(path, bundle)
        except RecordError:
            self.remove_bundle(path)
            return False
        return True

    def _require_room(self, size_bytes: int) -> None:
        free = self.free_bytes()
        if size_bytes > free:
            raise RetryableError(
                f"the cartridge {self.label} in {self.root} has room for {free} bytes besides the headroom of "
                f"{self._headroom_bytes}, and the bundle has {size_bytes}; it is closed, put in another one",
                reason="tape_full",
            )

    def _locked(self) -> ProcessLock:
        try:
            return self._ask("locking it", lambda: ProcessLock.of_folder(self.root))
        except LockHeldError as error:
            raise FatalError(
                f"another process writes to the cartridge in {self.root}; let one keeper of the tapes have the drive",
                reason="drive_in_use",
            ) from error

    def _require_same_mount(self, found: MountedVolume) -> None:
        if found.server != self._volume.server:
            raise self._mounted_anew()

    def _mounted_anew(self) -> RetryableError:
        return RetryableError(f"{self.root} was mounted anew meanwhile; it is begun again", reason="tape_vanished")

    def _ask(self, doing: str, work: Callable[[], _Result]) -> _Result:
        """Something that takes no winding."""

        def asked(_: Step) -> _Result:
            with tape_failures(self.root, doing):
                return work()

        return within(PROBE_S, self.root, asked)


def _read_all(path: Path, expected: Bundle, step: Step) -> BundleReading:
    try:
        with tape_failures(path, "opening it"):
            stream = FileIO(path)
    except RetryableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise RecordError(
                f"the bundle {path} is not on its cartridge; write it anew", reason="copy_missing"
            ) from error
        raise
    with stream, tape_failures(path, "reading it"):
        # What the system remembers of the file proves nothing about the tape.
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return read_through(stream, expected.members, step)
