"""The exported graph computes what the Keras network does, in counts, and gives the weights back."""

import numpy as np
import pytest

from models.errors import FatalError
from models.images.autoencoder import LATENT_SIZE, Autoencoder
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

pytestmark = pytest.mark.training
keras = pytest.importorskip("keras", reason="needs the training extra: pip install 'petawatch[training]'")
onnx_export = pytest.importorskip("models.training.onnx_export")
network = pytest.importorskip("models.training.network")


@pytest.fixture(scope="module")
def built() -> object:
    keras.utils.set_random_seed(5)
    return network.build_network()


@pytest.fixture(scope="module")
def exported(built: object) -> bytes:
    graph = onnx_export.export_onnx(built.get_weights(), negative_slope=network.NEGATIVE_SLOPE)  # type: ignore[attr-defined]
    assert isinstance(graph, bytes)
    return graph


def test_the_graph_in_counts_equals_the_network_in_full_scales(built: object, exported: bytes) -> None:
    random = np.random.default_rng(1)
    images = (random.random((5, *IMAGE_SHAPE)) * FULL_SCALE_COUNTS).astype(np.float32)
    images[:, :, 64:] *= 0.1  # so that a wrong order of rows, columns or channels shows
    reconstruction, latent = Autoencoder(exported, name="test").reconstruct(images)
    encoder = keras.Model(built.input, built.get_layer("latent").output)  # type: ignore[attr-defined]
    scaled = images / np.float32(FULL_SCALE_COUNTS)
    wanted = np.asarray(built(scaled)) * FULL_SCALE_COUNTS  # type: ignore[operator]
    np.testing.assert_allclose(reconstruction, wanted, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(latent, np.asarray(encoder(scaled)), atol=1e-4 * np.abs(latent).max())
    assert np.abs(latent).min() > 0


def test_the_same_weights_give_the_same_bytes_and_come_back(built: object, exported: bytes) -> None:
    weights = built.get_weights()  # type: ignore[attr-defined]
    assert onnx_export.export_onnx(weights, negative_slope=network.NEGATIVE_SLOPE) == exported
    for found, wanted in zip(onnx_export.weights_of(exported), weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert weights[-1].shape == (LATENT_SIZE, IMAGE_SHAPE[0] * IMAGE_SHAPE[1])


def test_a_graph_of_another_kind_is_one_clear_error(exported: bytes) -> None:
    with pytest.raises(FatalError, match="train a new one with --anew") as error:
        onnx_export.weights_of(exported.replace(b"decoder_weights", b"weights_decoder"))
    assert error.value.reason == "model_shape"
