"""The format that a catalog in MongoDB has, asked for without making it ready."""

from typing import Any

from pymongo import MongoClient

from connectors.catalog.mongodb_database import client_options
from connectors.catalog.mongodb_failures import one_sentence
from connectors.catalog.mongodb_schema import META, SCHEMA_ID
from connectors.catalog.settings import CatalogSettings


def noted_version(settings: CatalogSettings) -> tuple[int, bool]:
    """The format that is noted in the database, 0 without one; and whether anything is there.

    Raises
    ------
    FatalError, RetryableError
        As ``one_sentence``.
    """
    with one_sentence(settings):
        client: MongoClient[dict[str, Any]] = MongoClient(settings.address, **client_options(settings))
        with client:
            database = client.get_database(settings.database)
            noted = database[META].find_one({"_id": SCHEMA_ID})
            return int(noted["version"]) if noted else 0, bool(database.list_collection_names())
