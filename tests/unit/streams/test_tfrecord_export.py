"""`petawatch tfrecord export`: the watch's own triplets, bit for bit what the snapshots hold, whole or not at all."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.record_shards import ShardFolder
from connectors.snapshots.reader import open_snapshot
from connectors.tfrecord.example import decode_example
from connectors.tfrecord.framing import read_frames
from connectors.tfrecord.inspection import inspect_shards
from connectors.tfrecord.schema import RecordSchema
from connectors.tfrecord.shard_writer import ShardSettings
from connectors.waiting_payloads import WaitingPayloads
from models.devices import Device, RecordKind
from models.errors import FatalError
from models.images.dark_tracker import CleaningSettings, DarkTracker
from models.records import DeviceState, RecordBlock
from models.simulation.settings import SimulationSettings
from models.training.shard import Shard
from models.validity import energy_j
from streams import tfrecord_export
from streams.command_line import run
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.tfrecord_export import TfrecordSettings, export_tfrecords
from tests.support.snapshot_files import CAMERA, Camera, one, write_production
from tests.support.watch_results import WatchResults
from tests.support.watching import watch_once

Example = dict[str, Any]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes with faults, the first without beam; two stages, one of them with two cameras of its own."""
    out = tmp_path_factory.mktemp("day")
    simulate(out, SimulationSettings(minutes=3, stages=2, cameras_per_stage=2, hz=5, seed=1, fault_spacing_s=8))
    return out / "data"


@pytest.fixture(scope="module")
def watched(day: Path, tmp_path_factory: pytest.TempPathFactory) -> WatchResults:
    return watch_once(day, tmp_path_factory.mktemp("watched") / "state")


@pytest.fixture(scope="module")
def exported(day: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecordSchema]:
    into = tmp_path_factory.mktemp("exported") / "shards"
    options = TfrecordSettings(idle_frames=40, shards=ShardSettings(shard_records=300))
    return into, export_tfrecords([day], into, Settings(), options)


@pytest.fixture(scope="module")
def examples(exported: tuple[Path, RecordSchema]) -> list[Example]:
    return list(read_all(exported[0]))


def read_all(folder: Path) -> Iterator[Example]:
    for path in sorted(folder.glob("*.tfrecord")):
        with path.open("rb") as stream:
            for data in read_frames(stream, path.name):
                values = {name: value for name, (_, value) in decode_example(data).items()}
                yield {name: v[0] if isinstance(v, tuple) and len(v) == 1 else v for name, v in values.items()}


def read_snapshots(day: Path) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, float]]:
    """Images and spectra by device and time, energies by stage and time."""
    images, spectra, energies = {}, {}, {}
    for path in sorted(day.rglob("*.h5")):
        with open_snapshot(path, root=day) as snapshot:
            for block in snapshot.blocks(64):
                for row, time in enumerate(block.event_time_ns.tolist()):
                    if block.device.kind is RecordKind.CAMERA:
                        images[block.device.name, time] = block.payload[row]
                    elif block.device.kind is RecordKind.SPECTROMETER:
                        spectra[block.device.name, time] = block.payload[row]
                    elif block.device.kind is RecordKind.ENERGY_METER:
                        energies[str(block.device.stage), time] = energy_j(block.payload[row : row + 1])[0]
    return images, spectra, energies


def test_the_records_are_the_triplets_of_the_watch(watched: WatchResults, examples: list[Example]) -> None:
    rows = watched.rows_of(kind="camera", outcome="triplet")
    expected = {(row["device"], row["event_time"].value) for row in rows}
    found = {(example["camera"].decode(), example["timestamp"]) for example in examples if not example["idle"]}
    assert found == expected
    assert len(found) > 500
    assert watched.outcomes()["incomplete"] > 0
    shots = {row["event_time"].value for row in watched.triplets.to_pylist() if row["complete"]}
    assert {example["shot"] for example in examples if not example["idle"]} <= shots


