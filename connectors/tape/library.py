"""The cartridges that are mounted: in drives of their own, or as the folders of a library."""

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.process_lock import LockHeldError, ProcessLock
from connectors.tape.bounded_wait import PROBE_S, within
from connectors.tape.cartridge import Cartridge
from connectors.tape.failures import tape_failures
from connectors.tape.mount import find_mount, probe_volume
from connectors.tape.settings import TapeSettings
from connectors.tape.volume_system import LinuxVolumes, VolumeSystem
from models.errors import FatalError, PetawatchError, RetryableError

_UUID_ATTRIBUTE = "user.ltfs.volumeUUID"


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeProblem:
    """Why no cartridge can be had from a place.

    Attributes
    ----------
    place
        Of ``tape.mounts``, or a cartridge's folder below.
    """

    place: Path
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedCartridges:
    """What is mounted now; one that is mounted in two places is there once."""

    cartridges: tuple[Cartridge, ...]
    problems: tuple[TapeProblem, ...]


def mounted_cartridges(
    settings: TapeSettings, installation: str, system: VolumeSystem | None = None
) -> MountedCartridges:
    """Look at all drives and libraries; another installation's cartridges are found as well, and refused when written.

    Parameters
    ----------
    installation
        Ours: ``archive.installation``.
    """
    system = system or LinuxVolumes()
    cartridges: dict[str, Cartridge] = {}
    problems = []
    for mount in settings.mounts:
        for place in _places(mount, system):
            try:
                volume = probe_volume(place, system)
            except PetawatchError as error:
                problems.append(TapeProblem(place=place, reason=error.reason, sentence=str(error)))
                continue
            cartridge = Cartridge(volume, installation, headroom_bytes=settings.headroom_bytes, system=system)
            cartridges.setdefault(volume.uuid, cartridge)
    return MountedCartridges(cartridges=tuple(cartridges.values()), problems=tuple(problems))


def lock_drive(mount: Path, folder: Path) -> ProcessLock:
    """Keep a second keeper from a drive, also while the cartridge in it changes; a remount does not disturb it.

    Parameters
    ----------
    folder
        The archive's, which is made if need be; the lock must not lie on the tape.

    Raises
    ------
    FatalError
        ``drive_in_use``.
    """
    file = drive_lock_file(mount, folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return ProcessLock.of_file(file)
    except LockHeldError as error:
        raise FatalError(
            f"the drive at {mount} is used by {error.holder}; let one keeper of the tapes have it",
            reason="drive_in_use",
        ) from error


def drive_lock_file(mount: Path, folder: Path) -> Path:
    """What ``lock_drive`` locks."""
    return folder / "drives" / f"{str(mount).strip('/').replace('/', '-')}.lock"


def _places(mount: Path, system: VolumeSystem) -> list[Path]:
    """The mount itself, or the folders of a library's cartridges; what fails is found again when it is probed."""

    def look(_: object) -> list[Path]:
        with tape_failures(mount, "looking for cartridges"):
            if system.attribute(mount, _UUID_ATTRIBUTE) is not None:
                return [mount]
            find_mount(mount, system)
            folders = [Path(entry.path) for entry in os.scandir(mount) if not entry.name.startswith(".")]
            return sorted(path for path in folders if system.attribute(path, _UUID_ATTRIBUTE)) or [mount]

    try:
        return within(PROBE_S, mount, look)
    except (FatalError, RetryableError):
        return [mount]
