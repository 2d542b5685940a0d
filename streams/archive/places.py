"""Where the archive's own files are."""

from collections.abc import Iterable
from pathlib import Path

from connectors.archive.opening import folder_of
from models.errors import FatalError
from streams.archive.settings import ArchiveSettings

#: Below the archive's folder: one keeper alone commits to it; the console shows what is in it beside the watch's own.
TAPE_ALERTS_FOLDER = "tape"

_FOLDER = "archive"


def archive_folder(settings: ArchiveSettings, state: Path) -> Path:
    """The folder of the outbox, the catalog and bundles under construction; it need not be there yet.

    Parameters
    ----------
    state
        The state directory of the watch, or of the connector.
    """
    return settings.folder or state / _FOLDER


def tape_alerts_place(settings: ArchiveSettings, state: Path) -> Path:
    """Where a keeper of tapes keeps its alerts, alarms and incidents; there is nothing before one has run.

    Parameters
    ----------
    state
        The state directory of the watch.
    """
    return archive_folder(settings, state) / TAPE_ALERTS_FOLDER


def require_apart(store: str, watched: Iterable[Path]) -> None:
    """A store below a watched folder, or above it: the archive would archive its own files.

    Parameters
    ----------
    store
        Its address; empty when nothing is archived.

    Raises
    ------
    FatalError
        ``archive_store_refused``; also of an address that is none.
    """
    folder = folder_of(store) if store else None
    if folder is None:
        return
    kept = folder.resolve()
    for root in watched:
        if kept.is_relative_to(root.resolve()) or root.resolve().is_relative_to(kept):
            raise FatalError(
                f"the archive's store {folder} and the watched folder {root} lie one in the other, so that the archive "
                f"would archive itself; give as archive.store a folder that lies outside of {root} and not above it",
                reason="archive_store_refused",
            )


def archive_missing(folder: Path) -> FatalError:
    """Nothing was ever archived there, or the place is the wrong one."""
    return FatalError(
        f"nothing was archived into {folder} yet; give archive.store to the watch, or start petawatch archive run",
        reason="archive_missing",
    )
