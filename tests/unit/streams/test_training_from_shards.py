"""`petawatch train` on exported triplets that can't be trained on: one sentence, which names the shard or the folder.

That they become a model is shown by ``tests/integration/test_shards_in_object_store.py``.
"""

import shutil
from pathlib import Path

import pytest

from models.errors import FatalError, RecordError
from models.simulation.settings import SimulationSettings
from models.training.settings import TrainingSettings
from streams.settings import Settings
from streams.simulation.files import simulate
from streams.tfrecord_export import export_tfrecords
from streams.training.train import train_model

pytestmark = pytest.mark.training
pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")

SMALL = TrainingSettings(epochs=1, frames_per_camera=60, frames_in_total=60, minimum_frames=20)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("day")
    simulate(out, SimulationSettings(minutes=2, stages=1, cameras_per_stage=1, hz=5, faults=False))
    export_tfrecords([out / "data"], out / "shards", Settings())
    return out


def test_a_damaged_shard_ends_the_training(day: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shards"
    copy.mkdir()
    for path in (day / "shards").iterdir():
        data = path.read_bytes()
        (copy / path.name).write_bytes(data[: len(data) // 2] if path.suffix == ".tfrecord" else data)
    with pytest.raises(RecordError, match=r"triplets-00000.tfrecord ends in the middle of record \d+, which begins at"):
        train_model([copy], tmp_path / "state", Settings(), training=SMALL)


def test_snapshots_and_shards_are_not_mixed(day: Path, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=r"holds exported triplets and .* does not; train on either"):
        train_model([day / "shards", day / "data"], tmp_path / "state", Settings(), training=SMALL)


def test_a_folder_that_is_missing_is_named(day: Path, tmp_path: Path) -> None:
    for paths in ([tmp_path / "gone"], [day / "data", tmp_path / "gone"]):
        with pytest.raises(FatalError, match=r"gone is missing; name a folder that holds \*.h5 files"):
            train_model(paths, tmp_path / "state", Settings(), training=SMALL)


def test_an_export_that_did_not_end_is_named(day: Path, tmp_path: Path) -> None:
    shutil.copytree(day / "shards", tmp_path / "cut")
    (tmp_path / "cut" / "schema.json").unlink()
    with pytest.raises(FatalError, match=r"has shards but no schema.json: its export did not end; remove it"):
        train_model([tmp_path / "cut"], tmp_path / "state", Settings(), training=SMALL)
