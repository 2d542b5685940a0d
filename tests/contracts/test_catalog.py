"""One suite against both catalogs: a SQLite file, and a server that speaks MongoDB's protocol."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from connectors.catalog.catalog import Catalog
from connectors.catalog.opening import open_catalog
from connectors.catalog.settings import CatalogSettings
from models.archive.archived_file import ArchivedFile
from models.archive.copies import CopyState
from models.archive.file_query import FileQuery
from models.archive.findings import TripletBucket, Verdict
from models.archive.volumes import Volume, VolumeState
from models.event_time import DAY_NS, MINUTE_NS, SECOND_NS, parse_iso
from servers.mongodb_server import MongodbServer
from tests.support.catalog_examples import (
    CAMERA,
    DAY,
    METER,
    START_NS,
    archived,
    bundle_copy,
    bundle_of,
    episode,
    store_copy,
)
from tests.support.watching import wait_until

Opener = Callable[[], Catalog]


@pytest.fixture(params=["sqlite", "mongodb"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the one catalog, as another process does each time."""
    settings = CatalogSettings()
    if request.param == "mongodb":
        server: MongodbServer = request.getfixturevalue("mongodb")
        settings = CatalogSettings(address=server.address, database=f"test-{uuid.uuid4().hex[:12]}")
    catalogs: list[Catalog] = []

    def new() -> Catalog:
        catalogs.append(open_catalog(settings, tmp_path / "archive"))
        return catalogs[-1]

    yield new
    for catalog in catalogs:
        catalog.close()


@pytest.fixture
def catalog(opened: Opener) -> Catalog:
    return opened()


def found(catalog: Catalog, **terms: object) -> list[ArchivedFile]:
    return list(catalog.find_files(FileQuery(**terms)))  # type: ignore[arg-type]


def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    assert catalog.address
    assert found(catalog) == []
    assert catalog.file("a@b") is None
    assert catalog.known_files(["a@b"]) == set()
    assert catalog.known_files([]) == set()
    assert catalog.store_copies(["a@b"]) == {}
    assert catalog.bundle("b") is None
    assert catalog.bundle_ids() == []
    assert catalog.bundles_of(["a@b"]) == {}
    assert catalog.unbundled_files(10) == []
    assert catalog.bundle_copies() == []
    assert catalog.bundle_copies([]) == []
    assert catalog.volumes() == []
    assert catalog.triplet_buckets(None, None) == []
    assert catalog.episodes(None, None) == []
    assert catalog.verdicts() == []


def test_files_are_there_for_whoever_opens_it_next(opened: Opener) -> None:
    files = [archived(0), archived(1, refused="truncated"), archived(2, first_ns=None, last_ns=None, devices=())]
    assert opened().add_files(iter(files)) == 3
    again = opened()
    assert [again.file(file.id) for file in files] == files
    assert again.known_files([files[0].id, "other@1", files[2].id]) == {files[0].id, files[2].id}


def test_files_that_are_added_again_are_updated_and_not_counted(catalog: Catalog) -> None:
    assert catalog.add_files([archived(0), archived(0), archived(1)]) == 2
    changed = archived(0, root="/elsewhere", states=("ON", "FAULT"), first_ns=START_NS - 5)
    assert catalog.add_files([changed, archived(1), archived(2)]) == 1
    assert found(catalog) == [changed, archived(1), archived(2)]


def test_who_knows_a_file_by_its_name_only_leaves_its_description(catalog: Catalog) -> None:
    nothing: dict[str, Any] = {
        "first_ns": None,
        "last_ns": None,
        "devices": (),
        "stages": (),
        "states": (),
        "records": 0,
    }
    described = archived(0)
    catalog.add_files([archived(0, **nothing), described])
    catalog.add_files([archived(0, **nothing, root="/elsewhere")])
    assert catalog.file(described.id) == replace(described, root="/elsewhere")


