"""What the settings name is trained, and every network that comes of it fits the watch."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.errors import FatalError
from models.images.autoencoder import Autoencoder
from models.training.architectures.pca import PrincipalComponents, principal_components
from models.training.settings import TrainingSettings
from models.training.time_split import TimeSplit
from models.training_choice import TRAINABLE, TrainingChoice
from streams.settings import load_settings
from tests.unit.models.training.test_first_model import beam

pytest.importorskip("tensorflow", reason="needs the training extra: pip install 'petawatch[training]'")
trainable = pytest.importorskip("models.training.trainable")

FRAMES: NDArray[np.float32] = np.stack(beam(48))
SPLIT = TimeSplit(training=[FRAMES[:40]], validation=[FRAMES[40:]])
PCA = TrainingSettings(architecture="pca")


@pytest.mark.training
def test_components_become_a_network_of_the_watch() -> None:
    trained = trainable.fit_architecture(SPLIT, PCA, start=default_model().onnx)
    assert (trained.epochs, trained.best_epoch, len(trained.curve)) == (1, 1, 1)
    assert (trained.training_frames, trained.validation_frames) == (40, 8)
    assert trained.validation_error < trained.start_error < 1.0
    assert trainable.fit_architecture(SPLIT, PCA).onnx == trained.onnx
    found = Autoencoder(trained.onnx, name="pca").reconstruct(FRAMES[40:])
    reconstruction, latent = np.empty_like(FRAMES[40:]), np.empty((8, 32), np.float32)
    PrincipalComponents(principal_components(SPLIT.training)).run(FRAMES[40:], reconstruction, latent)
    np.testing.assert_allclose(found[0], reconstruction, atol=0.5)
    np.testing.assert_allclose(found[1], latent, atol=1e-3)


@pytest.mark.training
def test_an_autoencoder_does_not_go_on_from_components() -> None:
    components = trainable.fit_architecture(SPLIT, PCA).onnx
    with pytest.raises(FatalError, match="of another kind; train a new one with --anew"):
        trainable.fit_architecture(SPLIT, TrainingSettings(epochs=1), start=components)


@pytest.mark.training
def test_components_need_frames_to_learn_and_to_validate() -> None:
    for split in (
        TimeSplit(training=[FRAMES[:0]], validation=[FRAMES]),
        TimeSplit(training=[FRAMES], validation=[FRAMES[:0]]),
    ):
        with pytest.raises(ValueError, match="at least two frames"):
            trainable.fit_architecture(split, PCA)


@pytest.mark.training
def test_every_architecture_that_can_be_chosen_can_be_trained() -> None:
    assert set(trainable._FITS) == set(TRAINABLE)
    assert set(TRAINABLE) >= trainable.TUNABLE


def test_the_choice_is_checked_when_settings_are_read(tmp_path: Path) -> None:
    config = tmp_path / "petawatch.toml"
    config.write_text('[training]\narchitecture = "pca"\n', encoding="utf-8")
    assert load_settings(config).training == TrainingChoice(architecture="pca")
    config.write_text('[training]\narchitecture = "nonsense"\n', encoding="utf-8")
    with pytest.raises(FatalError, match="architecture must be one of strided, denoising, pca"):
        load_settings(config)
    with pytest.raises(ValueError, match="got 'nonsense'"):
        TrainingSettings(architecture="nonsense")
