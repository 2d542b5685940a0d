"""A training by the architecture that the settings name."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from models.images.autoencoder import Autoencoder
from models.training.architectures.pca import principal_components
from models.training.batches import Corruption
from models.training.corruption import corrupted
from models.training.fit import EpochReport, Hooks, TrainedNetwork, fit_network
from models.training.gain import frame_errors
from models.training.onnx_export import export_linear, weights_of
from models.training.settings import TrainingSettings
from models.training.time_split import Images, TimeSplit

#: Architectures whose network can go on learning from one camera's frames alone.
TUNABLE = frozenset({"strided"})


def fit_architecture(
    split: TimeSplit,
    settings: TrainingSettings,
    *,
    start: bytes | None = None,
    resumed: Mapping[str, Any] | None = None,
    hooks: Hooks | None = None,
) -> TrainedNetwork:
    """Train one network of ``settings.architecture`` for all cameras (see ``fit_network``).

    Parameters
    ----------
    start
        The ONNX network that training begins with, where its architecture goes on from one; None: from nothing.

    Raises
    ------
    ValueError
        If there is no frame to train on, or none to validate on.
    FatalError
        If the architecture can't go on from this network.
    """
    return _FITS[settings.architecture](split, settings, start, resumed, hooks or Hooks())


def _fit_autoencoder(
    split: TimeSplit,
    settings: TrainingSettings,
    start: bytes | None,
    resumed: Mapping[str, Any] | None,
    hooks: Hooks,
    corruption: Corruption | None = None,
) -> TrainedNetwork:
    """The strided autoencoder; where frames are spoiled, the errors are those of what it makes of these."""
    weights = None if start is None else weights_of(start)
    return fit_network(split, settings, start_weights=weights, resumed=resumed, hooks=hooks, corruption=corruption)


def _fit_components(
    split: TimeSplit, _: TrainingSettings, start: bytes | None, __: Mapping[str, Any] | None, hooks: Hooks
) -> TrainedNetwork:
    """Principal components: found in one step, the same from any start, so that there is nothing to go on from."""
    training, validation = sum(map(len, split.training)), sum(map(len, split.validation))
    if not training or not validation:
        raise ValueError("training needs at least two frames of one camera, at different times")
    onnx = export_linear(principal_components(split.training))
    hooks.step_done()
    report = EpochReport(
        epoch=1,
        epochs=1,
        training_error=_error(split.training, onnx),
        validation_error=_error(split.validation, onnx),
    )
    hooks.epoch_done(report)
    return TrainedNetwork(
        onnx=onnx,
        epochs=1,
        best_epoch=1,
        validation_error=report.validation_error,
        start_error=1.0 if start is None else _error(split.validation, start),  # nothing leaves the whole frame
        training_frames=training,
        validation_frames=validation,
        curve=(report,),
    )


def _error(cameras: Sequence[Images], onnx: bytes) -> float:
    """The mean error of all frames."""
    network = Autoencoder(onnx, name="trained")
    return float(np.concatenate([frame_errors(images, network) for images in cameras if len(images)]).mean())


_FITS: Mapping[
    str, Callable[[TimeSplit, TrainingSettings, bytes | None, Mapping[str, Any] | None, Hooks], TrainedNetwork]
] = MappingProxyType(
    {
        "strided": _fit_autoencoder,
        "denoising": partial(_fit_autoencoder, corruption=corrupted),
        "pca": _fit_components,
    }
)
