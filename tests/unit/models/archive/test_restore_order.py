"""Which copies on tapes are read, in which order, and which cartridges are asked for."""

from dataclasses import replace
from typing import Any

import pytest

from models.archive.copies import CopyState
from models.archive.restore_order import TapePlace, next_places, tape_rank, wanted_volumes
from models.archive.volumes import Volume, VolumeState
from tests.support.catalog_examples import archived, bundle_copy, bundle_of


def place(number: int, volume: str, *, offset: int = 0, rank: int = 0, **options: Any) -> TapePlace:
    file = archived(number)
    bundle = bundle_of(file)
    member = replace(bundle.members[0], offset=offset)
    return TapePlace(file=file, copy=bundle_copy(bundle.id, volume, **options), member=member, rank=rank)


def pending(*places: TapePlace) -> dict[str, list[TapePlace]]:
    by_file: dict[str, list[TapePlace]] = {}
    for each in places:
        by_file.setdefault(each.file.id, []).append(each)
    return by_file


@pytest.mark.parametrize(
    ("state", "volume", "rank"),
    [
        (CopyState.SAFE, VolumeState.FULL, 0),
        (CopyState.SAFE, VolumeState.SUSPECT, 0),
        (CopyState.WRITTEN, VolumeState.FILLING, 1),
        (CopyState.DAMAGED, VolumeState.FULL, 2),
        (CopyState.SAFE, VolumeState.RETIRED, 2),
    ],
)
def test_proven_copies_come_first(state: CopyState, volume: VolumeState, rank: int) -> None:
    assert tape_rank(place(0, "a", state=state).copy, Volume(uuid="a", state=volume)) == rank


def test_a_cartridge_that_the_inventory_does_not_know_is_tried() -> None:
    assert tape_rank(place(0, "a", state=CopyState.SAFE).copy, None) == 0


def test_places_are_read_by_cartridge_partition_block_and_offset() -> None:
    wanted = [
        place(1, "a", partition="a", start_block=900),
        place(2, "a", partition="b", start_block=5, path="one", offset=4096),
        place(3, "a", partition="b", start_block=5, path="one", offset=9000),
        place(4, "a", partition="b", start_block=80),
        place(5, "b", partition="b", start_block=1),
    ]
    mixed = pending(*(wanted[number] for number in (3, 1, 4, 0, 2)))
    assert next_places(mixed, {"a", "b"}) == wanted


def test_a_file_is_read_once_from_where_most_others_are() -> None:
    places = [place(1, "a"), place(1, "b"), place(2, "b"), place(3, "b"), place(3, "a", rank=1)]
    assert [each.copy.volume for each in next_places(pending(*places), {"a", "b"})] == ["b", "b", "b"]


def test_what_is_mounted_is_read_before_anything_is_asked_for() -> None:
    places = pending(place(1, "a", rank=2), place(1, "b"), place(2, "b"))
    assert [each.copy.volume for each in next_places(places, {"a"})] == ["a"]
    assert next_places(places, set()) == []


def test_few_cartridges_are_asked_for_those_with_most_files_first() -> None:
    places = [place(1, "a"), place(2, "a"), place(2, "c"), place(3, "b"), place(3, "c"), place(4, "c")]
    wanted = wanted_volumes(pending(*places))
    assert [(each.volume, each.files) for each in wanted] == [("c", 3), ("a", 1)]
    assert wanted[0].size_bytes == sum(archived(number).size_bytes for number in (2, 3, 4))


def test_a_damaged_copy_is_asked_for_only_where_there_is_no_other() -> None:
    places = [place(1, "a", rank=2), place(1, "b"), place(2, "a", rank=2)]
    assert [(each.volume, each.files) for each in wanted_volumes(pending(*places))] == [("a", 1), ("b", 1)]