def test_images_energies_and_spectra_are_those_of_the_snapshots(
    day: Path, watched: WatchResults, examples: list[Example]
) -> None:
    images, spectra, energies = read_snapshots(day)
    table = {
        (row["front_end"], row["amp"], row["arm"], row["event_time"].value): row for row in watched.triplets.to_pylist()
    }
    for example in examples:
        camera, time = example["camera"].decode(), example["timestamp"]
        arm = {1: "31", 2: "32"}[example["arm"]]
        image = np.frombuffer(example["image"], "<u2").reshape(example["image_shape"])
        np.testing.assert_array_equal(image, images[camera, time])
        assert (example["front"], example["amp"], example["date"], example["interval"]) == (1, 3, b"2022-07-01", 5.0)
        row = table["LA", "A3", arm, example["shot"]]
        assert bool(row["idle"]) == bool(example["idle"])
        if example["idle"]:
            continue
        spectrum = np.frombuffer(example["spectra"], "<f4")
        assert len(spectrum) == example["spectra_length"] == 2047
        same_time = next(
            at
            for at in range(time - 5_000_000, time + 5_000_001, 1_000_000)
            if (example["spectrometer"].decode(), at) in spectra
        )
        np.testing.assert_array_equal(spectrum, spectra[example["spectrometer"].decode(), same_time].astype(np.float32))
        assert example["energymeter"] == np.float32(row["energy_j"]) == np.float32(energies[f"LA-A3-{arm}", same_time])


def test_the_schema_says_what_there_is(exported: tuple[Path, RecordSchema], examples: list[Example]) -> None:
    folder, schema = exported
    found = inspect_shards(ShardFolder(folder))
    assert found.problems == []
    assert found.counts == schema.counts == found.schema.counts
    assert schema.counts.records == len(examples)
    assert schema.counts.triplets == sum(not example["idle"] for example in examples)
    document = json.loads((folder / "schema.json").read_text())
    assert sorted(feature["name"] for feature in document["features"]) == sorted(examples[0])
    assert len({source["file"] for source in document["sources"]}) == len(document["sources"]) == 6
    assert set(document["made_with"]["versions"]) == {"petawatch", "h5py", "numpy"}
    assert max(shard.records for shard in schema.shards) == 300


def test_of_a_pause_only_the_beginning_is_written(examples: list[Example]) -> None:
    cameras = {example["camera"] for example in examples}
    for camera in cameras:
        idle = [example["idle"] for example in examples if example["camera"] == camera]
        assert idle[:41] == [1] * 40 + [0]
        assert [example["timestamp"] for example in examples if example["camera"] == camera] == sorted(
            example["timestamp"] for example in examples if example["camera"] == camera
        )


def test_the_same_snapshots_give_the_same_bytes_however_they_are_cut_and_wait(
    day: Path, exported: tuple[Path, RecordSchema], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tfrecord_export, "WaitingPayloads", lambda folder: WaitingPayloads(folder, memory_bytes=1_000_000)
    )
    options = TfrecordSettings(idle_frames=40, shards=ShardSettings(shard_records=300))
    settings = load_settings(None, units={"block_records": 50, "unit_bytes": 2_000_000})
    told: list[tuple[int, int]] = []
    again = export_tfrecords([day], tmp_path / "again", settings, options, lambda *at: told.append(at))
    for path in exported[0].iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
    assert again.shards == exported[1].shards
    assert told == [(done, 6) for done in range(7)]


def cleaned_beam(blocks: Iterable[RecordBlock]) -> dict[Any, Any]:
    """The cleaned images with beam by camera and time, with the dark profiles that these blocks give."""
    trackers: dict[Device, DarkTracker] = {}
    found = {}
    for block in blocks:
        rows = np.flatnonzero(block.state == DeviceState.ON)
        raw = np.ascontiguousarray(block.payload[rows])
        cleaned = np.empty(raw.shape, np.float32)
        _, dark = trackers.setdefault(block.device, DarkTracker(CleaningSettings())).clean(raw, cleaned)
        for row in np.flatnonzero(~dark).tolist():
            found[block.device.name, int(block.event_time_ns[rows[row]])] = cleaned[row]
    return found


