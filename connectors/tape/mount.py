"""Which volume is mounted where: nothing is written to a folder that only looks like a cartridge."""

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.tape.bounded_wait import PROBE_S, within
from connectors.tape.failures import tape_failures
from connectors.tape.volume_system import MountLine, VolumeSystem
from models.archive.volumes import cartridge_name
from models.errors import FatalError, RetryableError

_MIB = 1 << 20
_UNLOCKED = frozenset({"", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedVolume:
    """A volume as it is mounted now.

    Attributes
    ----------
    root
        Of the volume: the mount point of a drive, or the cartridge's folder in a library.
    point
        The mount point.
    device
        Of all files on it, as in ``os.stat``: others lie somewhere else.
    server
        Names the process that serves the mount; empty when it can't be seen. See ``VolumeSystem.server``.
    uuid, barcode, name, serial
        As the volume says; those it does not have are empty.
    locked
        An operator, or the drive, has closed it for writing.
    read_only
        It is mounted so.
    capacity_bytes, free_bytes
        Of the data partition; free is the smaller of what the volume and what its file system says.
    """

    root: Path
    point: Path
    device: int
    server: str
    uuid: str
    barcode: str
    name: str
    serial: str
    locked: bool
    read_only: bool
    capacity_bytes: int
    free_bytes: int

    @property
    def label(self) -> str:
        """For sentences, as the inventory names it."""
        return cartridge_name(self.barcode, self.name, self.uuid)


def probe_volume(root: Path, system: VolumeSystem, *, wait_s: float = PROBE_S) -> MountedVolume:
    """What is mounted there now.

    Raises
    ------
    RetryableError
        ``tape_not_mounted``, ``tape_vanished``, ``tape_failed``, ``tape_rights``, ``tape_silent``.
    FatalError
        ``tape_not_ltfs``: something else is mounted there.
    """

    def probe(_: object) -> MountedVolume:
        with tape_failures(root, "asking for its volume"):
            return _probed(Path(os.path.realpath(root)), system)

    return within(wait_s, root, probe)


def find_mount(root: Path, system: VolumeSystem) -> MountLine:
    """The LTFS mount that a volume's root belongs to: its own, or that of the library whose folder it is."""
    lines = {line.point: line for line in system.mounts()}
    line = lines.get(root)
    if line is None and (above := lines.get(root.parent)) is not None and is_ltfs(above):
        line = above
    if line is None:
        raise RetryableError(
            f"nothing is mounted at {root}: what is written there would land on the local disk; mount the cartridge",
            reason="tape_not_mounted",
        )
    if not is_ltfs(line):
        raise _not_ltfs(root, f"{line.source} ({line.file_system}) is mounted there")
    return line


def is_ltfs(line: MountLine) -> bool:
    """Whether a mount is one of LTFS, by its line."""
    return line.file_system.startswith("fuse") and line.source.startswith("ltfs")


def _probed(root: Path, system: VolumeSystem) -> MountedVolume:
    """All of it from one and the same mount, which is looked for before and after."""
    line = find_mount(root, system)
    server = system.server(line)
    found = _facts(root, line, server, system)
    again = find_mount(root, system)
    if (again, system.server(again)) != (line, server):
        raise RetryableError(
            f"{root} was unmounted or mounted anew while it was looked at; it is looked at again",
            reason="tape_vanished",
        )
    if not found.uuid:
        raise _not_ltfs(root, "it has no user.ltfs.volumeUUID")
    return found


def _facts(root: Path, line: MountLine, server: str, system: VolumeSystem) -> MountedVolume:
    def text(name: str) -> str:
        return system.attribute(root, f"user.ltfs.{name}") or ""

    uuid = text("volumeUUID")
    space = os.statvfs(root)
    free, capacity = space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
    available, total = text("mediaDataPartitionAvailableSpace"), text("mediaDataPartitionTotalCapacity")
    return MountedVolume(
        root=root,
        point=line.point,
        device=os.makedev(*map(int, line.device.split(":"))),
        server=server,
        uuid=uuid,
        barcode=text("mamBarcode"),
        name=text("volumeName"),
        serial=text("volumeSerial"),
        locked=text("volumeLockState") not in _UNLOCKED,
        read_only=line.read_only,
        capacity_bytes=int(total) * _MIB if total.isdigit() else capacity,
        free_bytes=min(free, int(available) * _MIB) if available.isdigit() else free,
    )


def _not_ltfs(root: Path, what: str) -> FatalError:
    return FatalError(
        f"{root} is no LTFS volume: {what}; name the mount point of a drive or a library in tape.mounts",
        reason="tape_not_ltfs",
    )


def require_writable(volume: MountedVolume) -> None:
    """Nothing is tried on a cartridge that is closed.

    Raises
    ------
    RetryableError
        ``tape_locked``, ``tape_read_only``.
    """
    if volume.locked:
        raise RetryableError(
            f"the cartridge {volume.label} in {volume.root} is locked; unlock it or put in another one",
            reason="tape_locked",
        )
    if volume.read_only:
        raise RetryableError(
            f"the cartridge {volume.label} is mounted read-only in {volume.root}; see its write protection, and mount "
            "it for writing or put in another one",
            reason="tape_read_only",
        )


def require_volume(volume: MountedVolume, uuid: str) -> None:
    """Another cartridge under the same mount point is another cartridge.

    Raises
    ------
    RetryableError
        ``tape_wrong_volume``.
    """
    if volume.uuid != uuid:
        raise RetryableError(
            f"in {volume.root} is the volume {volume.uuid} ({volume.label}) and not {uuid}; put in the right cartridge",
            reason="tape_wrong_volume",
        )
