"""The reader against real files: what is good comes out as it went in, what is bad is counted with its reason."""

import errno
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.snapshots import content as content_module
from connectors.snapshots import reader as reader_module
from connectors.snapshots.limits import ReadLimits
from connectors.snapshots.manifest import Dialect, Manifest
from connectors.snapshots.reader import open_snapshot, plan_blocks
from models.devices import RecordKind
from models.errors import RecordError, RetryableError
from models.event_time import parse_iso
from models.records import DeviceState, RecordBlock, Refusal
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
    Shots,
    Spectro,
    minute,
    one,
    random_images,
    times,
    write_production,
)

LIMITS = ReadLimits()
START_NS = parse_iso("2022-07-01T09:34:00Z")


def read(path: Path, *, block_records: int = 10_000, root: Path | None = None, **more: Any) -> list[RecordBlock]:
    with open_snapshot(path, root=root or path.parent, **more) as snapshot:
        return list(snapshot.blocks(block_records))


def manifest(path: Path, **more: Any) -> Manifest:
    with open_snapshot(path, root=path.parent, **more) as snapshot:
        return snapshot.manifest


def refusals(blocks: list[RecordBlock]) -> list[Refusal]:
    return [Refusal(value) for block in blocks for value in block.refusal]


def refused(path: Path, **more: Any) -> str:
    with pytest.raises(RecordError) as caught, open_snapshot(path, root=path.parent, **more):
        pass
    return caught.value.reason


def image(value: int = 7, dtype: str = "u2") -> NDArray[Any]:
    return np.full(IMAGE_SHAPE, value, dtype=dtype)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}, {"chunks": True}]
)
@pytest.mark.parametrize("libver", [None, "latest"])
def test_a_minute_comes_out_as_it_went_in(tmp_path: Path, options: dict[str, Any], libver: str | None) -> None:
    shots = minute(12, options=options)
    path = write_production(tmp_path / "10Hz" / NAME, shots, libver=libver)
    blocks = read(path, root=tmp_path)
    assert [block.device.name for block in blocks] == [CAMERA, METER, SPECTRO]
    for block in blocks:
        readings: list[Any] = [shots[time][block.device.name] for time in times(12)]
        assert block.event_time_ns.tolist() == [START_NS + 100_000_000 * number for number in range(12)]
        assert block.hdf5_group == tuple(f"{time}/{block.device.name}" for time in times(12))
        assert set(block.state) == {DeviceState.ON}
        assert not block.refusal.any()
        assert block.interval_hz == 10.0
        assert not block.replacement
        assert not block.payload.flags.writeable
        if block.device.kind is RecordKind.CAMERA:
            assert block.payload.dtype == np.uint16
            np.testing.assert_array_equal(block.payload, [reading.image for reading in readings])
        elif block.device.kind is RecordKind.ENERGY_METER:
            np.testing.assert_array_equal(block.payload, [[*reading.first, *reading.second] for reading in readings])
        else:
            np.testing.assert_array_equal(block.payload, [reading.samples for reading in readings])


def test_the_manifest(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(5))
    found = manifest(path)
    assert found.dialect is Dialect.PRODUCTION
    assert found.source.file == NAME
    assert found.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.size_bytes == path.stat().st_size
    assert (found.first_ns, found.last_ns) == (START_NS, START_NS + 400_000_000)
    assert found.records == {CAMERA: 5, METER: 5, SPECTRO: 5}
    assert (found.record_count, found.dead_letter_count, found.truncated) == (15, 0, False)
    assert found.series == "LA_CameraComputer01-Recorder"


@pytest.mark.parametrize("block_records", [1, 3, 7, 100])
def test_blocks_are_interleaved_by_time_and_cut_nothing(tmp_path: Path, block_records: int) -> None:
    path = write_production(tmp_path / NAME, minute(7))
    blocks = read(path, block_records=block_records)
    first = [int(block.event_time_ns[0]) for block in blocks]
    assert first == sorted(first)
    assert max(len(block) for block in blocks) <= block_records
    for whole in read(path):
        parts = [block for block in blocks if block.device == whole.device]
        np.testing.assert_array_equal(np.concatenate([part.payload for part in parts]), whole.payload)
        np.testing.assert_array_equal(np.concatenate([part.event_time_ns for part in parts]), whole.event_time_ns)


