"""Which catalog is used: the one place that decides it."""

from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.catalog.settings import CatalogSettings
from connectors.catalog.sqlite_catalog import SqliteCatalog
from models.errors import FatalError

#: Of the catalog in the archive's folder.
CATALOG_NAME = "catalog.sqlite"


def open_catalog(settings: CatalogSettings, folder: Path) -> Catalog:
    """The catalog that the settings name, made when there is none.

    Parameters
    ----------
    folder
        Of the archive; the catalog lies there when no other place is named. A relative file is one below the present
        directory.

    Raises
    ------
    FatalError, RetryableError
        As the methods of ``Catalog``.
    """
    if "://" in settings.address:
        raise FatalError(
            f"catalog.address {settings.address!r} is neither a file nor mongodb://HOST:PORT; mend it",
            reason="catalog_refused",
        )
    return SqliteCatalog(Path(settings.address) if settings.address else folder / CATALOG_NAME)
