"""What the archive knows of a file after one reading."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.reader import open_snapshot
from models.errors import RecordError
from models.event_time import parse_iso
from models.records import DeviceState
from streams.archive.cataloguing.file_description import describe_file
from tests.support.snapshot_files import (
    CAMERA,
    IMAGE_SHAPE,
    METER,
    NAME,
    PUMP,
    SPECTRO,
    Camera,
    EnergyMeter,
    Hostile,
    Reading,
    minute,
    one,
    random_images,
    times,
    write_production,
    write_test_period,
)


def _snapshot(root: Path, name: str = NAME) -> Path:
    return root / "10Hz" / "2022-07-01" / name


def test_a_snapshot_is_described_by_its_name_its_records_and_its_content(tmp_path: Path) -> None:
    first, second = times(2)
    image = np.full(IMAGE_SHAPE, 7, dtype=np.uint16)
    path = write_production(
        _snapshot(tmp_path),
        {
            first: {METER: EnergyMeter(first=1.0), CAMERA: Camera(image=image)},
            second: {CAMERA: Camera(image=image, state=np.bytes_(b"STANDBY")), PUMP: Reading(state=None)},
        },
    )
    found = describe_file(path, root=tmp_path)
    assert found.key == f"10Hz/2022-07-01/{NAME}"
    assert (found.path, found.root) == (f"10Hz/2022-07-01/{NAME}", str(tmp_path))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.size_bytes, found.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
    assert (found.interval, found.date) == ("10Hz", "2022-07-01")
    assert (found.front_end, found.recorder) == ("LA", "CameraComputer01-Recorder")
    assert found.first_ns == parse_iso("2022-07-01T09:34:00")
    assert found.last_ns == parse_iso("2022-07-01T09:34:00.1")
    assert found.devices == (PUMP, CAMERA, METER)
    assert found.stages == ("LA-A3-31", "LA-A3-32")
    assert found.states == ("ON", "STANDBY", "MISSING")
    assert (found.records, found.refused) == (4, "")


@pytest.mark.parametrize("libver", [None, "latest"])
@pytest.mark.parametrize("limits", [ReadLimits(), ReadLimits(max_buffered_mib=0)])
def test_the_states_are_those_of_the_records_however_they_are_read(
    tmp_path: Path, libver: str | None, limits: ReadLimits
) -> None:
    words = [b"ON", b"on ", b"FAULT", b"nonsense", b"OFF"]
    shots = {
        time: {device: Reading(state=np.bytes_(word)) for device in (CAMERA, METER, SPECTRO)}
        for time, word in zip(times(5), words, strict=True)
    }
    path = write_production(_snapshot(tmp_path), shots, libver=libver)
    with open_snapshot(path, root=tmp_path, limits=limits) as snapshot:
        of_blocks = {DeviceState(int(state)) for block in snapshot.blocks(100) for state in block.state}
    found = describe_file(path, root=tmp_path, limits=limits)
    assert found.states == tuple(state.name for state in sorted(of_blocks)) == ("ON", "FAULT", "OFF", "OTHER")


def _soft_link(group: h5py.Group) -> None:
    group["STATE"] = h5py.SoftLink("/elsewhere")


def _of_several(group: h5py.Group) -> None:
    group["STATE"] = [np.bytes_(b"ON"), np.bytes_(b"OFF")]


def _compressed(group: h5py.Group) -> None:
    group.create_dataset("STATE", data=np.array([b"RUNNING"]), compression="gzip")


ODD_STATES = {
    "variable length": Reading(state="STANDBY"),
    "one of one": Reading(state=np.array([b"FAULT"])),
    "compressed": Hostile(state=None, make=_compressed),
    "a number": Reading(state=3),
    "too long": Reading(state=np.bytes_(b"ON" * 200)),
    "missing": Reading(state=None),
    "a link": Hostile(state=None, make=_soft_link),
    "two": Hostile(state=None, make=_of_several),
}


@pytest.mark.parametrize("odd", ODD_STATES)
@pytest.mark.parametrize("limits", [ReadLimits(), ReadLimits(max_buffered_mib=0)])
def test_odd_states_are_what_the_records_say(tmp_path: Path, odd: str, limits: ReadLimits) -> None:
    path = write_production(_snapshot(tmp_path), one(METER, ODD_STATES[odd]))
    with open_snapshot(path, root=tmp_path, limits=limits) as snapshot:
        (block,) = snapshot.blocks(10)
        assert snapshot.states() == (DeviceState(int(block.state[0])),)


def test_a_daily_file_of_the_test_period_is_described(tmp_path: Path) -> None:
    path = write_test_period(
        tmp_path / "2021-03-04.h5",
        {"Data1": {"image 1": random_images(1)[0], "image 2": random_images(1)[0]}},
        {"meter": {"energy1Corrected": np.ones(3), "time": np.arange(3) * 1000.0, "state": np.bytes_(b"FAULT")}},
    )
    found = describe_file(path, root=tmp_path)
    assert (found.key, found.interval, found.date) == ("2021-03-04/2021-03-04.h5", "", "2021-03-04")
    assert (found.devices, found.stages) == (("Data1", "meter"), ())
    assert (found.states, found.records, found.refused) == (("ON", "FAULT"), 5, "")
    assert found.last_ns == parse_iso("2021-03-04T00:00:02")


def test_a_file_that_is_no_snapshot_is_archived_with_its_reason(tmp_path: Path) -> None:
    contents = {"empty": b"", "truncated": b"\x89HDF", "not_hdf5": b"not at all" * 1000}
    for number, (reason, content) in enumerate(contents.items()):
        path = _snapshot(tmp_path, NAME.replace("00-000", f"00-00{number}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        found = describe_file(path, root=tmp_path)
        assert found.refused == reason
        assert found.sha256 == hashlib.sha256(content).hexdigest()
        assert (found.size_bytes, found.records, found.first_ns) == (len(content), 0, None)
        assert (found.date, found.recorder) == ("2022-07-01", "CameraComputer01-Recorder")


def test_a_file_that_is_too_large_to_read_is_hashed_all_the_same(tmp_path: Path) -> None:
    path = _snapshot(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(3 << 20))
    found = describe_file(path, root=tmp_path, limits=ReadLimits(max_file_mib=1))
    assert (found.refused, found.sha256) == ("too_large", hashlib.sha256(path.read_bytes()).hexdigest())


def test_what_is_left_of_a_truncated_file_counts_and_the_file_is_not_valid(tmp_path: Path) -> None:
    path = write_production(_snapshot(tmp_path), minute(20))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    found = describe_file(path, root=tmp_path)
    assert found.refused == "truncated"
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(whole[:1000])
    assert describe_file(path, root=tmp_path).refused == "truncated"


def test_a_file_without_a_date_lies_among_the_undated(tmp_path: Path) -> None:
    path = write_production(tmp_path / "notes.h5", minute(1))
    found = describe_file(path, root=tmp_path)
    assert (found.key, found.date, found.refused) == ("undated/notes.h5", "", "no_date")


def test_a_name_that_is_no_utf8_can_be_kept(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    path = write_production(tmp_path / "plain.h5", minute(1))
    place = root / os.fsdecode(b"\xfe_2022-07-01.h5")
    place.parent.mkdir()
    path.rename(place)
    found = describe_file(place, root=root)
    assert (found.path, found.refused) == ("\\xfe_2022-07-01.h5", "")
    assert found.root.endswith("/\\xff")


@pytest.mark.parametrize(("kind", "reason"), [("symlink", "symlink"), ("folder", "is_directory"), ("gone", "vanished")])
def test_what_has_no_content_is_an_error(tmp_path: Path, kind: str, reason: str) -> None:
    path = tmp_path / NAME
    if kind == "symlink":
        path.symlink_to(write_production(tmp_path / "other.h5", minute(1)))
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(RecordError) as raised:
        describe_file(path, root=tmp_path)
    assert raised.value.reason == reason


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_production(_snapshot(tmp_path), minute(1))
    real = os.fstat
    calls = []

    def touched(descriptor: int) -> os.stat_result:
        calls.append(descriptor)
        if len(calls) == 3:  # opened, hashed; now its records are read
            os.utime(path, ns=(1, 1))
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", touched)
    with pytest.raises(RecordError) as raised:
        describe_file(path, root=tmp_path)
    assert raised.value.reason == "changed_while_read"