def test_blocks_of_a_replacement_are_marked(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(1))
    with open_snapshot(path, root=tmp_path) as snapshot:
        assert all(block.replacement for block in snapshot.blocks(8, replacement=True))
        with pytest.raises(ValueError, match="block_records"):
            next(snapshot.blocks(0))


def test_a_snapshot_over_midnight_is_in_time_order(tmp_path: Path) -> None:
    shots: Shots = {
        time: {CAMERA: Camera(image=image(value))}
        for value, time in enumerate(["00-00-00-050", "23-59-59-950", "23-59-59-850"])
    }
    path = write_production(tmp_path / NAME.replace("09-34-00", "23-59-00"), shots)
    [block] = read(path)
    assert block.payload[:, 0, 0].tolist() == [2, 1, 0]
    assert np.diff(block.event_time_ns).tolist() == [100_000_000, 100_000_000]


def test_the_zone_of_the_recorders(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(1))
    [block, *_] = read(path, zone=ZoneInfo("Europe/Bucharest"))
    assert block.event_time_ns[0] == parse_iso("2022-07-01T06:34:00Z")


def test_plan_keeps_the_order_of_equal_times() -> None:
    device = np.array([1, 0, 1, 0, 1], dtype=np.int32)
    event_time_ns = np.array([5, 5, 3, 5, 5], dtype=np.int64)
    plan = [(number, records.tolist()) for number, records in plan_blocks(device, event_time_ns, 2)]
    assert plan == [(1, [2, 0]), (0, [1, 3]), (1, [4])]
    assert list(plan_blocks(device[:0], event_time_ns[:0], 2)) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (np.bytes_(b"ON"), DeviceState.ON),
        (b"ON", DeviceState.ON),  # a text of variable length
        ("STANDBY", DeviceState.STANDBY),
        (np.array([b"FAULT"]), DeviceState.FAULT),
        (np.array(["OFF"], dtype=h5py.string_dtype()), DeviceState.OFF),
        (np.bytes_(b"running \0\0"), DeviceState.RUNNING),
        (np.bytes_(b"UNREACHABLE"), DeviceState.UNREACHABLE),
        (np.bytes_(b"ALARM"), DeviceState.OTHER),
        (np.bytes_(b"ON" * 500), DeviceState.OTHER),
        ("ON" * 500, DeviceState.OTHER),
        (np.array([b"ON", b"ON"]), DeviceState.OTHER),
        (np.array([], dtype="S2"), DeviceState.OTHER),
        (1, DeviceState.OTHER),
        (h5py.Empty("S2"), DeviceState.OTHER),
        (None, DeviceState.MISSING),
    ],
)
def test_states(tmp_path: Path, state: Any, expected: DeviceState) -> None:
    [block] = read(write_production(tmp_path / NAME, one(METER, EnergyMeter(first=[1.0], state=state))))
    assert block.state.tolist() == [expected]
    assert refusals([block]) == [Refusal.STATE_MISSING if expected is DeviceState.MISSING else Refusal.NONE]


