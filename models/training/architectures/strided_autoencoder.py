"""The autoencoder that the watch uses: strided convolutions, a dense decoder, one for all cameras."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.model_bundle import ModelBundle
from models.training.architectures.rolling_scores import RollingScores, network_scores
from models.training.settings import TrainingSettings
from models.training.time_split import Images


@dataclass(frozen=True, slots=True)
class ScoringBundle:
    """A ``TrainedArchitecture``: any model of the watch, with the scoring of the watch."""

    bundle: ModelBundle

    def scorer(self, earlier: Images) -> RollingScores[Any]:  # noqa: ARG002 - a camera learns as it is watched
        """A scorer that learns from the first frames."""
        return network_scores(self.bundle.autoencoder(), dict(self.bundle.seeds))


class StridedAutoencoder:
    """An ``Architecture``: training goes on from the model that is there, as ``petawatch train`` does.

    Parameters
    ----------
    start
        The model whose weights training begins with, and whose tails are kept.
    settings
        How it is trained.
    """

    name = "strided"
    description = "strided autoencoder, latent 32, dense decoder; scoring of the watch"

    def __init__(self, start: ModelBundle, settings: TrainingSettings) -> None:
        self._start = start
        self._settings = settings

    def shipped(self) -> ScoringBundle:
        """The model that is there, without any training."""
        return ScoringBundle(self._start)

    def train(self, cameras: Sequence[Images], *, seed: int) -> ScoringBundle:
        """Train one network for all cameras, validated on the last frames of each."""
        return trained_bundle(self._start, cameras, replace(self._settings, seed=seed))


def trained_bundle(
    start: ModelBundle, cameras: Sequence[Images], settings: TrainingSettings, *, spoiled: bool = False
) -> ScoringBundle:
    """The model with another network: trained on from its weights, validated on the last frames of each camera.

    Parameters
    ----------
    spoiled
        Whether it learns to restore frames that are spoiled on purpose (``models.training.corruption``).
    """
    from models.training.corruption import corrupted  # noqa: PLC0415 - the learning framework takes seconds
    from models.training.fit import train_network  # noqa: PLC0415
    from models.training.onnx_export import weights_of  # noqa: PLC0415

    network = train_network(
        cameras, settings, start_weights=weights_of(start.onnx), corruption=corrupted if spoiled else None
    )
    return ScoringBundle(replace(start, onnx=network.onnx))
