"""The process whose children are the mounted cartridges: each a process of its own, forked from this one at once.

Run with the path of a socket; it ends, and everything is unmounted, when its standard input does.
"""

import contextlib
import errno
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from ctypes import CDLL, get_errno
from pathlib import Path
from typing import Any

import mfusepy

from tests.support.ltfs.faults import Faults
from tests.support.ltfs.library_operations import LibraryOperations
from tests.support.ltfs.medium import Medium
from tests.support.ltfs.operations import VolumeOperations
from tests.support.ltfs.volume import Volume

_DETACH = 2
_END_S, _PAUSE_S = 20.0, 0.002
_LIBC = CDLL(None, use_errno=True)


def unmount(mount: str, *, lazily: bool = False) -> None:
    """As ``umount`` does: it returns at once; OSError if it can't."""
    if _LIBC.umount2(os.fsencode(mount), _DETACH if lazily else 0):
        raise OSError(get_errno(), os.strerror(get_errno()), mount)


class DriveServer:
    """Mounts on request, and remembers which process serves which mount point."""

    def __init__(self) -> None:
        self._mounted: dict[str, tuple[int, dict[str, Any]]] = {}
        self._used: set[str] = set()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked; ``error`` in the answer says why not."""
        action: Callable[[str, dict[str, Any]], dict[str, Any]] = getattr(self, f"do_{request['action']}")
        try:
            return action(request["mount"], request)
        except OSError as error:
            return {"error": error.strerror or str(error), "errno": error.errno}

    def do_mount(self, mount: str, request: dict[str, Any]) -> dict[str, Any]:
        """Insert a cartridge and mount it."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            _serve(mount, request, writer)
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            sentence = said.read().decode()
        if sentence != "ready":
            os.waitpid(pid, 0)
            return {"error": sentence or "the file system ended at its start"}
        self._mounted[mount] = pid, request
        self._used.add(mount)
        return {}

    def do_pid(self, mount: str, request: dict[str, Any]) -> dict[str, Any]:
        """The process of a mount point; 0 when nothing was mounted there, or it was waited for."""
        return {"pid": self._mounted[mount][0] if mount in self._mounted else 0}

    def do_unmount(self, mount: str, request: dict[str, Any]) -> dict[str, Any]:
        """As the program does: what goes on in the drive goes on."""
        unmount(mount)
        return {}

    def do_wait(self, mount: str, request: dict[str, Any]) -> dict[str, Any]:
        """Until the process of a mount point has ended."""
        if mount in self._mounted:
            _wait(self._mounted.pop(mount)[0])
        return {}

    def do_remount(self, mount: str, request: dict[str, Any]) -> dict[str, Any]:
        """Unmount, wait until the drive is at rest, and mount the same cartridge again."""
        if mount not in self._mounted:
            return {"error": f"nothing is mounted at {mount}"}
        former = self._mounted[mount][1]
        with contextlib.suppress(OSError):
            unmount(mount, lazily=not _alive(self._mounted[mount][0]))
        self.do_wait(mount, request)
        return self.do_mount(mount, former | {"faults": Faults().to_json()})

    def end(self) -> None:
        """Leave nothing mounted."""
        for mount in self._used:
            with contextlib.suppress(OSError):  # it is not mounted any more
                while True:
                    unmount(mount, lazily=True)
        for pid, _ in self._mounted.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def _wait(pid: int) -> None:
    deadline = time.monotonic() + _END_S
    while _alive(pid):
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, "the drive is still busy")
        time.sleep(_PAUSE_S)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


class _Ready:
    """Tells by a pipe that the file system serves."""

    def __init__(self, operations: VolumeOperations | LibraryOperations, media: list[Medium], ready: int) -> None:
        self._operations = operations
        self._media = media
        self._ready = ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def init(self, path: str) -> None:
        for medium in self._media:
            medium.set_in_use(on=True)
        os.write(self._ready, b"ready")
        os.close(self._ready)


def _serve(mount: str, request: dict[str, Any], ready: int) -> None:
    """Be the file system, until it is unmounted; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        media = [Medium(Path(folder)) for folder in request["folders"]]
        with contextlib.ExitStack() as drives:
            for medium in media:
                drives.enter_context(medium.in_a_drive())
            _mount_and_serve(mount, request, media, ready)
        code = 0
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            os.write(ready, (getattr(error, "strerror", None) or f"can't be mounted ({error})").encode())
    except BaseException:  # noqa: BLE001 - whatever it is goes into the log, and never on in the server's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _mount_and_serve(mount: str, request: dict[str, Any], media: list[Medium], ready: int) -> None:
    if any(medium.inconsistent for medium in media):
        raise OSError(errno.EIO, "the volume is inconsistent: run ltfsck")
    volumes = [Volume(medium, Faults.from_json(request["faults"])) for medium in media]
    operations = [VolumeOperations(volume) for volume in volumes]
    is_library: bool = request["library"]
    names = (medium.label.barcode for medium in media)
    closed = not is_library and (media[0].label.write_protected or volumes[0].index.lock_state != "0")
    mfusepy.FUSE(
        _Ready(
            LibraryOperations(dict(zip(names, operations, strict=True))) if is_library else operations[0], media, ready
        ),
        mount,
        foreground=True,
        nothreads=True,
        fsname=f"ltfs:{request['device']}",
        ro=request["read_only"] or closed,
        use_ino=not is_library,  # the cartridges have each file's number anew
        big_writes=True,
        kernel_cache=True,
        attr_timeout=0,
    )
    for volume in volumes:
        while volume.medium.held:
            time.sleep(_PAUSE_S)
        volume.end()


def main(path: str) -> None:
    """Serve until the standard input ends."""
    server = DriveServer()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)  # noqa: T201 - the parent waits for it
        try:
            while True:
                readable, _, _ = select.select([listening, sys.stdin], [], [])
                if sys.stdin in readable:
                    return
                connection, _ = listening.accept()
                with connection, connection.makefile("rw") as stream:
                    answer = server.answer(json.loads(stream.readline()))
                    stream.write(json.dumps(answer) + "\n")
        finally:
            server.end()
            shutil.rmtree(Path(path).parent, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