@pytest.mark.parametrize(
    ("pixels", "refusal"),
    [
        (image(4092), Refusal.NONE),
        (image(255, "u1"), Refusal.NONE),
        (image(4092, ">u2"), Refusal.NONE),
        (image(4092, "i2"), Refusal.NONE),
        (image(65_535, "i4"), Refusal.NONE),
        (image(65_535, "u8"), Refusal.NONE),
        (image(4092, "f4"), Refusal.NONE),
        (image(4092, "f8"), Refusal.NONE),
        (image(-1, "i2"), Refusal.OUT_OF_RANGE),
        (image(65_536, "i4"), Refusal.OUT_OF_RANGE),
        (image(65_536, "f8"), Refusal.OUT_OF_RANGE),
        (image(1, "f8") / 2, Refusal.WRONG_TYPE),
        (image(1, "f8") * np.nan, Refusal.NOT_FINITE),
        (image(1, "f8") * np.inf, Refusal.NOT_FINITE),
        (image(1, "c16"), Refusal.WRONG_TYPE),
        (image(1, "?"), Refusal.WRONG_TYPE),
        (image(1).T, Refusal.WRONG_SHAPE),
        (image(1)[np.newaxis], Refusal.WRONG_SHAPE),
        (image(1)[:-1], Refusal.WRONG_SHAPE),
        (np.uint16(1), Refusal.WRONG_SHAPE),
        (np.bytes_(b"an image"), Refusal.WRONG_SHAPE),
        (h5py.Empty("u2"), Refusal.WRONG_SHAPE),
        (None, Refusal.PAYLOAD_MISSING),
    ],
)
def test_images(tmp_path: Path, pixels: Any, refusal: Refusal) -> None:
    [block] = read(write_production(tmp_path / NAME, one(CAMERA, Camera(image=pixels))))
    assert refusals([block]) == [refusal]
    expected = pixels if refusal is Refusal.NONE else np.zeros(IMAGE_SHAPE)
    assert block.payload.shape == (1, *IMAGE_SHAPE)
    np.testing.assert_array_equal(block.payload[0], expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0], [2.0], [1.0, 2.0]),
        ([1.0, 9.0, 9.0], 2.0, [1.0, 2.0]),
        (np.arange(100_000.0) + 3, [2], [3.0, 2.0]),
        ([-1.0], None, [-1.0, np.nan]),
        (None, np.array([2.5], dtype="f4"), [np.nan, 2.5]),
        (None, None, Refusal.PAYLOAD_MISSING),
        ([np.nan], [2.0], Refusal.NOT_FINITE),
        ([1.0], [np.inf], Refusal.NOT_FINITE),
        (np.empty(0), [2.0], Refusal.WRONG_SHAPE),
        ([[1.0]], [2.0], Refusal.WRONG_SHAPE),
        ([1.0], np.bytes_(b"two"), Refusal.WRONG_TYPE),
        ([1.0], h5py.Empty("f8"), Refusal.WRONG_SHAPE),
    ],
)
def test_energies(tmp_path: Path, first: Any, second: Any, expected: list[float] | Refusal) -> None:
    [block] = read(write_production(tmp_path / NAME, one(METER, EnergyMeter(first=first, second=second))))
    assert refusals([block]) == [expected if isinstance(expected, Refusal) else Refusal.NONE]
    np.testing.assert_array_equal(block.payload, [[0.0, 0.0] if isinstance(expected, Refusal) else expected])


@pytest.mark.parametrize(
    ("samples", "refusal"),
    [
        (np.arange(2047.0), Refusal.NONE),
        (np.arange(5, dtype="i4"), Refusal.NONE),
        (np.zeros(2047), Refusal.NONE),  # judged by the validity rules
        (np.array([1.0, np.nan]), Refusal.NOT_FINITE),
        (np.array([1.0, np.inf]), Refusal.NOT_FINITE),
        (np.zeros((2, 3)), Refusal.WRONG_SHAPE),
        (np.zeros(65_537), Refusal.WRONG_SHAPE),
        (3.0, Refusal.WRONG_SHAPE),
        (np.array([b"a", b"b"]), Refusal.WRONG_TYPE),
        (None, Refusal.PAYLOAD_MISSING),
    ],
)
def test_spectra(tmp_path: Path, samples: Any, refusal: Refusal) -> None:
    [block] = read(write_production(tmp_path / NAME, one(SPECTRO, Spectro(samples=samples))))
    assert refusals([block]) == [refusal]
    if refusal is Refusal.NONE:
        np.testing.assert_array_equal(block.payload, [samples])
    assert block.payload.dtype == np.float64
    assert refusal is Refusal.NONE or not block.payload.any()


