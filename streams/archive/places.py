"""Where the archive's own files are."""

from pathlib import Path

from models.errors import FatalError
from streams.archive.settings import ArchiveSettings

_FOLDER = "archive"


def archive_folder(settings: ArchiveSettings, state: Path) -> Path:
    """The folder of the outbox, the catalog and bundles under construction; it need not be there yet.

    Parameters
    ----------
    state
        The state directory of the watch, or of the connector.
    """
    return settings.folder or state / _FOLDER


def archive_missing(folder: Path) -> FatalError:
    """Nothing was ever archived there, or the place is the wrong one."""
    return FatalError(
        f"nothing was archived into {folder} yet; give archive.store to the watch, or start petawatch archive run",
        reason="archive_missing",
    )
