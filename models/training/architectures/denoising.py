"""The strided autoencoder, trained to give back what frames were before they were spoiled."""

from collections.abc import Sequence
from dataclasses import replace

from models.model_bundle import ModelBundle
from models.training.architectures.strided_autoencoder import ScoringBundle
from models.training.settings import TrainingSettings
from models.training.time_split import Images


class DenoisingAutoencoder:
    """An ``Architecture``: the network and the scoring of the watch; only what is learned differs.

    Parameters
    ----------
    start
        The model whose weights training begins with, and whose tails are kept.
    settings
        How it is trained.
    """

    name = "denoising"
    description = "strided autoencoder that restores spoiled frames; scoring of the watch"

    def __init__(self, start: ModelBundle, settings: TrainingSettings) -> None:
        self._start = start
        self._settings = settings

    def train(self, cameras: Sequence[Images], *, seed: int) -> ScoringBundle:
        """Train one network for all cameras, validated on the last frames of each."""
        from models.training.corruption import corrupted  # noqa: PLC0415 - the learning framework takes seconds
        from models.training.fit import train_network  # noqa: PLC0415
        from models.training.onnx_export import weights_of  # noqa: PLC0415

        settings, weights = replace(self._settings, seed=seed), weights_of(self._start.onnx)
        network = train_network(cameras, settings, start_weights=weights, corruption=corrupted)
        return ScoringBundle(replace(self._start, onnx=network.onnx))
