"""Reading and writing a catalog's MongoDB database: upserts in bulk, batches of bounded size, clear failures."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from pymongo import MongoClient, ReplaceOne, UpdateOne, WriteConcern
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from connectors.catalog.batches import batches
from connectors.catalog.documents import record_of
from connectors.catalog.mongodb_failures import DUPLICATE, codes_of, damaged, one_sentence, place_of
from connectors.catalog.mongodb_schema import make_ready
from connectors.catalog.settings import CatalogSettings
from connectors.secret_file import secret_of

Record = TypeVar("Record")
Document = dict[str, Any]
#: Documents that are written by one command.
BATCH = 500
#: Values of one ``$in``.
FEW = 200


class MongodbDatabase:
    """The database behind the parts of a catalog.

    What is written is in the journals of most members when a method returns, and only such is read: what one member
    alone knows may be taken back when it fails.
    """

    def __init__(self, settings: CatalogSettings) -> None:
        self._settings = settings
        with self._clear():
            self._client: MongoClient[Document] = MongoClient(settings.address, **client_options(settings))
        concern = WriteConcern(w="majority", j=True, wtimeout=int(settings.timeout_s * 1000))
        self._database = self._client.get_database(
            settings.database, write_concern=concern, read_concern=ReadConcern("majority")
        )
        try:
            with self._clear():
                make_ready(self._database, settings)
        except BaseException:
            self._client.close()
            raise

    @property
    def address(self) -> str:
        """The server and the database."""
        return place_of(self._settings)

    def close(self) -> None:
        """Let the server go."""
        self._client.close()

    def _clear(self) -> AbstractContextManager[None]:
        return one_sentence(self._settings)

    def _record(self, kind: type[Record], document: Mapping[str, Any]) -> Record:
        try:
            return record_of(kind, document)
        except (KeyError, ValueError, TypeError) as error:
            raise damaged(self._settings, error) from error

    def _all(
        self, name: str, terms: Document, order: Sequence[str] = (), *, fields: Sequence[str] = (), index: str = ""
    ) -> list[Document]:
        """The documents that fulfil the terms."""
        with self._clear():
            cursor = self._database[name].find(terms, dict.fromkeys(fields, 1) if fields else None)
            if order:
                cursor = cursor.sort([(field, 1) for field in order])
            if index:
                cursor = cursor.hint(index)
            return list(cursor)

    def _any_of(self, name: str, field: str, values: Collection[str], fields: Sequence[str] = ()) -> Iterator[Document]:
        """The documents that have one of the values, some values at a time."""
        for some in batches(values, FEW):
            yield from self._all(name, {field: {"$in": some}}, fields=fields)

    def _longest(self, name: str) -> int:
        """The longest span of time of any document."""
        with self._clear():
            found = self._database[name].find_one({}, {"span_ns": 1}, sort=[("span_ns", -1)], hint="by_span")
        return int(found["span_ns"]) if found else 0

    def _put(self, name: str, documents: Iterable[Document]) -> None:
        """Add documents; those that are there already are replaced."""
        for batch in batches(documents, BATCH):
            self._put_batch(name, list({document["_id"]: document for document in batch}.values()), _replacement)

    def _put_batch(
        self, name: str, documents: list[Document], again: Callable[[Document], ReplaceOne[Document] | UpdateOne]
    ) -> int:
        """Add documents of different ids, and do what ``again`` says to those that are there; how many were not.

        Most are new: to insert them first asks the server to look for each but once.
        """
        with self._clear():
            known = [documents[place] for place in _inserted(self._database[name], documents)]
            if known:
                self._database[name].bulk_write([again(document) for document in known], ordered=False)
        return len(documents) - len(known)


def _inserted(collection: MongoCollection[Document], documents: list[Document]) -> list[int]:
    """Insert documents; the places of those that were there already."""
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        details = error.details or {}
        if set(codes_of(error)) != {DUPLICATE} or details.get("writeConcernErrors"):
            raise
        return [part["index"] for part in details["writeErrors"]]
    return []


def _replacement(document: Document) -> ReplaceOne[Document]:
    return ReplaceOne({"_id": document["_id"]}, document, upsert=True)


def client_options(settings: CatalogSettings) -> dict[str, Any]:
    """How a client reaches the server of the settings."""
    timeout_ms = int(settings.timeout_s * 1000)
    options: dict[str, Any] = {
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "socketTimeoutMS": timeout_ms,
        "appname": "petawatch",
    }
    if settings.user:
        password = settings.password.get_secret_value()
        if settings.password_file is not None:
            password = secret_of(settings.password_file, "catalog.password_file", reason="catalog_login")
        options |= {"username": settings.user, "password": password}
    if settings.ca_file is not None:
        options |= {"tls": True, "tlsCAFile": str(settings.ca_file)}
    return options
