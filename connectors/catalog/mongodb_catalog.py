"""The catalog in a MongoDB server: for a facility whose recorders and archivers share one."""

from connectors.catalog.mongodb_files import MongodbFiles
from connectors.catalog.mongodb_findings import MongodbFindings
from connectors.catalog.mongodb_leases import MongodbLeases


class MongodbCatalog(MongodbFiles, MongodbFindings, MongodbLeases):
    """``Catalog`` in a database of a server; its parts stand in modules of their own."""
