"""The folder of a training: the last epoch whole or not at all, and one training at a time."""

from pathlib import Path

import numpy as np
import pytest

from connectors.training_folder import TrainingFolder
from models.errors import FatalError

WEIGHTS = np.arange(5, dtype=np.float32)
STATE = {"weights": [WEIGHTS], "best_loss": float("inf"), "curve": [[0.5, 0.25]]}


def test_a_saved_epoch_comes_back_exactly(tmp_path: Path) -> None:
    with TrainingFolder(tmp_path / "a" / "b") as folder:
        assert folder.load("one") is None
        folder.save("one", STATE)
    with TrainingFolder(tmp_path / "a" / "b") as folder:
        loaded = folder.load("one")
        assert loaded is not None
        np.testing.assert_array_equal(loaded["weights"][0], WEIGHTS)
        assert (loaded["best_loss"], loaded["curve"]) == (float("inf"), [[0.5, 0.25]])
        assert folder.load("another") is None
        folder.clear()
        folder.clear()
        assert folder.load("one") is None


@pytest.mark.parametrize("size", [0, 10, 40, -1])
def test_a_damaged_state_is_none(tmp_path: Path, size: int) -> None:
    with TrainingFolder(tmp_path) as folder:
        folder.save("one", STATE)
        file = tmp_path / "epoch.state"
        file.write_bytes(file.read_bytes()[:size])
        assert folder.load("one") is None


def test_a_flipped_bit_is_seen(tmp_path: Path) -> None:
    with TrainingFolder(tmp_path) as folder:
        folder.save("one", STATE)
        file = tmp_path / "epoch.state"
        data = bytearray(file.read_bytes())
        data[-3] ^= 1
        file.write_bytes(data)
        assert folder.load("one") is None


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    with TrainingFolder(tmp_path):
        with pytest.raises(FatalError, match=r"another training works in .*; wait for its end") as error:
            TrainingFolder(tmp_path).__enter__()
        assert error.value.reason == "training_in_use"
    with TrainingFolder(tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FatalError, match=r"can't be saved in .*; check rights and space") as error:
        TrainingFolder(tmp_path / "file" / "below").__enter__()
    assert error.value.reason == "training_write"
