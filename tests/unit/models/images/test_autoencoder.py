"""The autoencoder at work: a frame's result depends on nothing but the frame."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.model_files import default_model
from models.errors import FatalError
from models.images.autoencoder import LATENT_SIZE, SUB_BATCH, Autoencoder
from models.records import IMAGE_SHAPE


@pytest.fixture(scope="module")
def network() -> bytes:
    return default_model().onnx


@pytest.fixture(scope="module")
def autoencoder(network: bytes) -> Autoencoder:
    return Autoencoder(network, name="test")


def beams(count: int, seed: int = 1) -> NDArray[np.float32]:
    """Round beams of any place, width and brightness with noise, thresholded as cleaned images are."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[: IMAGE_SHAPE[0], : IMAGE_SHAPE[1]]
    images = np.empty((count, *IMAGE_SHAPE), np.float32)
    for image in images:
        y, x, width, peak = random.uniform([40, 50, 8, 200], [60, 80, 20, 3800])
        beam = peak * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2))
        noisy = beam + random.normal(0, 4, IMAGE_SHAPE)
        image[:] = np.where(noisy > 20, noisy, 0)
    return images


def equal(first: tuple[NDArray[np.float32], ...], second: tuple[NDArray[np.float32], ...]) -> bool:
    return all(one.tobytes() == other.tobytes() for one, other in zip(first, second, strict=True))


def test_a_frame_gives_the_same_bits_alone_in_any_batch_and_at_any_place(autoencoder: Autoencoder) -> None:
    images = beams(3 * SUB_BATCH + 3)
    reconstruction, latent = autoencoder.reconstruct(images)
    for count in range(1, 2 * SUB_BATCH + 2):
        for start in (0, 1, SUB_BATCH - 1):
            part = slice(start, start + count)
            assert equal(autoencoder.reconstruct(images[part]), (reconstruction[part], latent[part])), (start, count)
    random = np.random.default_rng(2)
    for _ in range(5):
        order = random.permutation(len(images))
        assert equal(autoencoder.reconstruct(images[order]), (reconstruction[order], latent[order]))


def test_every_place_of_a_sub_batch_with_every_kind_of_neighbour(autoencoder: Autoencoder) -> None:
    image = beams(1, seed=3)
    alone = autoencoder.reconstruct(image)
    dark, full = np.zeros_like(image[0]), np.full_like(image[0], 4092)
    for place in range(SUB_BATCH):
        for neighbour in (dark, full, np.full_like(dark, np.nan), np.full_like(dark, np.inf), -full):
            batch = np.repeat(neighbour[None], SUB_BATCH, axis=0)
            batch[place] = image[0]
            reconstruction, latent = autoencoder.reconstruct(batch)
            assert equal((reconstruction[place : place + 1], latent[place : place + 1]), alone)


def test_memory_at_any_address_gives_the_same_bits(autoencoder: Autoencoder) -> None:
    images = beams(SUB_BATCH)
    wanted = autoencoder.reconstruct(images)
    for offset in (1, 3, 7):
        buffers = [
            np.empty(array.size + offset, np.float32)[offset:].reshape(array.shape) for array in (images, *wanted)
        ]
        buffers[0][:] = images
        autoencoder.run(buffers[0], buffers[1], buffers[2])
        assert equal((buffers[1], buffers[2]), wanted)


def test_results_go_into_the_arrays_that_were_given_and_nowhere_else(autoencoder: Autoencoder) -> None:
    images = beams(2 * SUB_BATCH + 1)
    reconstruction = np.full((len(images) + 2, *IMAGE_SHAPE), 7.0, np.float32)
    latent = np.full((len(images) + 2, LATENT_SIZE), 7.0, np.float32)
    autoencoder.run(images, reconstruction[1:-1], latent[1:-1])
    assert equal((reconstruction[1:-1], latent[1:-1]), autoencoder.reconstruct(images))
    assert all((array[[0, -1]] == 7.0).all() for array in (reconstruction, latent))


