"""Folders that pass for cartridges: for what needs no real mount."""

import errno
import os
from dataclasses import replace
from pathlib import Path

from connectors.tape.volume_system import MountLine

SYNC = "user.ltfs.sync"


class PlainVolumes:
    """A ``VolumeSystem`` whose facts the test sets.

    Attributes
    ----------
    lines
        The mounts.
    attributes
        By path and name, as LTFS has them: padded.
    served_by
        What serves all mounts.
    """

    def __init__(self) -> None:
        self.lines: list[MountLine] = []
        self.attributes: dict[tuple[Path, str], str] = {}
        self.served_by = "boot/1@1"
        self.asked: list[str] = []

    def mount(self, point: Path, uuid: str = "", *, source: str = "ltfs:/dev/sg0") -> Path:
        """Make a folder that is a mount, with a volume in it unless the uuid is empty."""
        point.mkdir(exist_ok=True)
        device = point.stat().st_dev
        line = MountLine(
            point=point,
            device=f"{os.major(device)}:{os.minor(device)}",
            file_system="fuse",
            source=source,
            read_only=False,
        )
        self.lines.append(line)
        return self.volume(point, uuid) if uuid else point

    def volume(self, root: Path, uuid: str) -> Path:
        """Make a folder that is a volume's root."""
        root.mkdir(exist_ok=True)
        self.set(root, volumeUUID=uuid, mamBarcode=f"{uuid[:3].upper():<32}", volumeLockState="0")
        return root

    def set(self, path: Path, **values: str) -> None:
        for name, value in values.items():
            self.attributes[path, f"user.ltfs.{name}"] = value

    def make_read_only(self) -> None:
        self.lines = [replace(line, read_only=True) for line in self.lines]

    def mounts(self) -> list[MountLine]:
        return self.lines

    def attribute(self, path: Path, name: str) -> str | None:
        self.asked.append(name)
        if not path.exists():
            raise OSError(errno.ENOENT, "No such file or directory")
        value = self.attributes.get((path, name))
        return value if value is None else value.strip()

    def set_attribute(self, path: Path, name: str, value: str) -> None:
        self.attributes[path, name] = value

    def server(self, mount: MountLine) -> str:
        return self.served_by
