"""Evidence of image episodes on the disk: a picture to look at and the arrays to compute with, kept for a while."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import numpy as np

from connectors.evidence_picture import evidence_png
from connectors.state.failures import clear_failures
from models.alerts.alert import EvidenceFrame
from models.event_time import DAY_NS, format_iso

#: What a link says instead of a path when the file is no longer kept.
EXPIRED = "expired"

#: Below the state directory.
EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSettings:
    """How much evidence is kept.

    Attributes
    ----------
    keep_days
        Evidence that was written longer ago is removed.
    keep_gib
        When there is more, the oldest is removed.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    keep_days: float = 90.0
    keep_gib: float = 10.0

    def __post_init__(self) -> None:
        if not self.keep_days > 0:
            raise ValueError("keep_days must be above 0")
        if not self.keep_gib > 0:
            raise ValueError("keep_gib must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLink:
    """Where the evidence of one shot of an alert lies.

    Attributes
    ----------
    role
        ``first``, ``worst`` or ``last``.
    event_time_ns
        When the shot was taken.
    png, npz
        Paths below the state directory; ``expired`` when the file is known to be no longer kept.
    """

    alert_id: str
    role: str
    event_time_ns: int
    png: str
    npz: str

    def as_kept(self, directory: Path) -> "EvidenceLink":
        """The link with what of it is still kept below a state directory."""
        png, npz = (path if (directory / path).is_file() else EXPIRED for path in (self.png, self.npz))
        return replace(self, png=png, npz=npz)


@dataclass(frozen=True, slots=True)
class _Kept:
    folder: Path
    written_ns: int
    size_bytes: int


class EvidenceStore:
    """Writes evidence below a state directory and removes the oldest; for one thread.

    Names are computed: what is written again after a crash replaces what was written before. A crash of the computer
    itself may leave an unreadable picture behind, which is no reason to wait for the disk at every alert.

    Raises
    ------
    RetryableError
        By every method: ``disk_full`` or ``disk_error``.
    FatalError
        By every method: ``state_unusable``.
    """

    def __init__(self, directory: Path, settings: EvidenceSettings | None = None) -> None:
        self._directory = directory
        self._settings = settings or EvidenceSettings()
        with clear_failures(directory):
            self._kept = _find_kept(directory / EVIDENCE)
        self._total_bytes = sum(kept.size_bytes for kept in self._kept.values())

    def write(self, frame: EvidenceFrame) -> EvidenceLink:
        """Write one frame's picture and arrays; the earlier one of the same alert and role goes.

        The arrays (``raw``, ``cleaned``, ``reconstruction``, ``residual_z``) are those of the frame; ``metadata`` is a
        JSON text with ``alert, role, event_time, device, stage, file, sha256, path``.
        """
        name = f"{frame.alert_id}-{frame.role}"
        folder = Path(EVIDENCE, format_iso(frame.event_time_ns)[:10])
        picture, arrays = evidence_png(frame), _arrays(frame)
        with clear_failures(self._directory):
            (self._directory / folder).mkdir(parents=True, exist_ok=True)
            known = self._kept.get(name)
            if known is not None and known.folder != self._directory / folder:
                self._remove(name)
            _write_whole(self._directory / folder / f"{name}.png", picture)
            _write_whole(self._directory / folder / f"{name}.npz", arrays)
            self._note(name, self._directory / folder, len(picture) + len(arrays))
            self._remove_beyond_size(spare=name)
        return EvidenceLink(
            alert_id=frame.alert_id,
            role=frame.role,
            event_time_ns=frame.event_time_ns,
            png=str(folder / f"{name}.png"),
            npz=str(folder / f"{name}.npz"),
        )

    def expire(self, now_ns: int) -> int:
        """Remove what is older than it is kept at ``now_ns``; how many frames went."""
        oldest_ns = now_ns - round(self._settings.keep_days * DAY_NS)
        old = [name for name, kept in self._kept.items() if kept.written_ns < oldest_ns]
        with clear_failures(self._directory):
            for name in old:
                self._remove(name)
        return len(old)

    @property
    def total_bytes(self) -> int:
        """Size of all evidence that is kept."""
        return self._total_bytes

    def _note(self, name: str, folder: Path, size_bytes: int) -> None:
        known = self._kept.pop(name, None)
        self._total_bytes += size_bytes - (known.size_bytes if known else 0)
        written_ns = (folder / f"{name}.npz").stat().st_mtime_ns
        self._kept[name] = _Kept(folder, written_ns, size_bytes)

    def _remove_beyond_size(self, spare: str) -> None:
        """The names are in the order in which they were written."""
        while self._total_bytes > self._settings.keep_gib * 2**30:
            oldest = next(iter(self._kept))
            if oldest == spare:
                return
            self._remove(oldest)

    def _remove(self, name: str) -> None:
        kept = self._kept[name]
        for ending in ("png", "npz"):
            (kept.folder / f"{name}.{ending}").unlink(missing_ok=True)
        del self._kept[name]
        self._total_bytes -= kept.size_bytes
        with suppress(FileNotFoundError):  # an operator may remove a day by hand
            if not any(kept.folder.iterdir()):
                kept.folder.rmdir()


def _find_kept(folder: Path) -> dict[str, _Kept]:
    """What is there, oldest first; what a crash left half written goes."""
    found: dict[str, _Kept] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.suffix == ".tmp":
                path.unlink()
                continue
            status = path.stat()
            known = found.get(path.stem, _Kept(path.parent, 0, 0))
            written_ns = max(known.written_ns, status.st_mtime_ns)
            found[path.stem] = _Kept(path.parent, written_ns, known.size_bytes + status.st_size)
    return dict(sorted(found.items(), key=lambda item: item[1].written_ns))


def _write_whole(path: Path, data: bytes) -> None:
    # By hand, since it is not synchronised: see the class.
    partial = path.with_suffix(f"{path.suffix}.tmp")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _arrays(frame: EvidenceFrame) -> bytes:
    metadata = {
        "alert": frame.alert_id,
        "role": frame.role,
        "event_time": format_iso(frame.event_time_ns),
        "event_time_ns": frame.event_time_ns,
        "device": frame.device.name,
        "stage": str(frame.device.stage),
        "file": frame.source.file,
        "sha256": frame.source.sha256,
        "path": frame.source.path,
    }
    buffer = BytesIO()
    np.savez(
        buffer,
        raw=frame.raw,
        cleaned=frame.cleaned,
        reconstruction=frame.reconstruction,
        residual_z=frame.residual_z,
        metadata=np.array(json.dumps(metadata)),
    )
    return buffer.getvalue()