def test_spectra_of_different_lengths_never_share_a_block(tmp_path: Path) -> None:
    lengths = [None, 5, 5, None, 3, 3, 5]
    shots: Shots = {
        time: {SPECTRO: Spectro(samples=None if length is None else np.ones(length))}
        for time, length in zip(times(7), lengths, strict=True)
    }
    blocks = read(write_production(tmp_path / NAME, shots))
    assert [block.payload.shape for block in blocks] == [(4, 5), (2, 3), (1, 5)]
    assert [place for block in blocks for place in block.hdf5_group] == [f"{time}/{SPECTRO}" for time in times(7)]
    assert refusals(blocks).count(Refusal.PAYLOAD_MISSING) == 2


def test_refused_records_leave_their_neighbours_alone(tmp_path: Path) -> None:
    wrong = [image(1), None, image(1).T, image(2, "u1"), image(-3, "i4"), image(4)]
    shots: Shots = {time: {CAMERA: Camera(image=value)} for time, value in zip(times(6), wrong, strict=True)}
    [block] = read(write_production(tmp_path / NAME, shots))
    assert block.payload[:, 50, 50].tolist() == [1, 0, 0, 2, 0, 4]


def test_a_device_that_is_not_on_keeps_its_reading(tmp_path: Path) -> None:
    [block] = read(write_production(tmp_path / NAME, one(CAMERA, Camera(image=image(9), state=np.bytes_(b"FAULT")))))
    assert (block.state[0], block.refusal[0], block.payload[0, 0, 0]) == (DeviceState.FAULT, Refusal.NONE, 9)


def test_other_devices_have_no_payload(tmp_path: Path) -> None:
    [block] = read(write_production(tmp_path / NAME, one(PUMP, Reading())))
    assert (block.device.kind, block.payload.shape) == (RecordKind.OTHER, (1, 0))


def links_out(group: h5py.Group) -> None:
    with h5py.File(Path(group.file.filename).with_name("outside.h5"), "w") as outside:
        outside["image"] = image()
    group["ROIImageLow"] = h5py.ExternalLink("outside.h5", "/image")


def stored_outside(group: h5py.Group) -> None:
    path = Path(group.file.filename).with_name("outside.raw")
    path.write_bytes(image().tobytes())
    group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", external=[(str(path), 0, h5py.h5f.UNLIMITED)])


def virtual(group: h5py.Group) -> None:
    with h5py.File(Path(group.file.filename).with_name("outside.h5"), "w") as outside:
        outside["image"] = image()
    layout = h5py.VirtualLayout(IMAGE_SHAPE, "u2")
    layout[:] = h5py.VirtualSource("outside.h5", "image", IMAGE_SHAPE)
    group.create_virtual_dataset("ROIImageLow", layout)


def soft_link(group: h5py.Group) -> None:
    group.file["elsewhere"] = image()
    group["ROIImageLow"] = h5py.SoftLink("/elsewhere")


def a_group(group: h5py.Group) -> None:
    group.create_group("ROIImageLow")


def back_to_the_root(group: h5py.Group) -> None:
    group["ROIImageLow"] = group.file["/"]


def huge_chunks(group: h5py.Group) -> None:
    group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", chunks=(2000, 2000), maxshape=(None, None))[0, 0] = 1


def damaged_deflate(group: h5py.Group) -> None:
    dataset = group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", chunks=IMAGE_SHAPE, compression="gzip")
    dataset.id.write_direct_chunk((0, 0), b"\x78\x9c" + bytes(100))


def too_much_deflate(group: h5py.Group) -> None:
    dataset = group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", chunks=IMAGE_SHAPE, compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(50_000_000)))


