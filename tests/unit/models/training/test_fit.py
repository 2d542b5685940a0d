"""The training loop: it learns, on later frames too, gives the same model twice, and never a worse one."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.images.autoencoder import Autoencoder
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE
from models.state import decode_state, encode_state
from models.training.settings import TrainingSettings
from models.training.time_split import TimeSplit

pytestmark = pytest.mark.training
pytest.importorskip("keras", reason="needs the training extra: pip install 'petawatch[training]'")
fit = pytest.importorskip("models.training.fit")
onnx_export = pytest.importorskip("models.training.onnx_export")

SETTINGS = TrainingSettings(epochs=4, batch_frames=16, minimum_frames=20, seed=3)


def camera(seed: int, count: int = 60) -> NDArray[np.float32]:
    """A round beam that wanders: cleaned frames in the order of time."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    y, x, width = random.uniform([40, 50, 10], [60, 80, 18])
    peak = random.uniform(300, 3000)
    frames = np.empty((count, *IMAGE_SHAPE), np.float32)
    for frame in frames:
        at_y, at_x = y + random.normal(), x + random.normal()
        frame[:] = peak * np.exp(-((rows - at_y) ** 2 + (columns - at_x) ** 2) / (2 * width**2))
    return frames


@pytest.fixture(scope="module")
def cameras() -> list[NDArray[np.float32]]:
    return [camera(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def trained(cameras: list[NDArray[np.float32]]) -> object:
    return fit.train_network(cameras, SETTINGS)


def test_it_learns_and_the_error_is_that_of_the_exported_network(
    cameras: list[NDArray[np.float32]], trained: object
) -> None:
    later = np.concatenate([frames[48:] for frames in cameras])
    reconstruction, _ = Autoencoder(trained.onnx, name="test").reconstruct(later)  # type: ignore[attr-defined]
    residual = np.sqrt(((later - reconstruction) ** 2).mean((1, 2)))
    brightness = np.sqrt((later**2).mean((1, 2))) + 1e-3 * FULL_SCALE_COUNTS
    error = float((residual / brightness).mean())
    assert trained.validation_error == pytest.approx(error, rel=1e-3)  # type: ignore[attr-defined]
    assert error < 0.5 * trained.start_error  # type: ignore[attr-defined]
    assert (trained.training_frames, trained.validation_frames) == (144, 36)  # type: ignore[attr-defined]


def test_the_same_frames_and_seed_give_the_same_bytes(cameras: list[NDArray[np.float32]], trained: object) -> None:
    assert fit.train_network(cameras, SETTINGS).onnx == trained.onnx  # type: ignore[attr-defined]
    assert fit.train_network(cameras, replace(SETTINGS, seed=4)).onnx != trained.onnx  # type: ignore[attr-defined]


def test_progress_is_told_after_every_epoch(cameras: list[NDArray[np.float32]]) -> None:
    told: list[tuple[int, int]] = []
    fit.train_network(
        cameras, replace(SETTINGS, epochs=2), progress=lambda report: told.append((report.epoch, report.epochs))
    )
    assert told == [(1, 2), (2, 2)]


def test_only_earlier_frames_are_learned(cameras: list[NDArray[np.float32]]) -> None:
    spoiled = [frames.copy() for frames in cameras]
    for frames in spoiled:
        frames[48:] = 4092 * np.random.default_rng(1).random((12, *IMAGE_SHAPE))
    once = replace(SETTINGS, epochs=1)
    clean, other = fit.train_network(cameras, once), fit.train_network(spoiled, once)
    assert other.onnx == clean.onnx
    assert other.validation_error > clean.validation_error


def test_training_that_makes_it_worse_gives_the_old_weights_back(
    cameras: list[NDArray[np.float32]], trained: object
) -> None:
    weights = onnx_export.weights_of(trained.onnx)  # type: ignore[attr-defined]
    wild = replace(SETTINGS, epochs=1, learning_rate=0.9)
    worse = fit.train_network(cameras, wild, start_weights=weights)
    assert worse.best_epoch == 0
    assert worse.validation_error == worse.start_error
    for found, wanted in zip(onnx_export.weights_of(worse.onnx), weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


class Killed(BaseException):
    """Ends a training as a kill does."""


@pytest.mark.parametrize("start", ["anew", "from a model"])
def test_a_training_that_goes_on_after_a_kill_gives_the_same_model(
    cameras: list[NDArray[np.float32]], trained: object, start: str
) -> None:
    weights = onnx_export.weights_of(trained.onnx) if start == "from a model" else None  # type: ignore[attr-defined]
    split = TimeSplit(training=[frames[:48] for frames in cameras], validation=[frames[48:] for frames in cameras])
    whole = fit.fit_network(split, SETTINGS, start_weights=weights)
    saved: list[bytes] = []

    def kill_after_two(report: object) -> None:
        if report.epoch == 2:  # type: ignore[attr-defined]
            raise Killed

    hooks = fit.Hooks(epoch_done=kill_after_two, save=lambda state: saved.append(encode_state(state)))
    with pytest.raises(Killed):
        fit.fit_network(split, SETTINGS, start_weights=weights, hooks=hooks)
    assert len(saved) == 2
    told: list[int] = []
    resumed = fit.fit_network(
        split,
        SETTINGS,
        start_weights=weights,
        resumed=decode_state(saved[-1]),
        hooks=fit.Hooks(epoch_done=lambda report: told.append(report.epoch)),
    )
    assert told == [3, 4]
    assert resumed.onnx == whole.onnx
    assert resumed == whole


def test_training_ends_when_it_gets_no_better(cameras: list[NDArray[np.float32]]) -> None:
    wild = replace(SETTINGS, epochs=40, learning_rate=0.3, patience_epochs=2)
    result = fit.train_network(cameras, wild)
    assert result.epochs == result.best_epoch + 2 < 40
    errors = [report.validation_error for report in result.curve]
    assert result.validation_error == errors[result.best_epoch - 1]


def test_every_step_may_end_a_training(cameras: list[NDArray[np.float32]]) -> None:
    steps: list[int] = []

    def step_done() -> None:
        steps.append(1)
        if len(steps) == 4:
            raise Killed

    split = TimeSplit(training=cameras, validation=cameras)
    with pytest.raises(Killed):
        fit.fit_network(split, SETTINGS, hooks=fit.Hooks(step_done=step_done))
    assert len(steps) == 4


def test_one_frame_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least two frames"):
        fit.train_network([camera(1, count=1)], SETTINGS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 1.0},
        {"validation_share": 0.0},
        {"seed": -1},
        {"frames_in_total": 10},
        {"frames_per_camera": 1},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingSettings(**wrong)  # type: ignore[arg-type]
