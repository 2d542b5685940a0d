"""The autoencoder as a Keras network, in units of the camera's full scale."""

from typing import Any

import keras
import numpy as np
from keras import layers

from models.images.autoencoder import LATENT_SIZE
from models.records import IMAGE_SHAPE

#: Filters of the strided convolutions of the encoder.
FILTERS = (16, 32, 32)
#: Slope of the leaky rectifier for negative values (the reference, section 3.6).
NEGATIVE_SLOPE = 0.2


def build_network() -> Any:
    """A new network: image (n, 102, 128) to its reconstruction (n, 102, 128), both in full scales, float32.

    Three 3x3 convolutions with stride 2, a dense latent layer and a dense decoder. No layer has a bias, so that the
    network is homogeneous: an image half as bright gives half the latent vector and half the reconstruction, and a
    camera of any brightness is reconstructed as well as any other.
    """
    image = keras.Input(IMAGE_SHAPE)
    values = layers.Reshape((*IMAGE_SHAPE, 1))(image)
    for number, filters in enumerate(FILTERS, 1):
        values = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"encoder_{number}")(values)
        values = layers.LeakyReLU(negative_slope=NEGATIVE_SLOPE)(values)
    latent = layers.Dense(LATENT_SIZE, use_bias=False, name="latent")(layers.Flatten()(values))
    pixels = layers.Dense(int(np.prod(IMAGE_SHAPE)), use_bias=False, name="decoder")(latent)
    return keras.Model(image, layers.Reshape(IMAGE_SHAPE)(pixels))