def test_any_number_of_files_is_taken_and_given_in_order(catalog: Catalog) -> None:
    count = 503
    files = [archived(number, first_ns=START_NS + number // 3, last_ns=START_NS + number) for number in range(count)]
    assert catalog.add_files(file for file in reversed(files)) == count
    expected = sorted(files, key=lambda file: (file.first_ns, file.id))
    assert found(catalog) == expected
    assert catalog.known_files([file.id for file in files]) == {file.id for file in files}
    assert catalog.unbundled_files(3) == expected[:3]


def test_files_may_be_written_while_they_are_looked_at(catalog: Catalog) -> None:
    files = [archived(number) for number in range(502)]
    catalog.add_files(files)
    seen = 0
    for file in catalog.find_files(FileQuery()):
        if not seen % 100:
            catalog.add_files([replace(file, records=file.records + 1)])
        seen += 1
    assert seen == len(files)


def test_files_are_found_by_time(catalog: Catalog) -> None:
    whole_day = archived(50, first_ns=START_NS - DAY_NS // 4, last_ns=START_NS + DAY_NS // 4)
    unread = archived(51, first_ns=None, last_ns=None, refused="truncated")
    undated = archived(52, first_ns=None, last_ns=None, date="undated")
    files = [archived(0), archived(1), archived(2), whole_day, unread, undated]
    catalog.add_files(files)
    assert found(catalog) == [undated, unread, whole_day, *files[:3]]
    first = START_NS + MINUTE_NS
    assert found(catalog, from_ns=first, to_ns=first + MINUTE_NS) == [whole_day, archived(1)]
    assert found(catalog, from_ns=first - 1, to_ns=first) == [whole_day, archived(0)]
    assert found(catalog, from_ns=first + MINUTE_NS) == [whole_day, archived(2)]
    midnight = parse_iso(DAY)
    assert found(catalog, from_ns=midnight, to_ns=midnight + 1) == [unread]
    assert found(catalog, to_ns=midnight) == [undated]
    assert found(catalog, from_ns=-(1 << 70), to_ns=1 << 70) == found(catalog)


def test_files_are_found_by_what_is_in_them(catalog: Catalog) -> None:
    camera = archived(0, devices=(CAMERA,), states=("ON", "FAULT"))
    meter = archived(1, devices=(METER,), stages=("LA-A3-32",))
    nothing = archived(2, devices=(), stages=(), states=(), refused="truncated")
    catalog.add_files([camera, meter, nothing])
    assert found(catalog, device="*Camera*") == [camera]
    assert found(catalog, device=METER) == [meter]
    assert found(catalog, device="LA_*") == [camera, meter]
    assert found(catalog, device="la_*") == []
    assert found(catalog, stage="LA-A3-3[12]") == [camera, meter]
    assert found(catalog, stage="*-32", device="*Camera*") == []
    assert found(catalog, state="FAULT") == [camera]
    assert found(catalog, state="FA*") == []
    assert found(catalog, valid=True) == [camera, meter]
    assert found(catalog, valid=False) == [nothing]
    assert found(catalog, device="*", from_ns=START_NS + MINUTE_NS) == [meter]


def test_the_latest_version_is_the_one_that_was_changed_last_whenever_it_became_known(catalog: Catalog) -> None:
    latest = []
    for number, order in enumerate(permutations(range(3))):
        old, new = archived(number, mtime_ns=7), archived(number, "again", mtime_ns=8, refused="truncated")
        versions = [old, new, archived(number, "without a time", mtime_ns=0)]
        for place in order:
            catalog.add_files([versions[place]])
        latest.append(new)
    assert found(catalog, latest_only=True) == latest
    assert found(catalog, latest_only=True, valid=True) == []
    assert len(found(catalog)) == 18


def test_a_version_keeps_its_latest_time_of_change(catalog: Catalog) -> None:
    first, second = archived(0, mtime_ns=7), archived(0, "again", mtime_ns=8)
    back = replace(first, mtime_ns=9, root="/moved")
    catalog.add_files([first, second])
    for as_in_a_bundle in (first, replace(first, first_ns=None, last_ns=None, devices=(), records=0)):
        catalog.add_files([back])
        assert found(catalog, latest_only=True) == [back]
        catalog.add_files([as_in_a_bundle, second])
        assert found(catalog, latest_only=True) == [replace(back, root=first.root)]


def test_of_versions_of_one_time_the_latest_is_the_one_that_became_known_last(catalog: Catalog) -> None:
    first, second, third = archived(0), archived(0, "again"), archived(0, "third")
    catalog.add_files([first, second])
    assert found(catalog, latest_only=True) == [second]
    catalog.add_files([third])
    catalog.add_files([replace(first, records=1)])
    assert found(catalog, latest_only=True) == [third]


def test_files_are_found_by_the_episodes_in_them(catalog: Catalog) -> None:
    files = [archived(number) for number in range(60)]
    other_device = archived(0, devices=(METER,), key="1Hz/other.h5")
    unread = archived(3, first_ns=None, last_ns=None, devices=(), stages=(), refused="truncated", key="1Hz/bad.h5")
    catalog.add_files([*files, other_device, unread])
    assert found(catalog, anomalous=True) == []
    assert len(found(catalog, anomalous=False)) == 62
    catalog.add_episodes(
        [
            episode("a", 0.5, 2.5),
            episode("b", 1.5, 2.5),
            episode("c", 30.5, 30.6, device=""),
            episode("d", 32, 33, device="LB_another"),
            episode("e", 40, 41, device="", stage="LB-A1-11"),
            episode("f", 50, 50, device="", stage="", file_id=unread.id),
        ]
    )
    expected = [unread, *files[:3], files[30]]
    assert found(catalog, anomalous=True) == expected
    assert {file.id for file in found(catalog, anomalous=False)} == {
        file.id for file in [*files, other_device] if file not in expected
    }
    assert found(catalog, anomalous=True, from_ns=START_NS + 90 * SECOND_NS) == [*files[1:3], files[30]]
    assert found(catalog, anomalous=True, to_ns=START_NS + MINUTE_NS) == [unread, files[0]]
    assert found(catalog, anomalous=True, device=METER, valid=True) == [*files[:3], files[30]]


def test_a_long_file_with_several_episodes_is_found_once(catalog: Catalog) -> None:
    long = archived(0, last_ns=START_NS + DAY_NS)
    catalog.add_files([long, archived(1)])
    catalog.add_episodes(episode(str(minute), minute, minute + 1) for minute in (0, 100, 300, 600))
    assert found(catalog, anomalous=True) == [long, archived(1)]


def test_store_copies_are_kept_by_file(opened: Opener) -> None:
    catalog = opened()
    one, two = archived(0), archived(1)
    copies = [store_copy(one, "s3://b", checked_ns=7), store_copy(one, "file:///a|b"), store_copy(two)]
    catalog.add_store_copies(copies)
    assert opened().store_copies([one.id, two.id, "no@1"]) == {one.id: [copies[1], copies[0]], two.id: [copies[2]]}
    again = replace(copies[2], version="v2", read_back_ns=9, damaged="copy_missing")
    catalog.add_store_copies([again, copies[0]])
    assert catalog.store_copies([two.id]) == {two.id: [again]}
    catalog.remove_store_copy(copies[1].id)
    catalog.remove_store_copy(copies[1].id)
    assert catalog.store_copies([one.id]) == {one.id: [copies[0]]}


def test_bundles_are_kept_with_their_members_in_order(opened: Opener) -> None:
    catalog = opened()
    files = [archived(number) for number in range(4)]
    first, second = bundle_of(files[2], files[0]), bundle_of(files[1], files[0])
    catalog.add_files(files)
    for bundle in (first, second, first):
        catalog.add_bundle(bundle)
    again = opened()
    assert (again.bundle(first.id), again.bundle(second.id)) == (first, second)
    assert again.bundle_ids() == sorted([first.id, second.id])
    assert again.bundles_of([file.id for file in files]) == {
        files[0].id: sorted([first.id, second.id]),
        files[1].id: [second.id],
        files[2].id: [first.id],
    }
    assert again.unbundled_files(10) == [files[3]]


def test_a_bundle_without_copies_is_forgotten_and_its_files_wait_again(opened: Opener) -> None:
    catalog = opened()
    files = [archived(number) for number in range(4)]
    first, second = bundle_of(*files[:3]), bundle_of(*files[2:])
    catalog.add_files(files)
    for bundle in (first, second):
        catalog.add_bundle(bundle)
    copy = bundle_copy(first.id, state=CopyState.DAMAGED)
    catalog.put_bundle_copy(copy)
    assert not catalog.remove_bundle(first.id)
    assert catalog.bundle(first.id) == first
    catalog.remove_bundle_copy(copy.id)
    for _ in range(2):
        assert catalog.remove_bundle(first.id)
    again = opened()
    assert (again.bundle(first.id), again.bundle_ids()) == (None, [second.id])
    assert again.unbundled_files(10) == files[:2], "the third one is in the other bundle"
    again.add_bundle(first)
    assert again.bundle(first.id) == first
    assert again.unbundled_files(10) == []


def test_files_of_a_bundle_that_is_known_already_wait_for_none(catalog: Catalog) -> None:
    catalog.add_bundle(bundle_of(archived(1)))
    catalog.add_files([archived(0), archived(1)])
    assert catalog.unbundled_files(10) == [archived(0)]


def test_files_wait_for_tape_in_the_order_of_tapes(catalog: Catalog) -> None:
    late = archived(0, date="2022-07-02")
    other = archived(1, recorder="Another")
    files = [archived(3), archived(2), late, other]
    catalog.add_files(files)
    expected = [other, archived(2), archived(3), late]
    assert catalog.unbundled_files(10) == expected
    assert catalog.unbundled_files(2) == expected[:2]
    catalog.add_bundle(bundle_of(other, archived(3)))
    catalog.add_files([replace(other, records=3)])
    assert catalog.unbundled_files(10) == [archived(2), late]


def test_a_large_bundle_is_kept_whole(catalog: Catalog) -> None:
    bundle = bundle_of(*(archived(number) for number in range(503)))
    catalog.add_bundle(bundle)
    assert catalog.bundle(bundle.id) == bundle


def test_copies_on_cartridges_are_listed_as_they_lie(opened: Opener) -> None:
    catalog = opened()
    copies = [
        bundle_copy("b1", "V1", partition="b", start_block=20),
        bundle_copy("b2", "V1", partition="a", start_block=30),
        bundle_copy("b3", "V1", partition="b", start_block=3),
        bundle_copy("b1", "V2", state=CopyState.SAFE, read_back_ns=12),
    ]
    for copy in copies:
        catalog.put_bundle_copy(copy)
    in_order = [copies[1], copies[2], copies[0], copies[3]]
    assert opened().bundle_copies() == in_order
    assert catalog.bundle_copies(volume="V1") == in_order[:3]
    assert catalog.bundle_copies(["b1", "b2"]) == [copies[1], copies[0], copies[3]]
    assert catalog.bundle_copies(["b1", "b2"], volume="V2") == [copies[3]]
    damaged = replace(copies[3], state=CopyState.DAMAGED, damaged="content_differs")
    catalog.put_bundle_copy(damaged)
    catalog.remove_bundle_copy(copies[0].id)
    catalog.remove_bundle_copy(copies[0].id)
    assert catalog.bundle_copies(["b1"]) == [damaged]


def test_the_inventory_is_kept(opened: Opener) -> None:
    catalog = opened()
    volumes = [
        Volume(uuid="u3", barcode="A00002L8", installation="hpls", state=VolumeState.FILLING, used_bytes=12 << 40),
        Volume(uuid="u1", barcode="A00001L8", last_verified_ns=3, errors=2),
        Volume(uuid="u2"),
    ]
    for volume in volumes:
        catalog.put_volume(volume)
    assert opened().volumes() == [volumes[2], volumes[1], volumes[0]]
    retired = replace(volumes[2], state=VolumeState.RETIRED)
    catalog.put_volume(retired)
    assert catalog.volumes()[0] == retired


def test_triplets_are_kept_by_stage_and_minute(opened: Opener) -> None:
    catalog = opened()
    buckets = [
        TripletBucket(stage=stage, minute_ns=START_NS + n * MINUTE_NS, complete=n, incomplete=1, idle=2, anomalous=3)
        for stage in ("LA-A1-11", "LA-A3-31", "LB-A2-00")
        for n in range(3)
    ]
    catalog.add_triplet_buckets(reversed(buckets))
    catalog.add_triplet_buckets([replace(buckets[0], complete=60)])
    expected = [replace(buckets[0], complete=60), *buckets[1:]]
    assert opened().triplet_buckets(None, None) == expected
    assert catalog.triplet_buckets(None, None, "LA-*") == expected[:6]
    assert catalog.triplet_buckets(None, None, "none") == []
    begun = START_NS + MINUTE_NS
    assert catalog.triplet_buckets(begun, begun + 1) == [expected[1], expected[4], expected[7]]
    assert catalog.triplet_buckets(begun + 5, None, "LB-A2-00") == expected[7:]
    assert catalog.triplet_buckets(None, begun, "LB-A2-00") == expected[6:7]


def test_episodes_are_kept_by_time(opened: Opener) -> None:
    catalog = opened()
    document = {"kind": "drift", "score": 2.5, "shots": 10**12, "reasons": ["a", "ä.$b"], "source": {"x.y": None}}
    long = episode("long", 0, 600, document=document)
    others = [episode(f"e{minute}", minute, minute + 1) for minute in (300, 10, 11)]
    catalog.add_episodes([*others, long])
    assert opened().episodes(None, None) == [long, others[1], others[2], others[0]]
    begun = START_NS + 11 * MINUTE_NS
    assert catalog.episodes(begun, begun + 1) == [long, others[1], others[2]]
    assert catalog.episodes(begun + 1, begun + 2) == [long, others[2]]
    assert catalog.episodes(None, START_NS) == []
    assert catalog.episodes(START_NS + 600 * MINUTE_NS, None) == [long]
    closed = replace(long, status="open", last_ns=START_NS)
    catalog.add_episodes([closed])
    assert catalog.episodes(START_NS, START_NS + 1) == [closed]


def test_verdicts_are_kept_by_time(opened: Opener) -> None:
    catalog = opened()
    verdicts = [
        Verdict(id="v1", alert_id="a", verdict="true", by="op", at_ns=2, note="scratch"),
        Verdict(id="v2", alert_id="b", verdict="false", by="op", at_ns=1),
        Verdict(id="v3", alert_id="a", verdict="false", by="op", at_ns=3),
    ]
    catalog.add_verdicts(verdicts)
    catalog.add_verdicts(verdicts)
    assert opened().verdicts() == [verdicts[1], verdicts[0], verdicts[2]]
    assert catalog.verdicts("a") == [verdicts[0], verdicts[2]]
    assert catalog.verdicts("c") == []


def test_a_lease_has_one_holder(opened: Opener) -> None:
    one, other = opened(), opened()
    first = one.take_lease("bundling", "A", 3600)
    assert first.holder == "A"
    assert other.take_lease("bundling", "B", 3600) == first
    assert other.take_lease("something else", "B", 3600).holder == "B"
    renewed = one.take_lease("bundling", "A", 3600)
    assert renewed.until_ns >= first.until_ns
    other.end_lease("bundling", "B")  # it is not his
    assert other.take_lease("bundling", "B", 3600) == renewed
    one.end_lease("bundling", "A")
    assert other.take_lease("bundling", "B", 3600).holder == "B"
    assert one.take_lease("bundling", "A", 3600).holder == "B"


def test_a_lease_ends_by_itself(opened: Opener) -> None:
    one, other = opened(), opened()
    one.take_lease("bundling", "A", 0.05)
    wait_until(lambda: other.take_lease("bundling", "B", 3600).holder == "B")
    assert one.take_lease("bundling", "A", 3600).holder == "B"


def test_of_many_who_want_a_lease_one_gets_it(opened: Opener) -> None:
    def holder(catalog: Catalog, name: str) -> str:
        return catalog.take_lease("bundling", name, 3600).holder

    catalogs = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(holder, catalogs, "ABCD"))) == 1
