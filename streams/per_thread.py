"""What each thread needs for itself: an instance of the network and room for one group of frames."""

import threading

import numpy as np
from numpy.typing import NDArray

from models.images.image_scores import FrameBuffers
from models.model_bundle import ModelBundle


class PerThreadBuffers(threading.local, FrameBuffers):
    """One object for all cameras; every thread that uses it finds room of its own."""

    def __init__(self) -> None:
        FrameBuffers.__init__(self)


class PerThreadNetwork(threading.local):
    """The model's autoencoder for all cameras; every thread that uses it gets an instance of its own."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.name = bundle.name
        self._network = bundle.autoencoder()

    def run(
        self, images: NDArray[np.float32], reconstruction: NDArray[np.float32], latent: NDArray[np.float32]
    ) -> None:
        """Reconstruct cleaned images; see ``Autoencoder.run``."""
        self._network.run(images, reconstruction, latent)
