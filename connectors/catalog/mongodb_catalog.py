"""The catalog in a MongoDB server: for a facility whose recorders and archivers share one."""

from connectors.catalog.mongodb_files import MongodbFiles
from connectors.catalog.mongodb_findings import MongodbFindings


class MongodbCatalog(MongodbFiles, MongodbFindings):
    """``Catalog`` in a database of a server; its parts stand in modules of their own."""
