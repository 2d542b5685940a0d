"""Whatever lies in the folder: a clear reason, a balanced account, and no harm to the files beside it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import connectors.snapshots.content as content_module
from connectors.state.reader import StateReader
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
    times,
    write_production,
    write_test_period,
)
from tests.support.watch_results import WatchResults, assert_same_rows, assert_tidy
from tests.support.watching import watch_once

FOLDER = Path("10Hz", "2022-07-01")
#: A file of the other front end, which must come through untouched.
NEIGHBOUR = NAME.replace("LA_", "LB_").replace("Computer01", "Computer02")
_SHOTS = 12


def _neighbour_shots() -> Shots:
    return {
        time: {device.replace("LA_", "LB_"): reading for device, reading in devices.items()}
        for time, devices in minute(_SHOTS, seed=3).items()
    }


@pytest.fixture(scope="module")
def neighbour_alone(tmp_path_factory: pytest.TempPathFactory) -> WatchResults:
    """What a watch makes of the neighbour when nothing else is there."""
    folder = tmp_path_factory.mktemp("alone")
    write_production(folder / "data" / FOLDER / NEIGHBOUR, _neighbour_shots())
    return watch_once(folder / "data", folder / "state")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The watched folder with the neighbour in it."""
    write_production(tmp_path / "data" / FOLDER / NEIGHBOUR, _neighbour_shots())
    return tmp_path / "data"


@pytest.fixture
def watched(data: Path, tmp_path: Path, neighbour_alone: WatchResults) -> Callable[[], WatchResults]:
    """Runs a watch over the folder; the account balances and the neighbour has what it has alone."""

    def watch() -> WatchResults:
        results = watch_once(data, tmp_path / "state")
        assert results.ledger["balanced"], results.ledger
        own = results.shots.filter([front == "LB" for front in results.shots["front_end"].to_pylist()])
        assert_same_rows(own, neighbour_alone.shots)
        assert_tidy(tmp_path / "state")
        return results

    return watch


def refused(state: Path, name: str) -> str:
    """The reason that the state directory has of a file."""
    with StateReader.open(state) as reader:
        record = reader.known_file(str(FOLDER / name))
    assert record is not None
    return f"{record.status.value}: {record.reason}"


def write_good(folder: Path, name: str = NAME, count: int = _SHOTS) -> Path:
    """A snapshot without anything wrong."""
    return write_production(folder / FOLDER / name, minute(count))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _a_few_bytes(path: Path) -> None:
    path.write_bytes(b"\x89HDF")


def _garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)


def _only_a_head(path: Path) -> None:
    write_production(path, minute(3))
    path.write_bytes(path.read_bytes()[:700])


def _scribbled_over(path: Path) -> None:
    write_production(path, minute(3))
    damaged = bytearray(path.read_bytes())
    damaged[96:4096] = bytes(4000)
    path.write_bytes(damaged)


def _without_records(path: Path) -> None:
    with h5py.File(path, "w"):
        pass


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        (_empty, NAME, "empty"),
        (_a_few_bytes, NAME, "truncated"),
        (_only_a_head, NAME, "truncated"),
        (_scribbled_over, NAME, "damaged_hdf5"),
        (_garbage, NAME, "not_hdf5"),
        (_garbage, "LA_noise.h5", "not_hdf5"),
        (_without_records, NAME, "no_records"),
    ],
)
def test_a_file_of_which_nothing_can_be_used(
    make: Callable[[Path], None],
    name: str,
    reason: str,
    data: Path,
    tmp_path: Path,
    watched: Callable[[], WatchResults],
) -> None:
    make(data / FOLDER / name)
    before = (data / FOLDER / name).read_bytes()
    results = watched()
    assert refused(tmp_path / "state", name) == f"rejected: {reason}"
    assert results.ledger["files"] == {"accepted": 1, "rejected": 1, "replaced": 0, "skipped": 0, "ignored": 0}
    [alert] = results.alerts_of("snapshot_rejected")
    assert (alert["status"], alert["severity"], alert["reasons"]) == ("open", "low", [reason])
    assert alert["source"]["file"] == str(FOLDER / name)
    assert alert["stage"]["front_end"] == ("LA" if name == NAME else "")
    assert (data / FOLDER / name).read_bytes() == before  # it is moved nowhere, and nothing is written into it


