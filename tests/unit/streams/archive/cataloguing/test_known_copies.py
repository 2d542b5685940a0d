"""Which copies each of many files has, asked in one go."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.sqlite_catalog import SqliteCatalog
from models.archive.copies import KnownCopies
from models.archive.file_query import FileQuery
from models.archive.volumes import Volume
from streams.archive.cataloguing.file_search import search_files
from streams.archive.cataloguing.known_copies import known_copies
from tests.support.catalog_examples import archived, bundle_copy, bundle_of, store_copy


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with closing(SqliteCatalog(tmp_path / "catalog.sqlite")) as catalog:
        yield catalog


def test_each_file_gets_its_own_copies_and_those_of_all_its_bundles(catalog: Catalog) -> None:
    one, two, three = files = [archived(number) for number in range(3)]
    catalog.add_files(files)
    catalog.add_store_copies([store_copy(one), store_copy(two)])
    first, second = bundle_of(one, two), bundle_of(two)
    copies = {copy.id: copy for copy in (bundle_copy(first.id), bundle_copy(first.id, "V2"), bundle_copy(second.id))}
    for bundle in (first, second):
        catalog.add_bundle(bundle)
    for copy in copies.values():
        catalog.put_bundle_copy(copy)
    catalog.put_volume(Volume(uuid="V1"))
    known = known_copies(catalog, [file.id for file in files])
    assert {copy.id for copy in known[one.id].bundle_copies} == {f"V1|{first.id}", f"V2|{first.id}"}
    assert {copy.id for copy in known[two.id].bundle_copies} == set(copies)
    assert known[two.id].store_copies == [store_copy(two)]
    assert set(known[one.id].volumes) == {"V1"}
    assert known[three.id] == KnownCopies(
        file_id=three.id, cataloged=True, store_copies=[], bundles=[], bundle_copies=[], volumes=known[one.id].volumes
    )


def test_what_the_catalog_does_not_have_is_asked_for_as_well(catalog: Catalog) -> None:
    unknown = archived(7)
    assert not known_copies(catalog, [unknown.id])[unknown.id].cataloged
    assert known_copies(catalog, []) == {}


def test_a_search_goes_on_over_its_pages(catalog: Catalog) -> None:
    files = [archived(number) for number in range(403)]
    catalog.add_files(files)
    catalog.add_store_copies(store_copy(file) for file in files)
    found = list(search_files(catalog, FileQuery()))
    assert [(each.file, each.copies.store_copies) for each in found] == [(file, [store_copy(file)]) for file in files]