@pytest.mark.parametrize(
    "make",
    [links_out, stored_outside, virtual, soft_link, a_group, back_to_the_root, damaged_deflate, too_much_deflate],
)
def test_nothing_is_followed_out_or_inflated_beyond_its_size(
    tmp_path: Path, make: Callable[[h5py.Group], None]
) -> None:
    [block] = [
        block
        for block in read(write_production(tmp_path / NAME, one(CAMERA, Hostile(make=make))))
        if block.device.name == CAMERA
    ]
    assert refusals([block]) == [Refusal.UNREADABLE]
    assert not block.payload.any()


def test_huge_chunks_are_never_allocated(tmp_path: Path) -> None:
    [block] = read(
        write_production(tmp_path / NAME, one(CAMERA, Hostile(make=huge_chunks)), libver="earliest"),
        limits=ReadLimits(max_chunk_mib=1),
    )
    assert refusals([block]) == [Refusal.UNREADABLE]


@pytest.mark.parametrize("shape", [(2**40, 2**20), (2**31,), (102, 128, 2**40)])
def test_huge_declared_datasets_are_never_allocated(tmp_path: Path, shape: tuple[int, ...]) -> None:
    def huge(group: h5py.Group) -> None:
        for name in ("ROIImageLow", "intensityFitted", "energy1Corrected"):
            group.create_dataset(name, shape, "u2", chunks=(10,) * len(shape))

    shots = {times(1)[0]: {device: Hostile(make=huge) for device in (CAMERA, SPECTRO, METER)}}
    found = {block.device.name: refusals([block])[0] for block in read(write_production(tmp_path / NAME, shots))}
    assert found == dict.fromkeys([CAMERA, SPECTRO, METER], Refusal.WRONG_SHAPE)


@pytest.mark.parametrize("chunks", [None, IMAGE_SHAPE])
def test_a_dataset_that_was_never_written_is_missing(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    def declare(group: h5py.Group) -> None:
        group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", chunks=chunks)

    [block] = read(write_production(tmp_path / NAME, one(CAMERA, Hostile(make=declare))))
    assert refusals([block]) == [Refusal.PAYLOAD_MISSING]


def test_a_compact_dataset_and_big_attributes(tmp_path: Path) -> None:
    def compact(group: h5py.Group) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((1,))
        dataset = h5py.h5d.create(group.id, b"energy1Corrected", h5py.h5t.NATIVE_DOUBLE, space, plist)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([4.5]))
        for number in range(20):
            group["energy1Corrected"].attrs[f"note{number}"] = "x" * 2000
            group.attrs[f"note{number}"] = "x" * 2000

    [block] = read(write_production(tmp_path / NAME, one(METER, Hostile(make=compact))))
    assert block.payload[0, 0] == 4.5


def test_device_groups_that_are_links_or_datasets_are_unreadable_records(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, one(CAMERA, Camera(image=image())))
    with h5py.File(path, "a") as file:
        shot = file[times(1)[0]]
        shot[METER] = h5py.SoftLink(f"/{times(1)[0]}/{CAMERA}")
        shot[SPECTRO] = h5py.ExternalLink(NAME, "/")
        shot[PUMP] = 5
    found = {block.device.name: (refusals([block])[0], block.state[0]) for block in read(path)}
    assert found.pop(CAMERA) == (Refusal.NONE, DeviceState.ON)
    assert set(found) == {METER, SPECTRO, PUMP}
    assert set(found.values()) == {(Refusal.UNREADABLE, DeviceState.MISSING)}


def test_hard_link_cycles_end(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, one(CAMERA, Camera(image=image())))
    with h5py.File(path, "a") as file:
        file[times(1)[0]]["cycle"] = file["/"]
        file[times(2)[1]] = file["/"]
        file[f"{times(1)[0]}/{CAMERA}/deeper"] = file["/"]
    found = manifest(path)
    assert sum(found.records.values()) == len(refusals(read(path))) == 4
    assert found.dead_letter_count == 0


