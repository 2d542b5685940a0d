"""The catalog in a SQLite file: for one computer, with nothing to install or to look after."""

from connectors.catalog.sqlite_copies import SqliteCopies
from connectors.catalog.sqlite_files import SqliteFiles
from connectors.catalog.sqlite_findings import SqliteFindings
from connectors.catalog.sqlite_leases import SqliteLeases


class SqliteCatalog(SqliteFiles, SqliteCopies, SqliteFindings, SqliteLeases):
    """``Catalog`` in a file; its parts stand in modules of their own."""