def test_what_is_readable_of_a_truncated_file_counts(
    data: Path, tmp_path: Path, watched: Callable[[], WatchResults]
) -> None:
    path = write_good(data, count=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    results = watched()
    assert refused(tmp_path / "state", NAME) == "rejected: truncated"
    [alert] = results.alerts_of("snapshot_rejected")
    assert (alert["status"], alert["reasons"]) == ("open", ["truncated"])
    readable = [row for row in results.rows_of(front_end="LA") if row["valid"]]
    assert 30 <= len(readable) < 120
    assert results.ledger["records"]["read"] > 3 * _SHOTS


def test_a_file_that_may_not_be_read(neighbour_alone: WatchResults) -> None:
    """For root there is no such file: then the watch runs as somebody else."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_production(folder / "data" / FOLDER / NEIGHBOUR, _neighbour_shots())
        write_good(folder / "data").chmod(0)
        folder.chmod(0o777)
        with _without_rights():
            results = watch_once(folder / "data", folder / "state")
            assert refused(folder / "state", NAME) == "rejected: permission"
        assert_same_rows(results.shots, neighbour_alone.shots)
        assert results.ledger["balanced"]
        assert [alert["reasons"] for alert in results.alerts_of("snapshot_rejected")] == [["permission"]]


@contextmanager
def _without_rights() -> Iterator[None]:
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_is_no_snapshot_is_left_alone_and_told_of_once(data: Path, tmp_path: Path) -> None:
    write_good(tmp_path / "elsewhere")
    folder = data / FOLDER
    (folder / NAME).symlink_to(tmp_path / "elsewhere" / FOLDER / NAME)
    (folder / "dangling.h5").symlink_to(tmp_path / "nowhere.h5")
    (folder / "folder.h5").mkdir()
    os.mkfifo(folder / "pipe.h5")
    (folder / "notes.txt").write_text("no HDF5")
    (folder / ".hidden.h5").write_bytes(b"unfinished")
    for first in (True, False):
        told: list[str] = []
        results = watch_once(data, tmp_path / "state", tell=told.append)
        for name, what in (
            (NAME, "symbolic"),
            ("dangling.h5", "symbolic"),
            ("folder.h5", "folder"),
            ("pipe.h5", "file"),
        ):
            assert sum(name in sentence and what in sentence for sentence in told) == first, told
        assert not [sentence for sentence in told if "notes.txt" in sentence or ".hidden" in sentence]
    assert results.ledger["files"] == {"accepted": 1, "rejected": 0, "replaced": 0, "skipped": 0, "ignored": 6}
    assert results.ledger["balanced"]
    assert not results.alerts_of("snapshot_rejected")


def test_groups_that_are_no_records(data: Path, watched: Callable[[], WatchResults]) -> None:
    path = write_good(data)
    with h5py.File(path, "a") as file:
        for time in ("noise", "25-00-00-000", "09-34-0-1", "09:35:00.000"):
            file.create_group(time).create_group(CAMERA)
        file["09-34-50-000"] = h5py.ExternalLink("other.h5", "/")
        file["09-34-51-000"] = 5
    records = watched().ledger["records"]
    assert records["read"] == 6 * _SHOTS + 6
    assert records["dead_letter"] == 6


@pytest.mark.parametrize("name", ["LA_A3_32-Mystery-1", "LA_A3_31-Saga_1-Pump-1", "noise", "Camera-without-a-stage"])
def test_devices_that_are_no_part_of_triplets(name: str, data: Path, watched: Callable[[], WatchResults]) -> None:
    shots = {time: {**devices, name: Reading()} for time, devices in minute(_SHOTS).items()}
    if name.startswith("Camera"):
        image = np.zeros(IMAGE_SHAPE, np.uint16)
        shots = {time: {**devices, name: Camera(image=image)} for time, devices in minute(_SHOTS).items()}
    write_production(data / FOLDER / NAME, shots)
    results = watched()
    assert {row["outcome"] for row in results.rows_of(device=name)} == {"unjoined"}
    assert results.ledger["records"]["unjoined"] == _SHOTS
    assert results.ledger["records"]["triplet"] == 6 * _SHOTS


def _virtual(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout(IMAGE_SHAPE, "u2")
    layout[:] = h5py.VirtualSource(NEIGHBOUR, "image", IMAGE_SHAPE)
    group.create_virtual_dataset("ROIImageLow", layout)


def _external_link(group: h5py.Group) -> None:
    group["ROIImageLow"] = h5py.ExternalLink("/dev/zero", "/")


def _external_storage(group: h5py.Group) -> None:
    group.create_dataset("ROIImageLow", IMAGE_SHAPE, "u2", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])


def _cycle(group: h5py.Group) -> None:
    group["ROIImageLow"] = group.file["/"]


def _huge(group: h5py.Group) -> None:
    group.create_dataset("ROIImageLow", (2**40, 2**20), "u2", chunks=(10, 10))


IMAGE = np.zeros(IMAGE_SHAPE, np.uint16)


@pytest.mark.parametrize(
    ("device", "reading", "refusal"),
    [
        (CAMERA, Camera(image=IMAGE, state=None), "state_missing"),
        (CAMERA, Camera(image=IMAGE, state=np.bytes_(b"FAULT")), "state_not_on"),
        (CAMERA, Camera(image=None), "payload_missing"),
        (CAMERA, Camera(image=IMAGE.T), "wrong_shape"),
        (CAMERA, Camera(image=IMAGE.astype("c16")), "wrong_type"),
        (CAMERA, Camera(image=IMAGE.astype("i2") - 1), "out_of_range"),
        (CAMERA, Camera(image=IMAGE.astype("f8") * np.nan), "not_finite"),
        (CAMERA, Hostile(make=_virtual), "unreadable"),
        (CAMERA, Hostile(make=_external_link), "unreadable"),
        (CAMERA, Hostile(make=_external_storage), "unreadable"),
        (CAMERA, Hostile(make=_cycle), "unreadable"),
        (CAMERA, Hostile(make=_huge), "wrong_shape"),
        (METER, EnergyMeter(first=[np.nan], second=[np.nan]), "not_finite"),
        (METER, EnergyMeter(first=[np.inf], second=[1.0]), "not_finite"),
        (METER, EnergyMeter(first=[-1.0], second=[-2.0]), "no_energy"),
        (METER, EnergyMeter(first=np.bytes_(b"one"), second=[1.0]), "wrong_type"),
        (SPECTRO, Spectro(samples=np.full(2047, np.nan)), "not_finite"),
        (SPECTRO, Spectro(samples=np.zeros(2047)), "empty_spectrum"),
        (SPECTRO, Spectro(samples=-np.ones(2047)), "empty_spectrum"),
        (SPECTRO, Spectro(samples=np.ones((3, 3))), "wrong_shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_readings_that_do_not_count(
    device: str, reading: Reading, refusal: str, data: Path, watched: Callable[[], WatchResults]
) -> None:
    shots: dict[str, dict[str, Reading]] = {time: dict(devices) for time, devices in minute(_SHOTS).items()}
    wrong = times(_SHOTS)[5]
    shots[wrong][device] = reading
    write_production(data / FOLDER / NAME, shots)
    rows = watched().rows_of(device=device)
    assert len(rows) == _SHOTS
    odd = [row for row in rows if row["refusal"] == refusal]
    assert [row["event_time"].strftime("%H-%M-%S-%f")[:-3] for row in odd] == [wrong]
    assert odd[0]["outcome"] in {"invalid", "idle"}  # idle: refused only because there was nothing to measure
    assert not odd[0]["valid"]
    assert all(row["valid"] for row in rows if row not in odd)


def test_two_files_with_the_same_records(data: Path, watched: Callable[[], WatchResults]) -> None:
    write_good(data)
    write_good(data, NAME.replace("Computer01", "Computer07"))
    results = watched()
    assert results.ledger["records"]["duplicate"] == 3 * _SHOTS
    assert results.ledger["records"]["read"] == 9 * _SHOTS
    assert len({(row["event_time"], row["device"]) for row in results.rows_of(front_end="LA")}) == 3 * _SHOTS


def test_records_that_come_behind_later_ones(data: Path, watched: Callable[[], WatchResults]) -> None:
    later = {time.replace("09-34-0", "09-34-4"): devices for time, devices in minute(_SHOTS).items()}
    write_production(data / FOLDER / NAME, later)
    write_production(data / FOLDER / NAME.replace("09-34", "09-35"), minute(_SHOTS))
    results = watched()
    assert results.ledger["records"]["late"] == 3 * _SHOTS
    assert {row["event_time"].second for row in results.rows_of(outcome="late")} == {0, 1}


def _later(shots: Shots, start: str) -> Shots:
    """The same shots in another minute."""
    return {time.replace("09-34", start): devices for time, devices in shots.items()}


@pytest.mark.parametrize("wild", ["wild group", "another year", "another day"])
def test_wild_times_and_other_days(wild: str, data: Path, tmp_path: Path) -> None:
    """Records with a wrong time find an end of their own; those around them are none the worse."""
    for number in range(4):
        start = f"09-{34 + number}"
        write_production(data / FOLDER / NAME.replace("09-34", start), _later(minute(_SHOTS, seed=number), start))
    expected = watch_once(data, tmp_path / "undisturbed")
    name = NAME.replace("09-34", "09-36")
    if wild == "wild group":
        with h5py.File(data / FOLDER / name, "a") as file:
            for device, reading in minute(1)[times(1)[0]].items():
                reading.write(file.create_group(f"18-00-00-000/{device}"))
        more = 3
    else:
        other = {"another year": "2023-07-01", "another day": "2022-06-30"}[wild]
        write_production(data / FOLDER / name.replace("2022-07-01", other), _later(minute(_SHOTS), "09-36"))
        more = 3 * _SHOTS
    found = watch_once(data, tmp_path / "state")
    assert found.ledger["balanced"], found.ledger
    assert found.ledger["records"]["read"] == expected.ledger["records"]["read"] + more
    day = [time.strftime("%Y-%m-%d %H") == "2022-07-01 09" for time in found.shots["event_time"].to_pylist()]
    # Records of another time are records: they take part in what is rolling, and in nothing else.
    verdicts = ["event_time", "device", "outcome", "refusal", "scoring", "anomalous", "reasons"]
    assert_same_rows(found.shots.filter(day).select(verdicts), expected.shots.select(verdicts))
    assert_tidy(tmp_path / "state")


def test_yesterdays_file_comes_after_todays(data: Path, tmp_path: Path, neighbour_alone: WatchResults) -> None:
    write_good(data)
    watch_once(data, tmp_path / "state")
    write_good(data, NAME.replace("2022-07-01", "2022-06-30"))
    results = watch_once(data, tmp_path / "state")
    assert results.ledger["balanced"]
    assert results.ledger["records"]["late"] == 3 * _SHOTS
    assert results.ledger["files"]["accepted"] == 3


def test_a_file_that_grows_while_it_is_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_good(data)
    hold = content_module._hold
    grown: list[bool] = []

    def grow(descriptor: int, size: int) -> Any:
        if not grown and Path(f"/proc/self/fd/{descriptor}").readlink() == path:
            grown.append(True)
            with path.open("ab") as file:
                file.write(b"more")
        return hold(descriptor, size)

    monkeypatch.setattr(content_module, "_hold", grow)
    results = watch_once(data, tmp_path / "state")
    assert grown
    assert refused(tmp_path / "state", NAME) == "rejected: changed_while_read"
    assert results.ledger["balanced"]
    assert results.ledger["files"]["rejected"] == 1
    results = watch_once(data, tmp_path / "state")  # it is complete now
    assert results.ledger["files"] == {"accepted": 2, "rejected": 0, "replaced": 1, "skipped": 0, "ignored": 0}
    assert [alert["status"] for alert in results.alerts_of("snapshot_rejected")] == ["closed"]
    assert results.ledger["records"]["read"] == 6 * _SHOTS
    assert results.ledger["balanced"]


def test_the_other_dialect_beside_production_files(data: Path, watched: Callable[[], WatchResults]) -> None:
    frames = {str(66_541_038 + number): np.full(IMAGE_SHAPE, 100 + number, np.uint16) for number in range(5)}
    write_test_period(
        data / "2020-09-04.h5",
        {"DTG_66440739": frames},
        {"EnergyMeter": {"energy1Corrected": np.arange(4.0) + 1, "timeIndex": np.arange(4) * 1000}},
    )
    results = watched()
    assert results.ledger["records"]["unjoined"] >= 5
    assert results.ledger["files"]["accepted"] == 2


def test_states_that_are_no_words(data: Path, watched: Callable[[], WatchResults]) -> None:
    shots: dict[str, dict[str, Reading]] = {time: dict(devices) for time, devices in minute(_SHOTS).items()}
    for time, state in zip(times(3), (np.bytes_(b"ALARM"), 5, np.array([ON, ON])), strict=True):
        shots[time][PUMP] = Reading(state=state)
    write_production(data / FOLDER / NAME, shots)
    assert [row["refusal"] for row in watched().rows_of(device=PUMP)] == ["state_not_on"] * 3
