"""An installation's archive, opened for a command: settings, folder, catalog, store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.archive.opening import open_store
from connectors.archive.store import ArchiveStore
from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import catalog_file, open_catalog
from models.errors import FatalError
from streams.archive.lost_catalog import catalog_missing, files_entered
from streams.archive.places import archive_folder, archive_missing
from streams.settings import Settings, load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedArchive:
    """The archive of an installation.

    Attributes
    ----------
    folder
        Of the archive's own files; it is there.
    store
        None when the settings name none.
    """

    settings: Settings
    folder: Path
    catalog: Catalog
    store: ArchiveStore | None


@contextmanager
def opened_archive(state: Path | None, config: Path | None, *, must_exist: bool = False) -> Iterator[OpenedArchive]:
    """Open what the settings name; the catalog is closed at the block's end.

    Parameters
    ----------
    state
        State directory of the watch or the connector; None when ``archive.folder`` says where the archive's files are.
    must_exist
        For who only uses what was archived: no catalog is made where there is none.

    Raises
    ------
    FatalError
        ``configuration``: neither says where the folder is; ``archive_missing``, ``catalog_missing``; and what
        settings, catalog and store raise.
    """
    settings = load_settings(config)
    if state is None and settings.archive.folder is None:
        raise FatalError(
            "it is not known where the archive's folder is; give --state, or archive.folder in --config",
            reason="configuration",
        )
    folder = archive_folder(settings.archive, state or Path())
    if must_exist and (file := catalog_file(settings.catalog, folder)) is not None and not file.is_file():
        raise catalog_missing(str(file), files) if (files := files_entered(folder)) else archive_missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(
            f"the archive's folder {folder} can't be made ({error.strerror or error}); give another one",
            reason="configuration",
        ) from error
    store = None
    if settings.archive.store:
        store = open_store(
            settings.archive.store, settings.object_store, retention_days=settings.archive.retention_days
        )
    with closing(open_catalog(settings.catalog, folder)) as catalog:
        yield OpenedArchive(settings=settings, folder=folder, catalog=catalog, store=store)
