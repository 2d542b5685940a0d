"""The registered versions as they were listed last: MLflow takes seconds to import, and mostly nothing has changed."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connectors.durable_files import replace_file
from connectors.registry.mlflow_registry import RegisteredVersion, TrackingSettings

FORMAT_VERSION = 1
_LISTING_FILE, _REGISTRY_FILE = "mlflow-versions.json", "mlflow.db"
# Of a SQLite file: every transaction counts up four bytes of it.
_HEADER_BYTES = 100

Mark = list[int | str]


class VersionListing:
    """What was listed, beside the registry's file; it counts for as long as nobody has written that file.

    A server is asked each time.

    Parameters
    ----------
    state_dir
        Where the registry's file is.
    """

    def __init__(self, state_dir: Path, settings: TrackingSettings) -> None:
        self._state_dir = state_dir
        self._settings = settings

    def mark(self) -> Mark | None:
        """Something that changes with every change of the registry's file; None where that can't be known."""
        file = self._state_dir / _REGISTRY_FILE
        if self._settings.uri or any(file.with_name(f"{file.name}-{end}").exists() for end in ("journal", "wal")):
            return None
        try:
            with file.open("rb") as stream:
                header, found = stream.read(_HEADER_BYTES), file.stat()
        except OSError:
            return None
        return [header.hex(), found.st_size, found.st_mtime_ns, self._settings.registered_model]

    def read(self) -> list[RegisteredVersion] | None:
        """The versions, oldest first; None when they have to be asked for."""
        try:
            listed = json.loads((self._state_dir / _LISTING_FILE).read_bytes())
            if listed["format_version"] != FORMAT_VERSION or listed["mark"] != self.mark():
                return None
            return [_version(each) for each in listed["versions"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there, or damaged: it can be made again

    def write(self, mark: Mark | None, versions: Sequence[RegisteredVersion]) -> None:
        """Keep what was listed; ``mark`` is from before it was asked for."""
        if mark is None:
            return
        listed = {"format_version": FORMAT_VERSION, "mark": mark, "versions": [asdict(each) for each in versions]}
        # Without it the next command takes longer, and that is all.
        with contextlib.suppress(OSError):
            replace_file(self._state_dir / _LISTING_FILE, json.dumps(listed, indent=1, sort_keys=True).encode())


def _version(listed: dict[str, Any]) -> RegisteredVersion:
    return RegisteredVersion(**{**listed, "aliases": tuple(listed["aliases"])})
