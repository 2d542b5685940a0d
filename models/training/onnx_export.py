"""The trained network as an ONNX graph that takes and gives counts, and its weights back from there.

The graph has a dozen nodes, so it is written down node by node: its bytes depend on the weights alone (the model's
name is made from their hash), every weight has a name of its own, and the scaling by the full scale and the order of
the pixels are folded into the weights, where they cost nothing.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.errors import FatalError
from models.images.autoencoder import INPUT_NAME, LATENT_NAME, RECONSTRUCTION_NAME
from models.records import FULL_SCALE_COUNTS, IMAGE_SHAPE

_OPSET = 17
_IR_VERSION = 8
Weights = Sequence[NDArray[np.float32]]


def export_onnx(weights: Weights, *, negative_slope: float) -> bytes:
    """The ONNX graph of a network with these weights.

    Parameters
    ----------
    weights
        float32, in Keras' order and layout: the convolutions' kernels (3, 3, in, out), the latent layer's
        (rows * columns * channels, latent), the decoder's (latent, pixels); for images in full scales.
    negative_slope
        Of the leaky rectifiers behind the convolutions.

    Returns
    -------
    bytes
        The same bytes for the same weights: input ``image_counts``, outputs ``reconstruction_counts`` and ``latent``.
    """
    *kernels, latent, decoder = weights
    stored: dict[str, NDArray[np.float32]] = {}
    nodes = [helper.make_node("Unsqueeze", [INPUT_NAME, "channel_axis"], ["channels"])]
    values, (rows, columns) = "channels", IMAGE_SHAPE
    for number, kernel in enumerate(kernels, 1):
        scale = FULL_SCALE_COUNTS if number == 1 else 1
        name, convolved, values = f"encoder_{number}", f"convolved_{number}", f"rectified_{number}"
        stored[name] = (kernel / np.float32(scale)).transpose(3, 2, 0, 1)
        convolution = helper.make_node(
            "Conv", [nodes[-1].output[0], name], [convolved], strides=[2, 2], auto_pad="SAME_UPPER"
        )
        nodes += [convolution, helper.make_node("LeakyRelu", [convolved], [values], alpha=negative_slope)]
        rows, columns = -(-rows // 2), -(-columns // 2)
    channels = kernels[-1].shape[-1]
    by_channel = latent.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3)
    stored["latent_weights"] = by_channel.reshape(rows * columns * channels, -1)
    stored["decoder_weights"] = decoder * np.float32(FULL_SCALE_COUNTS)
    nodes += [
        helper.make_node("Flatten", [values], ["flat"]),
        helper.make_node("MatMul", ["flat", "latent_weights"], [LATENT_NAME]),
        helper.make_node("MatMul", [LATENT_NAME, "decoder_weights"], ["pixels"]),
        helper.make_node("Reshape", ["pixels", "image_shape"], [RECONSTRUCTION_NAME]),
    ]
    return _serialise(nodes, stored, latent.shape[1])


def export_linear(components: NDArray[np.float32]) -> bytes:
    """The ONNX graph of a projection onto components, with the same input and outputs as ``export_onnx``.

    Parameters
    ----------
    components
        float32, shape (latent, 13056): orthonormal rows.
    """
    stored = {
        "latent_weights": np.ascontiguousarray(components.T) / np.float32(FULL_SCALE_COUNTS),
        "decoder_weights": components * np.float32(FULL_SCALE_COUNTS),
    }
    nodes = [
        helper.make_node("Flatten", [INPUT_NAME], ["flat"]),
        helper.make_node("MatMul", ["flat", "latent_weights"], [LATENT_NAME]),
        helper.make_node("MatMul", [LATENT_NAME, "decoder_weights"], ["pixels"]),
        helper.make_node("Reshape", ["pixels", "image_shape"], [RECONSTRUCTION_NAME]),
    ]
    return _serialise(nodes, stored, len(components))


def weights_of(onnx_model: bytes) -> list[NDArray[np.float32]]:
    """The weights that ``export_onnx`` stored, in Keras' order and layout, to go on training from.

    Raises
    ------
    FatalError
        If the graph is none of ``export_onnx``.
    """
    try:
        graph = onnx.load_from_string(onnx_model).graph
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        number = sum(name.startswith("encoder_") for name in stored)
        kernels = [stored[f"encoder_{index}"].transpose(2, 3, 1, 0) for index in range(1, number + 1)]
        kernels[0] = kernels[0] * np.float32(FULL_SCALE_COUNTS)
        rows, columns = IMAGE_SHAPE
        for _ in kernels:
            rows, columns = -(-rows // 2), -(-columns // 2)
        by_channel = stored["latent_weights"].reshape(kernels[-1].shape[-1], rows, columns, -1)
        latent = by_channel.transpose(1, 2, 0, 3).reshape(rows * columns * by_channel.shape[0], -1)
        decoder = stored["decoder_weights"] / np.float32(FULL_SCALE_COUNTS)
    except (KeyError, ValueError, IndexError) as error:
        raise FatalError(
            "the installed model's network is of another kind; train a new one with --anew", reason="model_shape"
        ) from error
    return [*kernels, latent, decoder]


def _serialise(nodes: list[onnx.NodeProto], stored: dict[str, NDArray[np.float32]], latent_size: int) -> bytes:
    constants = {"channel_axis": np.array([1], np.int64), "image_shape": np.array([-1, *IMAGE_SHAPE], np.int64)}
    initializers = [
        numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in {**constants, **stored}.items()
    ]
    images = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["frames", *IMAGE_SHAPE])
        for name in (INPUT_NAME, RECONSTRUCTION_NAME)
    ]
    latent = helper.make_tensor_value_info(LATENT_NAME, TensorProto.FLOAT, ["frames", latent_size])
    graph = helper.make_graph(nodes, "autoencoder", images[:1], [images[1], latent], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="petawatch")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
