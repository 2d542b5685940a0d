"""Snapshots cut into units, and what earlier work says about them."""

from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from connectors.snapshots.limits import ReadLimits
from connectors.spool_listing import SpoolFile
from models.errors import RecordError, RetryableError
from models.event_time import parse_iso
from streams.work_units import FileHistory, StartedFile, UnitSettings, WorkUnit, read_units
from tests.support.snapshot_files import NAME, minute, write_production

CUT = UnitSettings(block_records=4, unit_bytes=200_000)
CLOSED_NS = parse_iso("2022-07-01T09:36:00Z")


@pytest.fixture
def file(tmp_path: Path) -> SpoolFile:
    path = write_production(tmp_path / NAME, minute(20))
    return SpoolFile(root=tmp_path, path=path, relative=NAME, size=path.stat().st_size, mtime_ns=7, closed_ns=CLOSED_NS)


def units_of(file: SpoolFile, history: FileHistory | None = None, cut: UnitSettings = CUT) -> list[WorkUnit]:
    return list(read_units(file, history or FileHistory(), ReadLimits(), UTC, cut))


def sha256(file: SpoolFile) -> str:
    manifest = units_of(file)[0].manifest
    assert manifest is not None
    return manifest.source.sha256


def test_units_hold_every_record_once_and_stay_small(file: SpoolFile) -> None:
    units = units_of(file)
    assert len(units) > 3
    assert [unit.index for unit in units] == list(range(len(units)))
    assert [unit.last for unit in units] == [False] * (len(units) - 1) + [True]
    counted, seen = 0, set()
    for unit in units:
        for device, blocks in unit.blocks.items():
            for block in blocks:
                counted += len(block)
                seen |= {(device.name, time) for time in block.event_time_ns.tolist()}
        assert unit.records == counted  # so far, in all units
        payload = sum(block.payload.nbytes for blocks in unit.blocks.values() for block in blocks)
        assert payload <= CUT.unit_bytes + 4 * 102 * 128 * 2
    assert counted == len(seen) == 60
    assert not any(unit.replaces for unit in units)


def test_a_large_limit_gives_one_unit(file: SpoolFile) -> None:
    [unit] = units_of(file, cut=UnitSettings())
    assert (unit.last, unit.index, unit.records) == (True, 0, 60)


def test_the_content_that_counts_is_not_read_again(file: SpoolFile) -> None:
    known = sha256(file)
    [unit] = units_of(file, FileHistory(sha256=known, counted_sha256=known, counted_whole=True))
    assert unit.unchanged
    [unit] = units_of(file, FileHistory(sha256="", counted_sha256=known, counted_whole=True))  # refused in between
    assert unit.unchanged


def test_new_content_replaces(file: SpoolFile) -> None:
    units = units_of(file, FileHistory(sha256="other", counted_sha256="other", counted_whole=True))
    assert all(unit.replaces and unit.replaced_sha256 == "other" for unit in units)
    assert all(block.replacement for unit in units for blocks in unit.blocks.values() for block in blocks)


def test_the_rest_of_a_file_is_cut_as_its_beginning(file: SpoolFile) -> None:
    whole = units_of(file)
    started = StartedFile(units_done=2, cut=CUT, replaced_sha256=None)
    known = sha256(file)
    history = FileHistory(sha256=known, counted_sha256=known, counted_whole=True, started=started)
    rest = units_of(file, history, UnitSettings())
    assert [unit.index for unit in rest] == [unit.index for unit in whole[2:]]
    assert [unit.records for unit in rest] == [unit.records for unit in whole[2:]]
    for unit, other in zip(rest, whole[2:], strict=True):
        assert unit.cut == CUT
        for device, blocks in unit.blocks.items():
            for block, expected in zip(blocks, other.blocks[device], strict=True):
                np.testing.assert_array_equal(block.event_time_ns, expected.event_time_ns)


def test_a_started_file_that_changed_is_replaced_from_its_beginning(file: SpoolFile) -> None:
    started = StartedFile(units_done=2, cut=CUT, replaced_sha256=None)
    units = units_of(file, FileHistory(sha256="other", counted_sha256="other", counted_whole=True, started=started))
    assert units[0].index == 0
    assert units[0].replaced_sha256 == "other"


def test_a_cut_off_file_takes_the_place_of_nothing_whole(file: SpoolFile) -> None:
    file.path.write_bytes(file.path.read_bytes()[: file.size * 2 // 3])
    [unit] = units_of(file, FileHistory(sha256="other", counted_sha256="other", counted_whole=True))
    assert isinstance(unit.refused, RecordError)
    assert unit.refused.reason == "truncated"
    assert not unit.replaces
    units = units_of(file, FileHistory(sha256="other", counted_sha256="other", counted_whole=False))
    assert all(unit.replaces for unit in units)


def test_what_can_not_be_read_says_why(file: SpoolFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.path.write_bytes(b"")
    [unit] = units_of(file)
    assert unit.manifest is None
    assert unit.refused is not None
    assert unit.refused.reason == "empty"
    file.path.unlink()
    [unit] = units_of(file)
    assert isinstance(unit.refused, RecordError)

    def fail(*_: object, **__: object) -> None:
        raise RetryableError("the disk fails", reason="storage")

    monkeypatch.setattr("streams.work_units.open_snapshot", fail)
    [unit] = units_of(file)
    assert isinstance(unit.refused, RetryableError)


@pytest.mark.parametrize("wrong", [{"block_records": 0}, {"unit_bytes": 0}])
def test_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        UnitSettings(**wrong)
