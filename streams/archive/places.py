"""Where the archive keeps its own files."""

from pathlib import Path

from streams.settings import Settings

_FOLDER = "archive"


def archive_folder(settings: Settings, state: Path) -> Path:
    """The folder of the archive's own files: ``archive.folder``, else ``STATE/archive``."""
    return settings.archive.folder or state / _FOLDER
