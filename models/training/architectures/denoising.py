"""The strided autoencoder, trained to give back what frames were before they were spoiled."""

from collections.abc import Sequence
from dataclasses import replace

from models.model_bundle import ModelBundle
from models.training.architectures.strided_autoencoder import ScoringBundle, trained_bundle
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
        return trained_bundle(self._start, cameras, replace(self._settings, seed=seed), spoiled=True)
