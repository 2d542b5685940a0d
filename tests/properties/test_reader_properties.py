"""Whatever stands in a file: the reader ends, counts every record once, and never hands out a wrong value."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.snapshots import reader
from connectors.snapshots.chunk_filters import DEFLATE, SHUFFLE, ChunkError, decode_chunk
from connectors.snapshots.classic_layout import walk_classic
from connectors.snapshots.reader import open_snapshot, plan_blocks
from models.errors import RecordError
from models.records import Refusal
from models.snapshot_names import acquisition_times_ns, parse_snapshot_name
from tests.support.snapshot_files import (
    CAMERA,
    METER,
    NAME,
    ON,
    SPECTRO,
    Camera,
    EnergyMeter,
    Reading,
    Spectro,
    minute,
    random_images,
    times,
    write_production,
)

#: Device and place of a record: time, state, refusal and payload.
Records = dict[tuple[str, str], tuple[int, int, int, bytes]]

KINDS: dict[str, tuple[dict[str, Any], Any, str | None]] = {
    "plain": ({}, ON, None),
    "gzip": ({"compression": "gzip", "shuffle": True}, ON, None),
    "variable": ({}, b"ON", None),
    "latest": ({}, ON, "latest"),
}
SIGNATURES = [b"TREE", b"SNOD", b"HEAP", b"GCOL", b"STATE", b"ROI", b"\x11\x00", b"\x08\x00\x12", b"OHDR", b"FRHP"]


@cache
def good_file(kind: str) -> bytes:
    options, state, libver = KINDS[kind]
    with TemporaryDirectory() as folder:
        return write_production(
            Path(folder) / NAME, minute(8, options=options, state=state), libver=libver
        ).read_bytes()


@contextmanager
def through_hdf5() -> Iterator[None]:
    """Walk only what HDF5 can't open."""

    def walk(*arguments: Any, tolerant: bool, **more: Any) -> Any:
        return walk_classic(*arguments, tolerant=tolerant, **more) if tolerant else None

    with mock.patch.object(reader, "walk_classic", walk):
        yield


def records_of(path: Path, block_records: int = 5) -> Records | str:
    """All records, or the reason of the refusal; checks that they are what the manifest says."""
    found: Records = {}
    try:
        with open_snapshot(path, root=path.parent) as snapshot:
            count = 0
            for block in snapshot.blocks(block_records):
                assert 0 < len(block) <= block_records
                assert len(block.payload) == len(block.state) == len(block.refusal) == len(block.hdf5_group)
                assert not block.payload[block.refusal != Refusal.NONE].any()
                count += len(block)
                for row, place in enumerate(block.hdf5_group):
                    found[block.device.name, place] = (
                        int(block.event_time_ns[row]),
                        int(block.state[row]),
                        int(block.refusal[row]),
                        block.payload[row].tobytes(),
                    )
            assert count == snapshot.manifest.record_count
    except RecordError as error:
        return error.reason
    return found


@st.composite
def corruptions(draw: st.DrawFn) -> bytes:
    """A good file with some bytes replaced, most of them near the structures that lead the way."""
    data = bytearray(good_file(draw(st.sampled_from(sorted(KINDS)))))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(9, len(data) - 1))
        if draw(st.booleans()):
            at = max(data.find(draw(st.sampled_from(SIGNATURES)), at), 73) + draw(st.integers(-64, 300))
        numbers = st.sampled_from([0, 1, 8, 2**31, 2**63, 2**64 - 1, len(data), len(data) - 8])
        new = draw(
            st.one_of(st.binary(min_size=1, max_size=16), numbers.map(lambda number: number.to_bytes(8, "little")))
        )
        data[at : at + len(new)] = new
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(9, len(data))))])


@settings(max_examples=250, deadline=None, derandomize=True)
@given(corruptions())
def test_corrupted_bytes_never_crash_nor_hang_nor_change_a_value(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_bytes(data)
        begun = time.monotonic()
        walked = records_of(path)
        with through_hdf5():
            through = records_of(path)
        assert time.monotonic() - begun < 20.0
    if isinstance(walked, str) or isinstance(through, str):
        return
    for record in walked.keys() & through.keys():
        if walked[record][2] == through[record][2] == Refusal.NONE:
            assert walked[record] == through[record]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(["plain", "gzip", "variable"]), st.integers(1, 400_000))
