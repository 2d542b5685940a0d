"""Triplets in a real object store: the same bytes as in a folder, and the same model from them."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.object_store.address import ObjectAddress
from connectors.tfrecord.shard_writer import ShardSettings
from models.errors import FatalError, PetawatchError, RecordError
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from servers.minio_server import MinioServer
from streams.command_line import run
from streams.settings import Settings, load_settings
from streams.simulation.files import simulate
from streams.tfrecord_export import TfrecordSettings, export_tfrecords
from streams.training.train import train_model
from tests.support.minio import keeper_client, own_bucket, reader_settings

SHARDS = TfrecordSettings(idle_frames=20, shards=ShardSettings(shard_records=200))
SMALL = TrainingSettings(epochs=1, frames_per_camera=60, frames_in_total=60, minimum_frames=20)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("day")
    simulate(out, SimulationSettings(minutes=2, stages=1, cameras_per_stage=1, hz=5, faults=False))
    export_tfrecords([out / "data"], out / "shards", Settings(), SHARDS)
    return out


@pytest.fixture(scope="module")
def config(minio: MinioServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings as an operator writes them."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "secret").write_text(f"{minio.secret_key}\n")
    lines = [f'endpoint = "{minio.endpoint}"', f'access_key = "{minio.access_key}"', "secure = false", "retries = 1"]
    (folder / "petawatch.toml").write_text(
        "\n".join(["[object_store]", *lines, f'secret_key_file = "{folder / "secret"}"', ""])
    )
    return folder / "petawatch.toml"


@pytest.fixture(scope="module")
def exported(day: Path, minio: MinioServer, config: Path) -> ObjectAddress:
    """The day below a prefix of the store."""
    place = ObjectAddress(own_bucket(minio), "days/2022-07-01")
    export_tfrecords([day / "data"], place, load_settings(config), SHARDS)
    return place


def objects(minio: MinioServer, bucket: str) -> Iterator[tuple[str, bytes]]:
    client = keeper_client(minio)
    for found in client.list_objects(bucket, recursive=True):
        response = client.get_object(bucket, str(found.object_name))
        yield str(found.object_name), response.read()
        response.close()
        response.release_conn()


def test_the_same_bytes_lie_in_both(day: Path, minio: MinioServer, exported: ObjectAddress) -> None:
    expected = {f"{exported.prefix}/{path.name}": path.read_bytes() for path in (day / "shards").iterdir()}
    assert len(expected) == 3
    assert dict(objects(minio, exported.bucket)) == expected


def test_the_commands(
    day: Path, minio: MinioServer, exported: ObjectAddress, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{own_bucket(minio)}/a day"
    arguments = ["tfrecord", "export", str(day / "data"), "--into", place, "--config", str(config)]
    assert run(arguments) == 0
    assert f"of 1 cameras in 1 shards to {place}" in capsys.readouterr().out
    assert run(arguments) == 1
    assert f"{place} is not empty; name another folder" in capsys.readouterr().err
    assert run(["tfrecord", "info", str(exported), "--config", str(config)]) == 0
    assert "whole: every record fits its checksum" in capsys.readouterr().out
    assert run(["tfrecord", "info", f"s3://{exported.bucket}", "--config", str(config)]) == 1
    assert "holds no triplets; name the" in capsys.readouterr().err
    assert run(["tfrecord", "info", "s3://A", "--config", str(config)]) == 1
    assert capsys.readouterr().err.startswith("petawatch: s3://A names no bucket; write s3://BUCKET/PREFIX")


def test_an_export_that_is_refused_leaves_nothing(day: Path, minio: MinioServer, config: Path, tmp_path: Path) -> None:
    bucket = own_bucket(minio)
    settings = load_settings(config)
    with pytest.raises(PetawatchError, match=r"can't be written: the access key 'reader-.*' may not do that"):
        export_tfrecords(
            [day / "data"],
            ObjectAddress(bucket, ""),
            settings.model_copy(update={"object_store": reader_settings(minio, bucket, tmp_path)}),
            SHARDS,
        )
    with pytest.raises(FatalError, match=r"no bucket for s3://gone/"):
        export_tfrecords([day / "data"], ObjectAddress("gone", ""), settings, SHARDS)
    with pytest.raises(FatalError, match="there are no snapshots"):
        export_tfrecords([tmp_path], ObjectAddress(bucket, ""), settings, SHARDS)
    assert list(objects(minio, bucket)) == []


@pytest.mark.training
def test_training_from_the_store_gives_the_model_of_the_folder(
    day: Path, exported: ObjectAddress, config: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
    settings = load_settings(config)
    told: list[tuple[int, int]] = []
    there = train_model([exported], tmp_path / "there", settings, lambda *at: told.append(at), training=SMALL)
    here = train_model([day / "shards"], tmp_path / "here", settings, training=SMALL)
    assert told[-1] == (5, 5)
    assert there.folder.is_dir()
    assert there.bundle.onnx == here.bundle.onnx
    assert there.bundle.seeds == here.bundle.seeds
    files = there.bundle.trained_on["files"]
    assert sorted(files) == [f"{exported}/{path.name}" for path in sorted((day / "shards").glob("*.tfrecord"))]
    assert list(files.values()) == list(here.bundle.trained_on["files"].values())


@pytest.mark.training
def test_a_shard_of_another_export_ends_the_training(
    day: Path, minio: MinioServer, config: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
    bucket, client = own_bucket(minio), keeper_client(minio)
    shards = sorted((day / "shards").iterdir())
    for path in shards:
        content = path.read_bytes()
        client.put_object(bucket, path.name, io.BytesIO(content), len(content))
    other = shards[2].read_bytes()
    client.put_object(bucket, shards[1].name, io.BytesIO(other), len(other))
    with pytest.raises(RecordError, match=rf"{shards[1].name} has 120 records instead of 200; copy or export it again"):
        train_model([ObjectAddress(bucket, "")], tmp_path / "state", load_settings(config), training=SMALL)
    client.remove_object(bucket, shards[1].name)
    with pytest.raises(RecordError, match=rf"s3://{bucket}/{shards[1].name} is missing; copy or export it again"):
        train_model([ObjectAddress(bucket, "")], tmp_path / "state", load_settings(config), training=SMALL)
