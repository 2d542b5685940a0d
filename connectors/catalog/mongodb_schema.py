"""The collections of a catalog in MongoDB: validators, indexes, migrations."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, get_type_hints

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure

from connectors.catalog.settings import CatalogSettings
from models.archive.archived_file import ArchivedFile
from models.archive.copies import BundleCopy, BundleMember, CopyState, StoreCopy
from models.archive.findings import Episode, TripletBucket, Verdict
from models.archive.leases import Lease
from models.archive.volumes import Volume, VolumeState
from models.errors import FatalError

#: Counts up with every change of the collections; a database of a newer one is refused.
SCHEMA_VERSION = 2
#: Format, and the number of the file that became known last.
META = "meta"
SCHEMA_ID, SEQUENCE_ID = "schema", "sequence"

_NO_INDEX, _EXISTS = 27, 48  # the server's numbers of them
_INTEGER = ["int", "long"]
_BSON = {
    str: {"bsonType": "string"},
    int: {"bsonType": _INTEGER},
    bool: {"bsonType": "bool"},
    int | None: {"bsonType": [*_INTEGER, "null"]},
    tuple[str, ...]: {"bsonType": "array", "items": {"bsonType": "string"}},
    Mapping[str, object]: {"bsonType": "object"},
    CopyState: {"enum": [state.value for state in CopyState]},
    VolumeState: {"enum": [state.value for state in VolumeState]},
}
#: What is computed of a file beside its own fields, for the indexes.
_FILE_TYPES = {"time_ns": int, "end_ns": int, "span_ns": int, "valid": bool, "sequence": int, "bundled": bool}
_TYPES: dict[str, dict[str, Any]] = {
    "files": {**get_type_hints(ArchivedFile), **_FILE_TYPES},
    "words": {"kind": str, "word": str},
    "store_copies": get_type_hints(StoreCopy),
    "bundles": {"sha256": str, "size_bytes": int, "members": int},
    "bundle_members": {"bundle_id": str, "position": int, **get_type_hints(BundleMember)},
    "bundle_copies": get_type_hints(BundleCopy),
    "volumes": get_type_hints(Volume),
    "triplet_buckets": get_type_hints(TripletBucket),
    "episodes": {**get_type_hints(Episode), "span_ns": int},
    "verdicts": get_type_hints(Verdict),
    "leases": get_type_hints(Lease),
}
#: By collection and name; the names are those that queries ask for.
INDEXES: dict[str, dict[str, tuple[str, ...]]] = {
    "files": {
        "by_time": ("time_ns", "_id"),
        "by_span": ("span_ns",),
        "by_device": ("devices", "time_ns", "_id"),
        "by_stage": ("stages", "time_ns", "_id"),
        "by_state": ("states", "time_ns", "_id"),
        "by_validity": ("valid", "time_ns", "_id"),
        "by_version": ("key", "mtime_ns", "sequence"),
        "for_tape": ("date", "recorder", "time_ns", "_id"),
    },
    "words": {"by_kind": ("kind", "word")},
    "store_copies": {"by_file": ("file_id", "_id")},
    "bundle_members": {"by_place": ("bundle_id", "position"), "by_file": ("file_id", "bundle_id")},
    "bundle_copies": {
        "by_place": ("volume", "partition", "start_block", "bundle_id"),
        "by_bundle": ("bundle_id",),
    },
    "volumes": {"by_barcode": ("barcode", "_id")},
    "triplet_buckets": {"by_stage": ("stage", "minute_ns")},
    "episodes": {"by_time": ("first_ns", "_id"), "by_span": ("span_ns",)},
    "verdicts": {"by_time": ("at_ns", "_id"), "by_alert": ("alert_id", "at_ns", "_id")},
}
# The few files that wait for a bundle, not the many that lie in one.
_PARTIAL = {("files", "for_tape"): {"bundled": False}}


def _drop_index_by_key(database: Database[dict[str, Any]]) -> None:
    try:
        database["files"].drop_index("by_key")
    except OperationFailure as error:
        if error.code != _NO_INDEX:  # killed before, or another process has just done it
            raise


#: What makes a database of each earlier format one of the next. Two programs may do it at once, and a killed one does
#: it again: each must be one that does no harm a second time. New collections and indexes need none: 2 brought leases,
#: and files by their versions.
MIGRATIONS: dict[int, Callable[[Database[dict[str, Any]]], None]] = {1: _drop_index_by_key}


def make_ready(database: Database[dict[str, Any]], settings: CatalogSettings) -> None:
    """Make the collections when there are none; bring those of an earlier format to this one.

    Killed in between, it is done again: the format is noted last.

    Raises
    ------
    FatalError
        ``catalog_too_new``; ``catalog_refused`` when the database holds collections of another program.
    """
    noted = database[META].find_one({"_id": SCHEMA_ID})
    version = int(noted["version"]) if noted else 0
    if version > SCHEMA_VERSION:
        raise FatalError(
            f"the catalog at {settings.address}, database {settings.database}, was written by a newer Petawatch "
            f"(format {version}, this one knows {SCHEMA_VERSION}); use that version, or name another database",
            reason="catalog_too_new",
        )
    if version == SCHEMA_VERSION:
        return
    there = set(database.list_collection_names())
    if not version and (foreign := sorted(there - {*_TYPES, META})):
        raise FatalError(
            f"the database {settings.database} at {settings.address} holds collections of another program "
            f"({', '.join(foreign[:3])}); name another one as catalog.database",
            reason="catalog_refused",
        )
    for earlier in range(version, SCHEMA_VERSION):
        if earlier in MIGRATIONS:
            MIGRATIONS[earlier](database)
    for name, types in _TYPES.items():
        _make_collection(database, name, types, known=bool(version) and name in there)
    with suppress(DuplicateKeyError):  # another process has just done the same
        database[META].update_one({"_id": SEQUENCE_ID}, {"$setOnInsert": {"n": 0}}, upsert=True)
    with suppress(DuplicateKeyError):
        database[META].update_one({"_id": SCHEMA_ID}, {"$max": {"version": SCHEMA_VERSION}}, upsert=True)


def _make_collection(database: Database[dict[str, Any]], name: str, types: dict[str, Any], *, known: bool) -> None:
    validator = {"$jsonSchema": _schema(types)}
    if known:
        database.command("collMod", name, validator=validator)
    try:
        database.create_collection(name, validator=validator, check_exists=False)
    except OperationFailure as error:
        if error.code != _EXISTS:  # killed before, or another process makes it
            raise
    if indexes := INDEXES.get(name):
        database[name].create_indexes([_index(name, index, fields) for index, fields in indexes.items()])


def _index(collection: str, name: str, fields: tuple[str, ...]) -> IndexModel:
    partial = _PARTIAL.get((collection, name))
    options: dict[str, Any] = {"partialFilterExpression": partial} if partial else {}
    return IndexModel([(field, 1) for field in fields], name=name, **options)


def _schema(types: dict[str, Any]) -> dict[str, Any]:
    return {
        "bsonType": "object",
        "required": sorted(types),
        "properties": {"_id": {"bsonType": "string"}, **{name: _BSON[kind] for name, kind in types.items()}},
        "additionalProperties": False,
    }
