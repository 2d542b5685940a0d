"""The convolutional autoencoder at work: cleaned images in, reconstructions and latent vectors out."""

from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from models.errors import FatalError
from models.records import IMAGE_SHAPE

#: Length of the latent vector.
LATENT_SIZE = 32
#: Frames of one inference. The fastest per image of 1, 8, 16 and 32 (the activations stay in the second-level cache),
#: and always the same, so that a frame's result can't depend on how many frames came with it.
SUB_BATCH = 8
#: Names of the graph's input and outputs.
INPUT_NAME, RECONSTRUCTION_NAME, LATENT_NAME = "image_counts", "reconstruction_counts", "latent"

# One thread each, not bound to a core: several instances share the cores with everything else. Full precision, since
# lower ones differ between processors.
_COMPILE_OPTIONS = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
}

Float32Array = NDArray[np.float32]


class Autoencoder:
    """One compiled network with its buffers; for one thread at a time (make one instance per thread).

    Inference runs without the GIL, on one thread, in sub-batches of exactly ``SUB_BATCH`` frames (the last one is
    filled up with zeros): a frame's result is bit for bit the same alone, in any batch and at any place in it.

    Parameters
    ----------
    onnx_model
        The graph: input ``image_counts`` (n, 102, 128), outputs ``reconstruction_counts`` (n, 102, 128) and
        ``latent`` (n, 32), all float32. The scaling by the fixed full scale (4092 counts) is part of the graph.
    name
        The model's name, as results show it.

    Raises
    ------
    FatalError
        If the bytes are no such graph.
    """

    def __init__(self, onnx_model: bytes, *, name: str) -> None:
        self.name = name
        self._request = _compile(onnx_model, name).create_infer_request()
        self._images = np.zeros((SUB_BATCH, *IMAGE_SHAPE), np.float32)
        self._reconstruction = np.empty((SUB_BATCH, *IMAGE_SHAPE), np.float32)
        self._latent = np.empty((SUB_BATCH, LATENT_SIZE), np.float32)

    def run(self, images: Float32Array, reconstruction: Float32Array, latent: Float32Array) -> None:
        """Reconstruct cleaned images into arrays that the caller gives.

        Parameters
        ----------
        images
            float32, shape (n, 102, 128), C order: counts above the pedestal, >= 0. A NaN or infinite pixel spoils the
            results of its own frame only.
        reconstruction
            float32, shape (n, 102, 128), C order, overwritten: counts; may be slightly negative.
        latent
            float32, shape (n, 32), C order, overwritten: proportional to the brightness of the image.

        Raises
        ------
        ValueError
            If a shape, dtype or memory order is another.
        """
        count = len(images)
        _check("images", images, (count, *IMAGE_SHAPE))
        _check("reconstruction", reconstruction, (count, *IMAGE_SHAPE))
        _check("latent", latent, (count, LATENT_SIZE))
        whole = count - count % SUB_BATCH
        for start in range(0, whole, SUB_BATCH):
            part = slice(start, start + SUB_BATCH)
            self._infer(images[part], reconstruction[part], latent[part])
        rest = count - whole
        if rest:
            self._images[:rest] = images[whole:]
            self._images[rest:] = 0.0
            self._infer(self._images, self._reconstruction, self._latent)
            reconstruction[whole:] = self._reconstruction[:rest]
            latent[whole:] = self._latent[:rest]

    def reconstruct(self, images: Float32Array) -> tuple[Float32Array, Float32Array]:
        """New arrays with the reconstruction and the latent vectors of ``images`` (see ``run``)."""
        reconstruction = np.empty((len(images), *IMAGE_SHAPE), np.float32)
        latent = np.empty((len(images), LATENT_SIZE), np.float32)
        self.run(np.ascontiguousarray(images, np.float32), reconstruction, latent)
        return reconstruction, latent

    def _infer(self, images: Float32Array, reconstruction: Float32Array, latent: Float32Array) -> None:
        """Run one full sub-batch on the callers' own memory."""
        self._request.set_tensor(INPUT_NAME, ov.Tensor(images, shared_memory=True))
        self._request.set_tensor(RECONSTRUCTION_NAME, ov.Tensor(reconstruction, shared_memory=True))
        self._request.set_tensor(LATENT_NAME, ov.Tensor(latent, shared_memory=True))
        self._request.infer(share_outputs=True)  # else they are copied once more, for nobody


def _compile(onnx_model: bytes, name: str) -> Any:
    """The network compiled for ``SUB_BATCH`` frames, after its inputs and outputs were checked."""
    core = ov.Core()
    try:
        network = core.read_model(onnx_model)
    except RuntimeError as error:
        raise FatalError(
            f"model {name}: the network can't be read; install it again or train a new one", reason="model_damaged"
        ) from error
    ports = {port.any_name: list(port.partial_shape)[1:] for port in (*network.inputs, *network.outputs)}
    wanted = {INPUT_NAME: IMAGE_SHAPE, RECONSTRUCTION_NAME: IMAGE_SHAPE, LATENT_NAME: (LATENT_SIZE,)}
    if ports != {port: [ov.Dimension(size) for size in shape] for port, shape in wanted.items()}:
        raise FatalError(
            f"model {name}: the network has the inputs and outputs {ports}, this version needs {wanted}",
            reason="model_shape",
        )
    try:
        network.reshape({INPUT_NAME: [SUB_BATCH, *IMAGE_SHAPE]})
        return core.compile_model(network, "CPU", _COMPILE_OPTIONS)
    except RuntimeError as error:
        raise FatalError(
            f"model {name}: OpenVINO can't run the network on this processor with {SUB_BATCH} images at a time; "
            "install the model again or train a new one",
            reason="model_shape",
        ) from error


def _check(what: str, array: Float32Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
        raise ValueError(f"{what} must be float32 in C order of shape {shape}, got {array.dtype} {array.shape}")
