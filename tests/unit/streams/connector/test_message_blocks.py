"""Messages of a unit: every record once, in order, at the position that it has in the file."""

from collections import Counter
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from connectors.snapshots.limits import ReadLimits
from connectors.spool_listing import SpoolFile
from models.devices import Device
from models.event_time import parse_iso
from models.messages import FileMoment, RecordMessage
from streams.connector.message_blocks import (
    DevicePosition,
    halves,
    read_positions,
    record_messages,
    written_positions,
)
from streams.work_units import FileHistory, UnitSettings, WorkUnit, read_units
from tests.support.snapshot_files import CAMERA, METER, NAME, minute, write_production

MOMENT = FileMoment(start_ns=1, closed_ns=2)
IMAGE_BYTES = 102 * 128 * 2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> SpoolFile:
    root: Path = tmp_path_factory.mktemp("data")
    path = write_production(root / NAME, minute(20))
    closed_ns = parse_iso("2022-07-01T09:36:00Z")
    return SpoolFile(root=root, path=path, relative=NAME, size=1, mtime_ns=7, closed_ns=closed_ns)


def units_of(file: SpoolFile, cut: UnitSettings) -> list[WorkUnit]:
    return list(read_units(file, FileHistory(), ReadLimits(), UTC, cut))


def messages_of(file: SpoolFile, cut: UnitSettings, block_bytes: int) -> list[RecordMessage]:
    positions: dict[str, DevicePosition] = {}
    messages = []
    for unit in units_of(file, cut):
        found, positions = record_messages(unit, positions, block_bytes, MOMENT)
        messages += found
    assert {name: position.records for name, position in positions.items()} == dict.fromkeys(positions, 20)
    return messages


@pytest.mark.parametrize("block_bytes", [1024, IMAGE_BYTES, 3 * IMAGE_BYTES + 5, 1 << 20])
@pytest.mark.parametrize("cut", [UnitSettings(), UnitSettings(block_records=7, unit_bytes=300_000)])
def test_every_record_comes_once_at_its_position(file: SpoolFile, cut: UnitSettings, block_bytes: int) -> None:
    [whole] = units_of(file, UnitSettings())
    messages = messages_of(file, cut, block_bytes)
    for device, [block] in whole.blocks.items():
        own = [message for message in messages if message.block.device == device]
        assert [message.block_number for message in own] == list(range(len(own)))
        sizes = [len(message.block) for message in own]
        assert [message.first_record for message in own] == [sum(sizes[:number]) for number in range(len(own))]
        assert np.array_equal(np.concatenate([message.block.event_time_ns for message in own]), block.event_time_ns)
        assert np.array_equal(np.concatenate([message.block.payload for message in own]), block.payload)
        assert sum((message.block.hdf5_group for message in own), ()) == block.hdf5_group
        largest = max(block_bytes, block.payload.nbytes // len(block))
        assert all(message.block.payload.nbytes <= largest for message in own)


def test_where_a_unit_begins_that_is_not_the_first_is_told_with_each_device(file: SpoolFile) -> None:
    cut = UnitSettings(block_records=7, unit_bytes=300_000)
    units = units_of(file, cut)
    assert len(units) > 1
    told = [(each.block.device, each.first_record) for each in messages_of(file, cut, IMAGE_BYTES) if each.begins_unit]
    expected, before = [], Counter[Device]()
    for unit in units:
        expected += [(device, before[device]) for device in unit.blocks if unit.index]
        before.update({device: sum(map(len, blocks)) for device, blocks in unit.blocks.items()})
    assert told == expected
    [whole] = units_of(file, UnitSettings())
    first, second = halves(replace(record_messages(whole, {}, 1 << 20, MOMENT)[0][0], begins_unit=True))
    assert (first.begins_unit, second.begins_unit) == (True, False)


def test_pieces_are_views(file: SpoolFile) -> None:
    [unit] = units_of(file, UnitSettings())
    messages, _ = record_messages(unit, {}, 4 * IMAGE_BYTES, MOMENT)
    camera = [message.block.payload for message in messages if message.block.device.name == CAMERA]
    assert len(camera) == 5
    assert all(piece.base is not None and not piece.flags.writeable for piece in camera)


def test_halves_keep_their_positions(file: SpoolFile) -> None:
    [unit] = units_of(file, UnitSettings())
    messages, _ = record_messages(unit, {METER: DevicePosition(3, 100)}, 1 << 20, MOMENT)
    [whole] = [message for message in messages if message.block.device.name == METER]
    first, second = halves(whole)
    assert (whole.block_number, whole.first_record) == (3, 100)
    assert [(half.first_record, len(half.block)) for half in (first, second)] == [(100, 10), (110, 10)]


def test_positions_can_be_written() -> None:
    positions = {"b": DevicePosition(1, 256), "a": DevicePosition(2, 300)}
    assert read_positions(written_positions(positions)) == positions
