"""Which catalog is used: the one place that decides it."""

import importlib.util
from pathlib import Path

from connectors.catalog.catalog import Catalog
from connectors.catalog.settings import CatalogSettings
from connectors.catalog.sqlite_catalog import SqliteCatalog
from connectors.catalog.wary_catalog import WaryCatalog
from models.errors import FatalError

_MONGODB = ("mongodb://", "mongodb+srv://")
#: Of the catalog in the archive's folder.
CATALOG_NAME = "catalog.sqlite"


def open_catalog(settings: CatalogSettings, folder: Path) -> Catalog:
    """The catalog that the settings name, made when there is none.

    Parameters
    ----------
    folder
        Of the archive; the catalog lies there when no other place is named. A relative file is one below the present
        directory. What has lost its trust is remembered there.

    Raises
    ------
    FatalError, RetryableError
        As the methods of ``Catalog``.
    """
    if catalog_file(settings, folder) is None:
        require_mongodb(settings)
        from connectors.catalog.mongodb_catalog import MongodbCatalog  # noqa: PLC0415 - an extra, for such an address

        return WaryCatalog(MongodbCatalog(settings), folder)
    return WaryCatalog(SqliteCatalog(_file(settings, folder)), folder)


def catalog_file(settings: CatalogSettings, folder: Path) -> Path | None:
    """The file that ``open_catalog`` opens or makes; None when the catalog is a server's."""
    return None if "://" in settings.address else _file(settings, folder)


def _file(settings: CatalogSettings, folder: Path) -> Path:
    return Path(settings.address) if settings.address else folder / CATALOG_NAME


def require_mongodb(settings: CatalogSettings) -> None:
    """A server's address is one of MongoDB's, and its client is installed.

    Raises
    ------
    FatalError
        ``catalog_refused``.
    """
    if not settings.address.startswith(_MONGODB):
        raise FatalError(
            f"catalog.address {settings.address!r} is neither a file nor mongodb://HOST:PORT; mend it",
            reason="catalog_refused",
        )
    if importlib.util.find_spec("pymongo") is None:
        raise FatalError(
            f"the catalog at {settings.address} needs pymongo; install the extra with: "
            "pip install 'petawatch[mongodb]'",
            reason="catalog_refused",
        )
