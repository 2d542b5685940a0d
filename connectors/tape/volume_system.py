"""What the computer says of a mounted volume: its line among the mounts, its attributes, the process that serves it."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PROC = Path("/proc")
_NO_ATTRIBUTE = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP})
_OCTAL = re.compile(r"\\([0-7]{3})")
_START_FIELD = 19  # of /proc/PID/stat, counted from behind the name: proc(5), field 22


@dataclass(frozen=True, slots=True, kw_only=True)
class MountLine:
    """A line of ``/proc/self/mountinfo`` (proc(5)).

    Attributes
    ----------
    device
        ``MAJOR:MINOR``. The minor of a FUSE mount is its connection's number, given out again after an unmount.
    source
        ``ltfs:DEVICE`` for an LTFS volume.
    """

    point: Path
    device: str
    file_system: str
    source: str
    read_only: bool


class VolumeSystem(Protocol):
    """Where the facts of a volume come from. An attribute is only ever asked for by its name.

    Listing attributes blindly must not be: to read ``user.ltfs.sync`` writes an index, and another one makes the drive
    write a dump.
    """

    def mounts(self) -> list[MountLine]:
        """All that is mounted; of several on one point the last one is seen."""
        ...

    def attribute(self, path: Path, name: str) -> str | None:
        """An attribute without the blanks that pad it; None when the path has none. Raises OSError."""
        ...

    def set_attribute(self, path: Path, name: str, value: str) -> None:
        """Set one. Raises OSError."""
        ...

    def server(self, mount: MountLine) -> str:
        """Names the process that serves a mount, another name for another process; empty when it can't be seen."""
        ...


class LinuxVolumes:
    """What Linux says."""

    def __init__(self) -> None:
        # Which process served a connection when it was last looked for: there may be thousands of others.
        self._serving: dict[str, Path] = {}

    def mounts(self) -> list[MountLine]:
        """All that is mounted, for this process."""
        lines = (_PROC / "self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return [parse_mount_line(line) for line in lines]

    def attribute(self, path: Path, name: str) -> str | None:
        """An attribute without the blanks that pad it; None when the path has none. Raises OSError."""
        try:
            value = os.getxattr(path, name)
        except OSError as error:
            if error.errno in _NO_ATTRIBUTE:
                return None
            raise
        return value.decode("utf-8", "replace").strip(" \0\n\t")

    def set_attribute(self, path: Path, name: str, value: str) -> None:
        """Set one. Raises OSError."""
        os.setxattr(path, name, value.encode())

    def server(self, mount: MountLine) -> str:
        """``BOOT/PID@START`` of the LTFS process: no two processes have one name, also when a number is used again.

        Who may look into the process finds it by its connection, others by its command line: ``ltfs ... MOUNT``.
        """
        minor = mount.device.partition(":")[2]
        known = self._serving.get(minor)
        if known is not None and minor in _connections(known):
            serving = [known]
        else:
            processes = [path for path in _PROC.iterdir() if path.name.isdigit()]
            serving = [path for path in processes if minor in _connections(path)]
            serving = serving or [path for path in processes if _is_ltfs_of(path, mount.point)]
        starts = sorted((start, int(path.name)) for path in serving if (start := _start(path)) is not None)
        if not starts:
            return ""
        start, number = starts[0]  # the oldest: others are what it has started
        self._serving[minor] = _PROC / str(number)
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{number}@{start}"


def parse_mount_line(line: str) -> MountLine:
    """One line of ``/proc/self/mountinfo``."""
    before, _, after = line.partition(" - ")
    _, _, device, _, point, options, *_ = before.split(" ")
    file_system, source, super_options = [*after.split(" "), "", ""][:3]
    return MountLine(
        point=Path(_unescaped(point)),
        device=device,
        file_system=file_system,
        source=_unescaped(source),
        read_only="ro" in options.split(",") or "ro" in super_options.split(","),
    )


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _connections(process: Path) -> Iterator[str]:
    """Numbers of the FUSE connections that a process serves, as far as this user may know."""
    try:
        for link in (process / "fd").iterdir():
            if str(link.readlink()) == "/dev/fuse":
                text = (process / "fdinfo" / link.name).read_text(encoding="ascii", errors="replace")
                yield from re.findall(r"^fuse_connection:\s*(\d+)$", text, re.MULTILINE)
    except OSError:
        return  # it ended, or belongs to another user


def _is_ltfs_of(process: Path, point: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")
    except OSError:
        return False
    return words[0].rpartition("/")[2].startswith("ltfs") and str(point) in (word.rstrip("/") for word in words[1:])


def _start(process: Path) -> int | None:
    """When it started, clock ticks since the boot; None when it has ended."""
    try:
        return int(
            (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[_START_FIELD]
        )
    except (OSError, IndexError):
        return None
