"""A network tuned to one camera is compared with the shared one fairly."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.records import IMAGE_SHAPE
from models.training.settings import TrainingSettings

pytestmark = pytest.mark.training
pytest.importorskip("keras", reason="needs the training extra: pip install 'petawatch[training]'")
fit = pytest.importorskip("models.training.fit")
fine_tuning = pytest.importorskip("models.training.fine_tuning")

SETTINGS = TrainingSettings(epochs=3, batch_frames=16, minimum_frames=20, seed=3, fine_tuning_epochs=4)


def camera(seed: int, count: int = 60) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    y, x = random.uniform([35, 40], [65, 90])
    width = random.uniform(8, 18)
    frames = []
    for _ in range(count):
        at_y, at_x = y + random.normal(), x + random.normal()
        frames.append((2000 * np.exp(-((rows - at_y) ** 2 + (columns - at_x) ** 2) / (2 * width**2))).astype("f4"))
    return frames


def test_a_camera_that_the_shared_network_never_saw_gains() -> None:
    known, unknown = camera(1), camera(2)
    shared = fit.train_network([known], SETTINGS).onnx
    parts = {"unknown": (unknown[:40], unknown[40:]), "empty": ([], unknown[40:])}
    told: list[int] = []
    gains = fine_tuning.fine_tuning_gains(shared, parts, SETTINGS, step_done=lambda: told.append(1))
    assert list(gains) == ["unknown"]
    assert gains["unknown"].is_real
    assert len(told) == 4
    alone = fine_tuning.fine_tuning_gains(shared, {"b": (known[:40], known[40:]), **parts}, SETTINGS)
    assert alone["unknown"] == gains["unknown"]  # whatever was tuned before


def test_no_learning_is_no_gain() -> None:
    known = camera(1)
    shared = fit.train_network([known], SETTINGS).onnx
    still = replace(SETTINGS, learning_rate=1e-9)
    gains = fine_tuning.fine_tuning_gains(shared, {"known": (known[:40], known[40:])}, still)
    assert gains["known"].after == pytest.approx(gains["known"].before, rel=1e-3)
    assert not gains["known"].is_real