def test_dead_letters_are_counted_and_some_are_kept(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(2))
    with h5py.File(path, "a") as file:
        for number in range(50):
            file[f"9-34-00-{number:03d}/{CAMERA}/x"] = 1
            file[f"9-34-00-{number:03d}/{METER}/x"] = 1
        file["notes"] = "not a group"
        file.create_group("empty")
        file["09-40-00-000"] = 3
        file["09-41-00-000"] = h5py.SoftLink("/")
        shot = file[times(1)[0]].id
        shot.links.create_hard(b"\xff\xfe", shot, CAMERA.encode())
        file[times(1)[0]]["x" * 256] = file[times(1)[0]][CAMERA]
    found = manifest(path, limits=ReadLimits(dead_letters_kept=5))
    assert found.dead_letter_counts == {
        "time_syntax": 102,
        "unreadable_group": 1,
        "link_not_followed": 1,
        "device_name": 2,
    }
    assert len(found.dead_letters) == 5 + 1 + 1 + 2
    assert found.dead_letters[0].hdf5_group == "09-40-00-000" or found.dead_letters[0].source == found.source
    assert found.record_count == 6
    for letter in found.dead_letters:
        letter.hdf5_group.encode()


def test_too_many_devices_are_dead_letters(tmp_path: Path) -> None:
    shots = {times(1)[0]: {f"LA_A1_11-Camera_{number}": Reading() for number in range(9)}}
    path = write_production(tmp_path / NAME, shots)
    limits = ReadLimits(max_devices=4)
    assert manifest(path, limits=limits).dead_letter_counts == {"too_many_devices": 5}
    assert len(read(path, limits=limits)) == 4


def test_too_many_records(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(3))
    assert refused(path, limits=ReadLimits(max_records=8)) == "too_many_records"
    assert refused(path, limits=ReadLimits(max_records=2)) == "too_many_records"
    assert manifest(path, limits=ReadLimits(max_records=9)).record_count == 9


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    good = write_production(tmp_path / NAME, minute(1))

    def file(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    (tmp_path / "2022-07-02.h5").mkdir()
    (tmp_path / "2022-07-03.h5").symlink_to(good)
    os.mkfifo(tmp_path / "2022-07-04.h5")
    assert refused(file("2022-07-05.h5", b"")) == "empty"
    assert refused(file("2022-07-05.h5", b"PNG" * 1000)) == "not_hdf5"
    assert refused(file("no-date.txt", bytes(5000))) == "not_hdf5"
    assert refused(file("2022-07-05.h5", b"\x89HDF")) == "truncated"
    assert refused(file("2022-07-05.h5", good.read_bytes()[:8] + bytes(5000))) == "damaged_hdf5"
    assert refused(file("nodate.h5", good.read_bytes())) == "no_date"
    assert refused(tmp_path / "2022-07-02.h5") == "is_directory"
    assert refused(tmp_path / "2022-07-03.h5") == "symlink"
    assert refused(tmp_path / "2022-07-04.h5") == "not_a_file"
    assert refused(tmp_path / "2022-07-06.h5") == "vanished"
    with h5py.File(tmp_path / "2022-07-07.h5", "w"):
        pass
    assert refused(tmp_path / "2022-07-07.h5") == "no_records"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "2022-07-05.h5"
    with path.open("wb") as file:
        file.truncate((1 << 20) + 1)
    assert refused(path, limits=ReadLimits(max_file_mib=1)) == "too_large"


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EACCES, "permission"), (errno.EPERM, "permission"), (errno.ENOENT, "vanished")]
)
def test_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str) -> None:
    path = write_production(tmp_path / NAME, minute(1))

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    assert refused(path) == reason


