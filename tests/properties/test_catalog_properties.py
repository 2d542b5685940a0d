"""Whatever is written in whatever order: both catalogs answer every question alike."""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.catalog.catalog import Catalog
from connectors.catalog.mongodb_catalog import MongodbCatalog
from connectors.catalog.mongodb_schema import INDEXES
from connectors.catalog.settings import CatalogSettings
from connectors.catalog.sqlite_catalog import SqliteCatalog
from models.archive.archived_file import ArchivedFile
from models.archive.copies import CopyState
from models.archive.file_query import FileQuery
from models.event_time import MINUTE_NS
from servers.mongodb_server import MongodbServer
from tests.support.catalog_examples import (
    CAMERA,
    METER,
    START_NS,
    archived,
    bundle_copy,
    bundle_of,
    episode,
    store_copy,
)

_UNDESCRIBED = {"first_ns": None, "last_ns": None, "devices": (), "stages": (), "states": (), "records": 0}


def _version(number: int, content: str, length: int, kind: int) -> ArchivedFile:
    """One of a few versions of a few files, as described by one reader or another, or by none."""
    first_ns = START_NS + number * MINUTE_NS
    described = (
        {"last_ns": first_ns + length * MINUTE_NS},
        {"devices": (METER,), "stages": ("LB-A2-00",), "states": ("ON", "FAULT"), "date": "2022-06-30"},
        {**_UNDESCRIBED, "refused": "truncated"},
        {**_UNDESCRIBED, "refused": "no_date", "date": "undated"},
        _UNDESCRIBED,
    )
    # "!" sorts before the "@" of the id, and a key that another one begins with is another key.
    key = f"1Hz/{number // 2}{'!' * (number % 2)}"
    return archived(number, content, **described[kind], key=key, mtime_ns=START_NS + length)


_FILES = st.builds(_version, st.integers(0, 5), st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 4))
_MINUTES = st.integers(-1, 8)
_EPISODES = st.builds(
    lambda id_, first, length, device, file: episode(id_, first, first + length, device=device, file_id=file),
    st.sampled_from("xyz"),
    _MINUTES,
    st.integers(0, 3),
    st.sampled_from([CAMERA, METER, ""]),
    st.one_of(st.just(""), _FILES.map(lambda file: file.id)),
)
_COPIES = st.builds(
    lambda bundle, volume, state, block: bundle_copy(bundle, volume, state=state, start_block=block),
    *(st.sampled_from(["b1", "b2"]), st.sampled_from(["V1", "V2"]), st.sampled_from(CopyState), st.integers(0, 2)),
)
_STEPS = st.one_of(
    st.tuples(st.just("add_files"), st.lists(_FILES, min_size=1, max_size=6)),
    st.tuples(st.just("add_episodes"), st.lists(_EPISODES, min_size=1, max_size=3)),
    st.tuples(
        st.just("add_bundle"),
        st.lists(_FILES, max_size=3, unique_by=lambda file: file.id).map(lambda files: bundle_of(*files)),
    ),
    st.tuples(st.just("add_store_copies"), st.lists(_FILES.map(store_copy), max_size=3)),
    st.tuples(st.just("remove_store_copy"), _FILES.map(lambda file: store_copy(file).id)),
    st.tuples(st.just("put_bundle_copy"), _COPIES),
    st.tuples(st.just("remove_bundle_copy"), _COPIES.map(lambda copy: copy.id)),
)
_TIMES = st.one_of(st.none(), _MINUTES.map(lambda minute: START_NS + minute * MINUTE_NS))
_CHOICES = st.sampled_from([None, None, True, False])
_QUERIES = st.builds(
    FileQuery,
    from_ns=_TIMES,
    to_ns=_TIMES,
    device=st.sampled_from(["", "", "*Camera*", METER]),
    stage=st.sampled_from(["", "", "LB-*"]),
    state=st.sampled_from(["", "", "FAULT"]),
    anomalous=_CHOICES,
    valid=_CHOICES,
    latest_only=st.booleans(),
)


@pytest.fixture(scope="module")
def database(mongodb: MongodbServer) -> Iterator[MongodbCatalog]:
    catalog = MongodbCatalog(CatalogSettings(address=mongodb.address, database=f"test-{uuid.uuid4().hex[:12]}"))
    yield catalog
    catalog.close()


def _answers(catalog: Catalog, ids: list[str], queries: list[FileQuery]) -> list[object]:
    questions: list[Callable[[], object]] = [
        lambda: catalog.known_files(ids),
        lambda: catalog.store_copies(ids),
        lambda: catalog.bundles_of(ids),
        lambda: [catalog.bundle(id_) for id_ in catalog.bundle_ids()],
        lambda: catalog.unbundled_files(3),
        lambda: catalog.unbundled_files(100),
        catalog.bundle_copies,
        lambda: catalog.bundle_copies(["b1"], volume="V2"),
        lambda: [catalog.episodes(query.from_ns, query.to_ns) for query in queries],
    ]
    return [*(question() for question in questions), *(list(catalog.find_files(query)) for query in queries)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, max_size=8), queries=st.lists(_QUERIES, min_size=3, max_size=6))
def test_both_catalogs_answer_alike(
    database: MongodbCatalog, steps: list[tuple[str, object]], queries: list[FileQuery]
) -> None:
    for name in INDEXES.keys() | {"bundles"}:
        database._database[name].delete_many({})
    database._written_words = frozenset()
    with tempfile.TemporaryDirectory() as folder:
        file = SqliteCatalog(Path(folder) / "catalog.sqlite")
        for name, argument in steps:
            assert getattr(file, name)(argument) == getattr(database, name)(argument)
        ids = [each.id for name, files in steps if name == "add_files" for each in files]  # type: ignore[attr-defined]
        assert _answers(file, ids, queries) == _answers(database, ids, queries)
        file.close()