def test_a_cut_file_holds_nothing_that_the_whole_one_does_not(kind: str, missing: int) -> None:
    data = good_file(kind)
    with TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        path.write_bytes(data)
        whole = records_of(path)
        path.write_bytes(data[: max(len(data) - missing, 9)])
        part = records_of(path)
    assert isinstance(whole, dict)
    if isinstance(part, str):
        assert part == "truncated"
        return
    for record, values in part.items():
        assert values == whole[record] or values[2] == Refusal.UNREADABLE


IMAGES = random_images(3)
readings: st.SearchStrategy[tuple[str, Reading]] = st.one_of(
    st.builds(
        lambda number, state: (CAMERA, Camera(image=None if number is None else IMAGES[number], state=state)),
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([ON, b"FAULT", None]),
    ),
    st.builds(
        lambda first, second: (METER, EnergyMeter(first=first, second=second)),
        st.sampled_from([None, [1.0], 2.0, [float("nan")]]),
        st.sampled_from([None, [1.0, 5.0], 2]),
    ),
    st.builds(
        lambda length: (SPECTRO, Spectro(samples=np.arange(float(length)))),
        st.sampled_from([0, 4, 4, 4, 7]),
    ),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.sampled_from(times(30)), st.lists(readings, min_size=1, max_size=4).map(dict), max_size=12),
    st.integers(1, 9),
)
def test_block_sizes_and_ways_of_reading_change_nothing(shots: dict[str, Any], block_records: int) -> None:
    with TemporaryDirectory() as folder:
        path = write_production(Path(folder) / NAME, shots)
        whole = records_of(path, 1000)
        assert records_of(path, block_records) == whole
        with through_hdf5():
            assert records_of(path, block_records) == whole
    if not shots:
        assert whole == "no_records"
    else:
        expected = {(device, f"{shot}/{device}") for shot, devices in shots.items() for device in devices}
        assert set(whole) == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=60),
    st.integers(1, 10),
)
def test_a_plan_holds_every_record_once_in_time_order(records: list[tuple[int, int]], block_records: int) -> None:
    device = np.array([number for number, _ in records], dtype=np.int32)
    event_time_ns = np.array([ns for _, ns in records], dtype=np.int64)
    plan = list(plan_blocks(device, event_time_ns, block_records))
    assert sorted(position for _, block in plan for position in block.tolist()) == list(range(len(records)))
    firsts = [int(event_time_ns[block[0]]) for _, block in plan]
    assert firsts == sorted(firsts)
    for number in range(4):
        mine = [position for planned, block in plan if planned == number for position in block.tolist()]
        assert mine == sorted(np.flatnonzero(device == number).tolist(), key=lambda position: event_time_ns[position])
    assert all(1 <= len(block) <= block_records for _, block in plan)


@given(st.binary(max_size=300), st.sampled_from([1, 2, 4, 8]), st.permutations([DEFLATE, SHUFFLE]), st.integers(0, 3))
def test_chunks_are_decoded_exactly_or_refused(data: bytes, item: int, filters: list[int], mask: int) -> None:
    stored = data
    for position, number in enumerate(filters):
        if mask >> position & 1:
            continue
        if number == DEFLATE:
            stored = zlib.compress(stored)
        else:
            count = len(stored) // item
            planes = np.frombuffer(stored[: count * item], np.uint8).reshape(count, item).T
            stored = planes.tobytes() + stored[count * item :]
    assert decode_chunk(stored, filters, mask, len(data), item) == data
    with pytest.raises(ChunkError):
        decode_chunk(stored, filters, mask, len(data) + 1, item)


@given(
    st.datetimes().filter(lambda moment: 1970 < moment.year < 2100),
    st.lists(st.integers(0, 599), min_size=1, max_size=20),
)
def test_shots_of_a_minute_get_the_times_they_were_taken_at(start: Any, tenths: list[int]) -> None:
    start = start.replace(microsecond=0)
    begin_ms = ((start.hour * 60 + start.minute) * 60 + start.second) * 1000
    name = parse_snapshot_name(Path(f"LA_R_60s_snapshot_{start:%Y-%m-%d_%H-%M-%S}-000.h5"))
    ms = np.array([(begin_ms + 100 * tenth) % 86_400_000 for tenth in tenths], dtype=np.int64)
    ns = acquisition_times_ns(name, ms)
    epoch = np.datetime64(start, "ms").astype(np.int64)
    assert ns.tolist() == [(int(epoch) + 100 * tenth) * 1_000_000 for tenth in tenths]
