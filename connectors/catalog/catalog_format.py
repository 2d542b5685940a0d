"""The format of a catalog that is there: who only looks must not bring it to the present one."""

from contextlib import closing
from enum import Enum
from pathlib import Path

from connectors.catalog import sqlite_schema
from connectors.catalog.opening import catalog_file, require_mongodb
from connectors.catalog.settings import CatalogSettings
from connectors.catalog.sqlite_failures import one_sentence
from connectors.sqlite_file import connect


class CatalogFormat(Enum):
    """What ``open_catalog`` would do."""

    #: Make one.
    NONE = "none"
    #: Bring it to the present format.
    EARLIER = "earlier"
    #: Open it as it is, or refuse it.
    PRESENT = "present"


def catalog_format(settings: CatalogSettings, folder: Path) -> CatalogFormat:
    """Look at a catalog, and change nothing.

    Parameters
    ----------
    folder
        As for ``open_catalog``.

    Raises
    ------
    FatalError, RetryableError
        As ``open_catalog``.
    """
    file = catalog_file(settings, folder)
    if file is None:
        require_mongodb(settings)
        from connectors.catalog import mongodb_format, mongodb_schema  # noqa: PLC0415 - an extra, only for its address

        version, used = mongodb_format.noted_version(settings)
        return _of_version(version, mongodb_schema.SCHEMA_VERSION, used=used)
    if not file.exists():
        return CatalogFormat.NONE
    with one_sentence(file), closing(connect(file, "mode=ro")) as connection:
        version, tables = connection.execute(
            "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
        ).fetchone()
    return _of_version(version, sqlite_schema.SCHEMA_VERSION, used=bool(tables))


def _of_version(version: int, present: int, *, used: bool) -> CatalogFormat:
    if not version and not used:
        return CatalogFormat.NONE
    return CatalogFormat.EARLIER if 0 < version < present else CatalogFormat.PRESENT
