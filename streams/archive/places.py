"""Where the archive's own files are."""

from pathlib import Path

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