def test_no_frames_give_no_results(autoencoder: Autoencoder) -> None:
    reconstruction, latent = autoencoder.reconstruct(np.empty((0, *IMAGE_SHAPE), np.float32))
    assert reconstruction.shape == (0, *IMAGE_SHAPE)
    assert latent.shape == (0, LATENT_SIZE)


def test_instances_in_several_threads_give_the_same_bits(network: bytes) -> None:
    images = beams(5 * SUB_BATCH)
    wanted = Autoencoder(network, name="test").reconstruct(images)

    def work(_: int) -> bool:
        own = Autoencoder(network, name="test")
        return all(equal(own.reconstruct(images), wanted) for _ in range(4))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_the_scale_is_fixed_not_the_images_own(autoencoder: Autoencoder) -> None:
    image = beams(1, seed=4) * np.float32(0.5)
    reconstruction, latent = autoencoder.reconstruct(image)
    twice_reconstruction, twice_latent = autoencoder.reconstruct(image * np.float32(2.0))
    np.testing.assert_allclose(twice_latent, 2 * latent, rtol=1e-4, atol=1e-5 * np.abs(latent).max())
    np.testing.assert_allclose(twice_reconstruction, 2 * reconstruction, rtol=1e-4, atol=0.01)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 102, 127), np.float32),
        np.zeros((2, *IMAGE_SHAPE), np.float64),
        np.zeros((4, *IMAGE_SHAPE), np.float32)[::2],
        np.zeros(IMAGE_SHAPE, np.float32),
    ],
    ids=["shape", "dtype", "strided", "no batch"],
)
def test_other_arrays_are_refused(autoencoder: Autoencoder, images: NDArray[np.float32]) -> None:
    outputs = np.empty((2, *IMAGE_SHAPE), np.float32), np.empty((2, LATENT_SIZE), np.float32)
    with pytest.raises(ValueError, match="images must be float32 in C order"):
        autoencoder.run(images, *outputs)


def test_an_output_of_another_length_is_refused(autoencoder: Autoencoder) -> None:
    with pytest.raises(ValueError, match="latent must be"):
        autoencoder.run(beams(2), np.empty((2, *IMAGE_SHAPE), np.float32), np.empty((3, LATENT_SIZE), np.float32))


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_bytes_that_are_no_network_are_one_clear_error(network: bytes, damage: str) -> None:
    bad = {"empty": b"", "text": b"not a network", "cut": network[: len(network) // 2]}[damage]
    with pytest.raises(FatalError, match="model test: the network can't be read") as error:
        Autoencoder(bad, name="test")
    assert error.value.reason == "model_damaged"


def test_a_network_of_another_shape_is_refused(network: bytes) -> None:
    renamed = re.sub(rb"latent(?!_)", b"tnetal", network)
    with pytest.raises(FatalError) as error:
        Autoencoder(renamed, name="test")
    assert error.value.reason == "model_shape"


def test_a_network_that_cannot_be_compiled_is_one_clear_error() -> None:
    """Its inputs and outputs are right, but it takes two images at a time only."""
    onnx = pytest.importorskip("onnx", reason="needs the training extra: pip install 'petawatch[training]'")
    helper, from_array = onnx.helper, onnx.numpy_helper.from_array
    pixels, kind = IMAGE_SHAPE[0] * IMAGE_SHAPE[1], onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["image_counts", "flat"], ["rows"]),
            helper.make_node("Reshape", ["rows", "square"], ["reconstruction_counts"]),
            helper.make_node("MatMul", ["rows", "weights"], ["latent"]),
        ],
        "two",
        [helper.make_tensor_value_info("image_counts", kind, ["n", *IMAGE_SHAPE])],
        [
            helper.make_tensor_value_info("reconstruction_counts", kind, [2, *IMAGE_SHAPE]),
            helper.make_tensor_value_info("latent", kind, [2, LATENT_SIZE]),
        ],
        [
            from_array(np.array([2, pixels]), "flat"),
            from_array(np.array([2, *IMAGE_SHAPE]), "square"),
            from_array(np.zeros((pixels, LATENT_SIZE), np.float32), "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(FatalError, match="model test: OpenVINO can't run the network") as error:
        Autoencoder(model.SerializeToString(), name="test")
    assert error.value.reason == "model_shape"
