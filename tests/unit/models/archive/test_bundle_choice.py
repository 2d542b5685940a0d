"""Which files become a bundle."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from models.archive import bundle_choice
from models.archive.archived_file import ArchivedFile
from models.archive.bundle_choice import bytes_in_bundle, choose_bundle, with_room
from models.event_time import SECOND_NS

KIB = 1024


def a_file(name: str, size: int = 10 * KIB, *, mtime_ns: int = 0) -> ArchivedFile:
    return ArchivedFile(
        key=f"2022-07-01/{name}",
        path=name,
        root="/data",
        sha256="00",
        size_bytes=size,
        mtime_ns=mtime_ns,
        date="2022-07-01",
        recorder="R",
    )


def choose(
    files: list[ArchivedFile], *, bundle_bytes: int = 100 * KIB, wait_s: float = 60, now_s: float = 0
) -> list[str]:
    chosen = choose_bundle(files, bundle_bytes=bundle_bytes, oldest_unbundled_s=wait_s, now_ns=round(now_s * SECOND_NS))
    return [file.path for file in chosen]


def test_nothing_makes_no_bundle() -> None:
    assert choose([], now_s=1e9) == []


def test_few_young_files_wait() -> None:
    assert choose([a_file("a")], now_s=59) == []


def test_the_oldest_closes_what_is_there() -> None:
    assert choose([a_file("a", mtime_ns=50 * SECOND_NS), a_file("b")], now_s=60) == ["a", "b"]


def test_without_a_limit_few_files_wait_for_ever() -> None:
    assert choose([a_file("a")], wait_s=0, now_s=1e9) == []


def test_a_clock_that_was_set_back_waits() -> None:
    assert choose([a_file("a", mtime_ns=100 * SECOND_NS)], now_s=50) == []


def test_a_full_bundle_is_closed_at_once() -> None:
    assert choose([a_file(f"{number:02}") for number in range(20)]) == [f"{number:02}" for number in range(7)]


def test_a_larger_file_is_a_bundle_of_its_own() -> None:
    assert choose([a_file("a", 200 * KIB), a_file("b")]) == ["a"]
    assert choose([a_file("a"), a_file("b", 200 * KIB)]) == ["a"]


def test_the_order_is_the_one_that_is_given() -> None:
    assert choose([a_file(name) for name in "cab"], now_s=60) == ["c", "a", "b"]


def test_as_many_small_files_as_a_bundle_holds_wait_for_no_other() -> None:
    files = [a_file("a"), a_file("b"), a_file("c")]
    with patch.object(bundle_choice, "MAX_MEMBERS", 3):
        assert choose(files[:2], wait_s=0) == []
        assert choose(files, wait_s=0) == ["a", "b", "c"]
        assert choose([*files, a_file("d")], wait_s=0) == ["a", "b", "c"]


@given(st.lists(st.integers(0, 60 * KIB), max_size=40), st.integers(64 * KIB, 200 * KIB))
def test_every_bundle_keeps_its_size_and_nothing_is_left_out(sizes: list[int], bundle_bytes: int) -> None:
    waiting = [a_file(f"{number:03}", size) for number, size in enumerate(sizes)]
    seen: list[ArchivedFile] = []
    while waiting:
        chosen = choose_bundle(waiting, bundle_bytes=bundle_bytes, oldest_unbundled_s=1, now_ns=SECOND_NS)
        assert chosen
        assert len(chosen) == 1 or sum(file.size_bytes for file in chosen) < bundle_bytes
        seen += chosen
        waiting = [file for file in waiting if file not in chosen]
    assert [file.size_bytes for file in seen] == sizes


def needs(*files: ArchivedFile) -> int:
    """Of a bundle of these on the disk."""
    return with_room([(file, 0) for file in files], free_bytes=1 << 60, smallest_bytes=0)[1]


def test_a_bundle_is_made_smaller_where_the_disk_has_too_little_room() -> None:
    files = [a_file(name) for name in "abcd"]
    chosen = [(file, 0) for file in files]
    whole = needs(*files)
    assert whole > sum(map(bytes_in_bundle, files))
    assert with_room(chosen, free_bytes=whole, smallest_bytes=1 << 60) == (files, whole)
    three = needs(*files[:3])
    assert with_room(chosen, free_bytes=whole - 1, smallest_bytes=three) == (files[:3], three)
    assert with_room(chosen, free_bytes=whole - 1, smallest_bytes=three + 1) == ([], whole)
    assert with_room(chosen, free_bytes=needs(files[0]) - 1, smallest_bytes=0) == ([], needs(files[0]))
    assert with_room([], free_bytes=0, smallest_bytes=0)[0] == []


def test_what_is_fetched_wants_room_of_its_own() -> None:
    files = [a_file(name) for name in "abc"]
    chosen = [(files[0], 0), (files[1], 1000), (files[2], 500)]
    whole = needs(*files) + 1500
    assert with_room(chosen, free_bytes=whole, smallest_bytes=0) == (files, whole)
    assert with_room(chosen, free_bytes=whole - 1, smallest_bytes=0) == (files[:2], needs(*files[:2]) + 1000)
