"""A catalog that is not there, or is empty, though files were archived: the outbox knows of them."""

from contextlib import closing
from pathlib import Path

from connectors.archive.outbox import ArchiveOutbox
from connectors.archive.outbox_lines import Sink
from models.errors import FatalError


def files_entered(folder: Path) -> int:
    """How many files were stored from an archive's folder and are to be in the catalog, as its outbox knows."""
    outbox = ArchiveOutbox.open_for_reading(folder)
    if outbox is None:
        return 0
    with closing(outbox):
        return max(outbox.counts().get("stored", 0) - outbox.lags()[Sink.CATALOG].files, 0)


def catalog_missing(catalog: str, files: int) -> FatalError:
    """The catalog is not there any more, or is a new one, though so many files were entered."""
    return FatalError(
        f"files were archived from here ({files}), and the catalog {catalog} is gone; the archiver fills it again by "
        "itself, and petawatch archive rebuild-catalog --store takes in what only the store has",
        reason="catalog_missing",
    )
