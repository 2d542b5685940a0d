"""What a training leaves for the registry, and the folder where it waits until the registry has it."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.durable_files import put_in_place, replace_file
from connectors.model_files import write_model
from models.errors import FatalError, RecordError
from models.model_bundle import ModelBundle

FORMAT_VERSION = 1
#: Below the state directory.
OUTBOX_FOLDER = "tracking-outbox"
_DESCRIPTION_FILE = "record.json"
_PICTURE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Value = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecord:
    """One training: everything that is told to the registry.

    Attributes
    ----------
    bundle
        The model that came out.
    parameters
        How it was trained: settings, seed, library versions, hashes of the data.
    metrics
        What it reached, by name; finite values.
    curves
        Values after each epoch, the first epoch's first, by name.
    pictures
        PNG files by their name without the ending: sample reconstructions.
    recorded_ns
        When the training ended, ns since 1970.
    in_use
        Whether it was installed as the model in use: then it is ``production``, else a ``candidate`` only.
    """

    bundle: ModelBundle
    parameters: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    recorded_ns: int
    in_use: bool = False

    def __post_init__(self) -> None:
        for name in self.pictures:
            if not _PICTURE_NAME.fullmatch(name):
                raise ValueError(f"{name!r} can't be the name of a picture's file")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRecord:
    """A record on disk.

    Attributes
    ----------
    id
        The folder's name, the same whenever it is told: a registry that has it already knows it by this.
    model, sha256
        The model's id, and the hash of its network.
    """

    id: str
    folder: Path
    model: str
    sha256: str
    parameters: Mapping[str, Value]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[float]]
    recorded_ns: int
    in_use: bool

    @property
    def model_folder(self) -> Path:
        """``model.onnx`` and ``model.json``."""
        return self.folder / "model"

    @property
    def pictures_folder(self) -> Path:
        """PNG files."""
        return self.folder / "pictures"


class RecordOutbox:
    """Records of trainings that the registry has not got yet, below a state directory; each is a folder.

    A record is there whole or not at all, whenever the program is killed.
    """

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / OUTBOX_FOLDER

    def put(self, record: TrainingRecord) -> WaitingRecord:
        """Make a record durable.

        Raises
        ------
        FatalError
            If it can't be written.
        """
        name = f"{record.recorded_ns:020d}-{record.bundle.name}"
        fresh = self._folder / f".{name}.new"
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            (fresh / "pictures").mkdir(parents=True)
            write_model(fresh / "model", record.bundle)
            for picture, data in record.pictures.items():
                replace_file(fresh / "pictures" / f"{picture}.png", data)
            replace_file(fresh / _DESCRIPTION_FILE, json.dumps(_describe(record), indent=1, sort_keys=True).encode())
            shutil.rmtree(self._folder / name, ignore_errors=True)
            put_in_place(fresh, self._folder / name)
        except OSError as error:
            raise FatalError(
                f"the record of the training can't be written to {self._folder} ({error.strerror}); "
                "check rights and space",
                reason="tracking_write",
            ) from error
        return _read(self._folder / name)

    def waiting(self) -> list[WaitingRecord]:
        """All that wait, oldest first.

        Raises
        ------
        RecordError
            If one was damaged; the sentence names its folder.
        """
        if not self._folder.is_dir():
            return []
        return [_read(path) for path in sorted(self._folder.iterdir()) if not path.name.startswith(".")]

    def remove(self, record: WaitingRecord) -> None:
        """The registry has this one."""
        # Renamed first: a crash in between leaves no half record that looks like a whole one.
        gone = record.folder.with_name(f".{record.id}.done")
        record.folder.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _describe(record: TrainingRecord) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "model": record.bundle.name,
        "sha256": hashlib.sha256(record.bundle.onnx).hexdigest(),
        "parameters": dict(record.parameters),
        "metrics": {name: float(value) for name, value in record.metrics.items()},
        "curves": {name: [float(value) for value in values] for name, values in record.curves.items()},
        "recorded_ns": record.recorded_ns,
        "in_use": record.in_use,
    }


def _read(folder: Path) -> WaitingRecord:
    try:
        described = json.loads((folder / _DESCRIPTION_FILE).read_bytes())
        if described["format_version"] != FORMAT_VERSION:
            raise ValueError(f"it has format {described['format_version']}")
        return WaitingRecord(
            id=folder.name,
            folder=folder,
            model=str(described["model"]),
            sha256=str(described["sha256"]),
            parameters=dict(described["parameters"]),
            metrics=dict(described["metrics"]),
            curves=dict(described["curves"]),
            recorded_ns=int(described["recorded_ns"]),
            in_use=bool(described["in_use"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{folder} is no record of a training ({error}); remove the folder", reason="tracking_record"
        ) from error