@pytest.mark.training
def test_training_gets_the_cleaned_images_that_the_snapshots_would_give(day: Path, tmp_path: Path) -> None:
    tfrecords = pytest.importorskip("models.training.tfrecords", reason="pip install 'petawatch[training]'")
    schema = export_tfrecords([day], tmp_path / "out", Settings())
    shards = [Shard(str(tmp_path / "out" / entry.name), entry.records, entry.sha256) for entry in schema.shards]
    found = cleaned_beam(tfrecords.frames_of_shards(shards))
    expected = cleaned_beam(block for path in sorted(day.rglob("*.h5")) for block in camera_blocks(path, day))
    # A camera that was dark while its stage fired is part of a triplet, too.
    assert 0 <= schema.counts.triplets - len(found) < 20
    for key, image in found.items():
        np.testing.assert_array_equal(image, expected[key])


def camera_blocks(path: Path, root: Path) -> Iterator[RecordBlock]:
    with open_snapshot(path, root=root) as snapshot:
        for block in snapshot.blocks(64):
            if block.device.kind is RecordKind.CAMERA:
                yield block


def test_a_snapshot_that_cannot_be_read_is_noted(day: Path, tmp_path: Path) -> None:
    (day / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\nbut no more than that")
    try:
        schema = export_tfrecords([day], tmp_path / "out", Settings())
    finally:
        (day / "damaged.h5").unlink()
    assert [(entry["file"], entry["reason"]) for entry in schema.unread] == [("damaged.h5", "no_date")]
    assert schema.counts.triplets > 500


def test_a_failure_leaves_nothing_behind(day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tfrecord_export, "write_schema", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_tfrecords([day], tmp_path / "out", Settings(), TfrecordSettings(shards=ShardSettings(shard_records=100)))
    assert list((tmp_path / "out").iterdir()) == []


def test_no_snapshots_and_no_triplets(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"there are no snapshots in .*; name a folder") as error:
        export_tfrecords([tmp_path], tmp_path / "out", Settings())
    assert error.value.reason == "tfrecord_files"
    assert not (tmp_path / "out").exists()
    name = "LA_R_60s_snapshot_2022-07-01_09-34-00-000.h5"
    write_production(tmp_path / "10Hz" / name, one(CAMERA, Camera(image=np.zeros((3, 4), np.uint16))))
    with pytest.raises(FatalError, match="there is no whole triplet with an image") as error:
        export_tfrecords([tmp_path], tmp_path / "out", Settings())
    assert error.value.reason == "tfrecord_empty"
    with pytest.raises(FatalError, match=r"gone is missing; name a folder that holds \*.h5 files"):
        export_tfrecords([tmp_path / "10Hz", tmp_path / "gone"], tmp_path / "out", Settings())


def test_the_commands(day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shards"
    assert run(["tfrecord", "export", str(day), "--into", str(out), "--shard-mb", "8", "--idle-frames", "0"]) == 0
    assert "triplets and 0 images without beam of 4 cameras in" in capsys.readouterr().out
    assert run(["tfrecord", "export", str(day), "--into", str(out)]) == 1
    assert "is not empty; name another folder" in capsys.readouterr().err
    assert run(["tfrecord", "info", str(tmp_path / "gone")]) == 1
    assert "gone is missing; name the folder that petawatch tfrecord export wrote" in capsys.readouterr().err
    assert run(["tfrecord", "info", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "stage LA-A3-31" in printed
    assert "whole: every record fits its checksum" in printed
    shard = out / "triplets-00000.tfrecord"
    shard.write_bytes(shard.read_bytes()[:-3])
    assert run(["tfrecord", "info", str(out)]) == 1
    assert "triplets-00000.tfrecord ends in the middle of record" in capsys.readouterr().err