def test_a_failing_disk_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_production(tmp_path / NAME, minute(1))

    def fail(*_: Any, **__: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(RetryableError), open_snapshot(path, root=tmp_path):
        pass


def test_a_file_behind_a_user_block(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with h5py.File(path, "w", userblock_size=1024) as file:
        file[f"{times(1)[0]}/{METER}/STATE"] = b"ON"
        file[f"{times(1)[0]}/{METER}/energy1Corrected"] = [1.5]
    [block] = read(path)
    assert block.state[0] == DeviceState.ON
    assert block.payload[0, 0] == 1.5


@pytest.mark.parametrize("grow", [True, False])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grow: bool) -> None:
    path = write_production(tmp_path / NAME, minute(1))
    size = path.stat().st_size
    original = content_module._find_signature

    def change_then_check(*arguments: Any) -> int:
        with path.open("r+b") as file:
            file.truncate(size + (100 if grow else -100))
        return original(*arguments)

    monkeypatch.setattr(content_module, "_find_signature", change_then_check)
    assert refused(path) == "changed_while_read"


def test_a_large_file_is_read_from_the_disk_and_watched(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(40))
    held, limits = read(path), ReadLimits(max_buffered_mib=0)
    assert manifest(path, limits=limits) == manifest(path)
    for block, expected in zip(read(path, limits=limits), held, strict=True):
        np.testing.assert_array_equal(block.payload, expected.payload)
    with open_snapshot(path, root=tmp_path, limits=limits) as snapshot:
        blocks = snapshot.blocks(4)
        next(blocks)
        os.utime(path, ns=(0, 0))
        with pytest.raises(RecordError) as caught:
            list(blocks)
        assert caught.value.reason == "changed_while_read"


def test_a_large_file_that_is_replaced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_production(tmp_path / NAME, minute(3))
    other = write_production(tmp_path / "other.h5", minute(5, seed=1))
    original = reader_module._open_source

    def replace_then_open(*arguments: Any) -> Any:
        other.replace(path)
        return original(*arguments)

    monkeypatch.setattr(reader_module, "_open_source", replace_then_open)
    assert refused(path, limits=ReadLimits(max_buffered_mib=0)) == "changed_while_read"


@pytest.mark.parametrize("damage", [bytes(4000), b"\xff" * 4000, b"\1\0" * 2000])
def test_damaged_heaps_of_texts_end(tmp_path: Path, damage: bytes) -> None:
    path = write_production(tmp_path / NAME, minute(3, state=b"ON"))
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL") + 16
    data[heap : heap + len(damage)] = damage
    path.write_bytes(data)
    for block in read(path):
        assert set(block.state) == {DeviceState.MISSING}
        assert set(block.refusal) == {Refusal.UNREADABLE}


def test_a_held_file_may_be_removed_once_it_is_open(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(2))
    with open_snapshot(path, root=tmp_path) as snapshot:
        path.write_bytes(b"")
        path.unlink()
        assert sum(len(block) for block in snapshot.blocks(8)) == 6


def test_reading_changes_nothing_and_locks_nothing(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(2))
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    for limits in (LIMITS, ReadLimits(max_buffered_mib=0)):
        with (
            open_snapshot(path, root=tmp_path, limits=limits) as snapshot,
            h5py.File(path, "r", locking=False) as other,
        ):
            assert len(other) == 2
            list(snapshot.blocks(1))
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


@pytest.mark.parametrize("field", ["max_file_mib", "max_records", "max_devices", "max_chunk_mib", "image_rows"])
def test_limits_are_checked(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        ReadLimits(**{field: 0})


def test_images_of_another_configured_shape(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, one(CAMERA, Camera(image=random_images(1)[0][:50, :60])))
    [block] = read(path, limits=ReadLimits(image_rows=50, image_columns=60))
    assert refusals([block]) == [Refusal.NONE]
    assert block.payload.shape == (1, 50, 60)


def test_a_file_of_the_future_is_refused_and_one_wild_record_is_not(tmp_path: Path) -> None:
    path = write_production(tmp_path / NAME, minute(3))
    first_ns = manifest(path).first_ns
    assert first_ns is not None
    assert refused(path, latest_ns=first_ns - 1) == "in_the_future"
    assert len(read(path, latest_ns=first_ns)) > 0
