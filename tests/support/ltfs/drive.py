"""Drives and cartridges for tests: inserted, mounted, broken, killed, remounted."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from servers.fuse_library import fuse_library
from tests.support.ltfs.faults import FAULTS_ATTRIBUTE, Faults
from tests.support.ltfs.medium import Medium

MIB = 1 << 20
_FUSE = Path("/dev/fuse")
_ROOT = Path(__file__).parents[3]


class MountError(Exception):
    """A cartridge can't be mounted; the sentence says why."""


class Tapes:
    """All drives and cartridges of a run of the tests; entered, its server runs.

    A cartridge is a ``Medium``: a folder that outlives every mount. A ``Drive`` is a mount point.
    """

    def __enter__(self) -> Self:
        if not os.access(_FUSE, os.R_OK | os.W_OK):
            raise MountError(f"{_FUSE} is not there, or may not be opened")
        if os.geteuid():
            raise MountError("only root mounts and unmounts as these tests do")
        library = fuse_library()
        self._folder = Path(tempfile.mkdtemp(prefix="ltfs-"))  # a short path: a socket's name is limited
        self._socket = self._folder / "socket"
        command = ["env", f"FUSE_LIBRARY_PATH={library}", sys.executable, "-m", "tests.support.ltfs.drive_server"]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [*command, str(self._socket)],
            stdin=subprocess.PIPE,  # ends with this process, however that ends
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=_ROOT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            said = (self._folder / "log").read_text(errors="replace")
            self.__exit__(None, None, None)
            raise MountError(f"the drives' server did not start: {said}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # unless the server has done it

    def ask(self, action: str, mount: Path, **values: Any) -> dict[str, Any]:
        """Of the server; MountError when it refuses."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps({"action": action, "mount": str(mount), **values}) + "\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline())
        if "error" in answer:
            raise MountError(answer["error"])
        return answer

    def try_to_mount(self, folder: Path) -> None:
        """MountError where the system allows no mounts."""
        shelf = TapeShelf(self, folder)
        try:
            shelf.drive(shelf.cartridge()).unmount()
        finally:
            shelf.close()

    @property
    def remount_command(self) -> tuple[str, ...]:
        """What an operator would put into ``[tape] remount``."""
        return (sys.executable, "-I", str(Path(__file__).with_name("remount.py")), str(self._socket), "{mount}")


class Drive:
    """A mount point, and the cartridge that is in it; or the cartridges of a library.

    Parameters
    ----------
    mount
        A plain folder as long as nothing is mounted there.
    device
        Of the drive, as the mount tells it.
    """

    def __init__(self, tapes: Tapes, mount: Path, device: str) -> None:
        self.mount = mount
        self._tapes = tapes
        self._device = device
        self._loaded: tuple[Medium, ...] = ()
        self._library = False

    @property
    def medium(self) -> Medium:
        """The cartridge that was put in last."""
        (medium,) = self._loaded
        return medium

    @property
    def is_served(self) -> bool:
        """Whether a cartridge is mounted and its process lives."""
        try:
            os.getxattr(self.mount, "user.ltfs.volumeUUID")
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        """Of the process that serves the mount; 0 when there is none."""
        return int(self._tapes.ask("pid", self.mount)["pid"])

    def load(
        self, *media: Medium, faults: Faults | None = None, library: bool = False, read_only: bool = False
    ) -> Self:
        """Insert a cartridge and mount it; several only into a library, which shows each as a folder.

        Raises
        ------
        MountError
            It is inconsistent, or in another drive, or here nothing can be mounted.
        """
        self.mount.mkdir(parents=True, exist_ok=True)
        self._tapes.ask(
            "mount",
            self.mount,
            folders=[str(medium.folder) for medium in media],
            library=library,
            device=self._device,
            faults=(faults or Faults()).to_json(),
            read_only=read_only,
        )
        self._loaded, self._library = media, library
        return self

    def unmount(self, *, wait: bool = True) -> None:
        """Unmount; without ``wait`` the process may go on (``Medium.hold``)."""
        self._tapes.ask("unmount", self.mount)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until the process has ended."""
        self._tapes.ask("wait", self.mount)

    def remount(self) -> None:
        """Unmount, wait, mount: what was in memory only is gone, and the faults as well."""
        self._tapes.ask("remount", self.mount)

    def kill(self) -> None:
        """End the process as a crash does: the mount point answers ENOTCONN from now on."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def clear(self) -> None:
        """Take what a killed process left away from the mount point."""
        subprocess.run(["umount", "-l", str(self.mount)], check=True, capture_output=True)
        self.wait()

    def recover(self, faults: Faults | None = None) -> None:
        """After a kill, as an operator does: clear, ``ltfsck``, mount."""
        with suppress(subprocess.CalledProcessError):
            self.clear()
        for medium in self._loaded:
            if medium.inconsistent:
                medium.ltfsck()
        self.load(*self._loaded, faults=faults, library=self._library)

    def set(self, faults: Faults, cartridge: str = "") -> None:
        """Other faults, from now on; in a library of the cartridge in that folder."""
        os.setxattr(self.mount / cartridge, FAULTS_ATTRIBUTE, faults.to_json().encode())


class TapeShelf:
    """What a test takes its drives and cartridges from; left, everything is unmounted.

    Parameters
    ----------
    tapes
        The run's.
    folder
        Of this test.
    """

    def __init__(self, tapes: Tapes, folder: Path) -> None:
        self.tapes = tapes
        self.folder = folder
        self.drives: list[Drive] = []
        self.cartridges: list[Medium] = []

    def cartridge(self, *, capacity_bytes: int = 64 * MIB, reserve_bytes: int = 64 * 1024, barcode: str = "") -> Medium:
        """A new, formatted cartridge with a name of its own, and a barcode if none is given."""
        number = len(self.cartridges) + 1
        medium = Medium.format(
            self.folder / f"cartridge{number}",
            name=f"PW{number:04d}",
            barcode=barcode or f"PW{number:04d}L8",
            capacity_bytes=capacity_bytes,
            reserve_bytes=reserve_bytes,
        )
        self.cartridges.append(medium)
        return medium

    def drive(self, medium: Medium | None = None, faults: Faults | None = None) -> Drive:
        """A drive with a mount point of its own; with a cartridge it is mounted."""
        number = len(self.drives)
        drive = Drive(self.tapes, self.folder / f"drive{number}", f"dev{number}")
        drive.mount.mkdir(parents=True)
        self.drives.append(drive)
        return drive if medium is None else drive.load(medium, faults=faults)

    def library(self, *media: Medium) -> Drive:
        """A mount that shows each cartridge as a folder with the name of its barcode."""
        return self.drive().load(*media, library=True)

    @property
    def remount_command(self) -> tuple[str, ...]:
        """For ``TapeSettings.remount``."""
        return self.tapes.remount_command

    def close(self) -> None:
        """Leave no mount behind."""
        for drive in self.drives:
            if drive.pid:
                with suppress(ProcessLookupError):
                    os.kill(drive.pid, signal.SIGKILL)
            while _is_mounted(drive.mount):
                drive.clear()
            drive.wait()


def _is_mounted(mount: Path) -> bool:
    return any(line.split()[1] == str(mount) for line in Path("/proc/mounts").read_text().splitlines())
