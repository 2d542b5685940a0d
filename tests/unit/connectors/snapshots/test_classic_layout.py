"""The walk without HDF5 says what HDF5 says, for every way of writing; and it takes what a cut file still holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from connectors.snapshots import reader
from connectors.snapshots.classic_layout import read_superblock
from connectors.snapshots.classic_source import ClassicSource
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import Manifest
from connectors.snapshots.reader import open_snapshot
from models.errors import RecordError
from models.records import RecordBlock, Refusal
from tests.support.snapshot_files import (
    CAMERA,
    IMAGE_SHAPE,
    METER,
    NAME,
    ON,
    PUMP,
    SPECTRO,
    Camera,
    EnergyMeter,
    Hostile,
    Reading,
    Shots,
    Spectro,
    minute,
    one,
    random_images,
    times,
    write_production,
)


def read(path: Path, **more: Any) -> tuple[Manifest, list[RecordBlock]]:
    with open_snapshot(path, root=path.parent, **more) as snapshot:
        return snapshot.manifest, list(snapshot.blocks(7))


def read_through_hdf5(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Manifest, list[RecordBlock]]:
    with monkeypatch.context() as patch:
        patch.setattr(reader, "walk_classic", lambda *_, **__: None)
        return read(path)


def forbid_hdf5(patch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("HDF5 was asked")

    patch.setattr(reader, "open_hdf5", forbidden)


def assert_same(first: list[RecordBlock], second: list[RecordBlock]) -> None:
    assert [block.device for block in first] == [block.device for block in second]
    for one_, other in zip(first, second, strict=True):
        assert one_.hdf5_group == other.hdf5_group
        assert one_.payload.dtype == other.payload.dtype
        for name in ("event_time_ns", "state", "refusal", "payload"):
            np.testing.assert_array_equal(getattr(one_, name), getattr(other, name), err_msg=name)


def attributes(group: h5py.Group) -> None:
    group["energy1Corrected"] = [4.5]
    for number in range(30):
        group["energy1Corrected"].attrs[f"note{number}"] = "x" * 3000
        group.attrs[f"note{number}"] = np.arange(300)


def compact(group: h5py.Group) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((3,))
    dataset = h5py.h5d.create(group.id, b"intensityFitted", h5py.h5t.NATIVE_DOUBLE, space, plist)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1.0, 2.0, 4.5]))


def many_members(group: h5py.Group) -> None:
    for number in range(100):
        group[f"more{number}"] = number
    group["ROIImageLow"] = random_images(1)[0]


def extra_datasets(group: h5py.Group) -> None:
    group["ROIImageHigh"] = np.zeros((10, 10))
    group["energy2Corrected"] = np.float32(3.25)
    group["Config/gain"] = 4


@pytest.mark.parametrize(
    "shots",
    [
        minute(9),
        minute(3, state=b"ON"),
        minute(3, state="STANDBY"),
        minute(3, state=np.array([b" fault\0"])),
        minute(3, options={"compression": "gzip", "shuffle": True}),
        minute(3, options={"chunks": True}),
        one(SPECTRO, Hostile(make=compact)),
        one(METER, Hostile(make=attributes)),
        one(METER, Hostile(make=extra_datasets)),
        one(CAMERA, Hostile(make=many_members)),
        one(CAMERA, Camera(image=random_images(1)[0].astype("i4"))),
        one(CAMERA, Camera(image=random_images(1)[0].astype("f4"))),
        one(CAMERA, Camera(image=random_images(1)[0].T)),
        one(SPECTRO, Spectro(samples=np.arange(7, dtype="f4"))),
        one(SPECTRO, Spectro(samples=np.full(7, np.nan))),
        one(METER, EnergyMeter(first=2.0, second=[np.inf, 1.0])),
        one(METER, EnergyMeter(first=[], second=[1.0])),
        one(METER, EnergyMeter(second=np.array([7], dtype="i2"))),
        one(METER, EnergyMeter()),
        one(PUMP, Reading()),
        {"not a time": {PUMP: Reading(), CAMERA: Camera()}, times(1)[0]: {}, times(2)[1]: {CAMERA: Camera()}},
    ],
)
def test_both_ways_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shots: Shots) -> None:
    path = write_production(tmp_path / NAME, shots)
    slow_manifest, slow = read_through_hdf5(path, monkeypatch)
    manifest, fast = read(path)
    assert manifest == slow_manifest
    assert_same(fast, slow)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}])
@pytest.mark.parametrize("state", [ON, b"ON"])
def test_plain_files_need_no_hdf5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], state: Any
) -> None:
    path = write_production(tmp_path / NAME, minute(30, options=options, state=state))
    forbid_hdf5(monkeypatch)
    manifest, blocks = read(path)
    assert manifest.record_count == sum(len(block) for block in blocks) == 90
    assert not any(block.refusal.any() for block in blocks)


def test_files_of_the_later_layout_are_left_to_hdf5(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(2), libver="latest")
    assert read_superblock(np.fromfile(path, dtype=np.uint8)) is None
    assert read(path)[0].record_count == 6


def test_records_that_are_not_understood_are_judged_by_hdf5_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_production(tmp_path / NAME, minute(4))
    with h5py.File(path, "a", track_order=True) as file:
        for time, value in zip(times(4), [1, 2, 3, 4], strict=True):
            if value == 2:
                del file[f"{time}/{CAMERA}/ROIImageLow"]
                file[f"{time}/{CAMERA}"].create_dataset("ROIImageLow", data=np.full(IMAGE_SHAPE, 5, ">u2"))
    opened: list[int] = []
    original = ClassicSource._open_group

    def count(source: ClassicSource, record: int) -> Any:
        opened.append(record)
        return original(source, record)

    monkeypatch.setattr(ClassicSource, "_open_group", count)
    _, blocks = read(path)
    assert len(opened) == 1
    assert blocks[0].payload[1, 0, 0] == 5
    assert not any(block.refusal.any() for block in blocks)


def cut(path: Path, size: int) -> Path:
    shorter = path.with_name(path.name.replace("Recorder", f"Recorder{size}"))
    shorter.write_bytes(path.read_bytes()[:size])
    return shorter


def test_what_a_cut_file_still_holds_is_used(tmp_path: Path) -> None:
    whole = write_production(tmp_path / NAME, minute(40))
    size = whole.stat().st_size
    _, blocks = read(whole)
    expected = {
        (block.device.name, place): block.payload[row].tobytes()
        for block in blocks
        for row, place in enumerate(block.hdf5_group)
    }
    found: list[int] = []
    for part in (0.99, 0.9, 0.8, 0.7):
        manifest, blocks = read(cut(whole, int(part * size)))
        assert manifest.truncated
        good = 0
        for block in blocks:
            for row, place in enumerate(block.hdf5_group):
                if block.refusal[row] == Refusal.NONE:
                    assert block.payload[row].tobytes() == expected[block.device.name, place]
                    good += 1
                else:
                    assert block.refusal[row] == Refusal.UNREADABLE
        assert manifest.record_count == sum(len(block) for block in blocks)
        assert set(manifest.dead_letter_counts) <= {"unreadable_group"}
        found.append(good)
    assert found == sorted(found, reverse=True)
    assert found[0] >= 100
    assert found[1] >= 60


@pytest.mark.parametrize("size", [8, 9, 95, 96, 100, 500, 800])
def test_a_file_cut_to_nothing_is_refused(tmp_path: Path, size: int) -> None:
    whole = write_production(tmp_path / NAME, minute(3))
    with pytest.raises(RecordError) as caught:
        read(cut(whole, size))
    assert caught.value.reason == "truncated"


def test_a_damaged_list_of_groups_loses_only_its_own_part(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(60))
    data = bytearray(path.read_bytes())
    # The last symbol node of the first level is the one that names the last groups: its signature is destroyed.
    nodes = [
        at
        for at in range(0, len(data), 8)
        if data[at : at + 4] == b"SNOD" and int.from_bytes(data[at + 6 : at + 8], "little") > 3
    ]
    data[nodes[-1] : nodes[-1] + 4] = b"XXXX"
    path.write_bytes(data)
    manifest, blocks = read(path)
    assert manifest.truncated
    assert 0 < manifest.record_count < 180
    assert not any(block.refusal.any() for block in blocks)


def group_in_itself(file: h5py.File) -> None:
    file[times(2)[1]] = file["/"]
    file[times(1)[0]]["again"] = file[times(1)[0]]


def same_group_many_times(file: h5py.File) -> None:
    for number in range(50):
        file[f"10-00-00-{number:03d}"] = file[times(1)[0]]


def soft_links(file: h5py.File) -> None:
    file["10-00-00-000"] = h5py.SoftLink(f"/{times(1)[0]}")
    file[f"{times(1)[0]}/{METER}"] = h5py.SoftLink(f"/{times(1)[0]}/{CAMERA}")
    file[f"{times(1)[0]}/{SPECTRO}/STATE"] = h5py.SoftLink("/nowhere")


@pytest.mark.parametrize("make", [group_in_itself, same_group_many_times, soft_links])
def test_links_of_all_sorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[h5py.File], None]) -> None:
    path = write_production(tmp_path / NAME, one(CAMERA, Camera(image=random_images(1)[0])))
    with h5py.File(path, "a") as file:
        make(file)
    slow_manifest, slow = read_through_hdf5(path, monkeypatch)
    manifest, fast = read(path)
    assert manifest == slow_manifest
    assert_same(fast, slow)


def test_more_groups_than_the_first_table_holds(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with h5py.File(path, "w") as file:
        device = file.create_group(f"{times(1)[0]}/{PUMP}")
        device["STATE"] = ON
        shot = file[times(1)[0]].id
        for number in range(9000):
            shot.links.create_hard(f"pump{number}".encode(), shot, PUMP.encode())
    manifest, _ = read(path, limits=ReadLimits(max_devices=10_000))
    assert manifest.record_count == 9001
