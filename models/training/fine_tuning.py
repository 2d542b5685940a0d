"""Networks tuned to one camera each, measured beside the one that all cameras share."""

from collections.abc import Callable, Mapping

import keras

from models.images.autoencoder import Autoencoder
from models.training.batches import Batches, relative_square
from models.training.gain import Gain, compare, frame_errors
from models.training.network import NEGATIVE_SLOPE, build_network
from models.training.onnx_export import export_onnx, weights_of
from models.training.settings import TrainingSettings
from models.training.time_split import Images

# Of the shared network's first learning rate: it is near its goal already.
_LEARNING_RATE_PART = 0.1


def fine_tuning_gains(
    shared: bytes,
    cameras: Mapping[str, tuple[Images, Images]],
    settings: TrainingSettings,
    *,
    step_done: Callable[[], None] = lambda: None,
) -> dict[str, Gain]:
    """Go on training the shared network with each camera's frames alone, and compare both on its later frames.

    The number of epochs is fixed and nothing is chosen by the later frames, so that the tuned network has no advantage
    but what it learned.

    Parameters
    ----------
    shared
        The network (``TrainedNetwork.onnx``).
    cameras
        Earlier and later images of each camera, as for ``fit_network``; one without either is passed over.

    Returns
    -------
    dict
        By camera: the error with the shared network (``before``) and with its own (``after``).
    """
    network, weights = build_network(), weights_of(shared)
    network.compile(keras.optimizers.Adam(settings.learning_rate * _LEARNING_RATE_PART), loss=relative_square)
    network.optimizer.build(network.trainable_variables)
    fresh = [variable.numpy() for variable in network.optimizer.variables]
    common = Autoencoder(shared, name="shared")
    gains = {}
    for camera, (earlier, later) in cameras.items():
        if not len(earlier) or not len(later):
            continue
        network.set_weights(weights)
        for variable, value in zip(network.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        _tune(network, earlier, settings, step_done)
        own = Autoencoder(export_onnx(network.get_weights(), negative_slope=NEGATIVE_SLOPE), name=camera)
        gains[camera] = compare([frame_errors(later, common)], [frame_errors(later, own)])
    return gains


def _tune(network: keras.Model, earlier: Images, settings: TrainingSettings, step_done: Callable[[], None]) -> None:
    batches = Batches([earlier], settings, shuffle=True)
    for epoch in range(settings.fine_tuning_epochs):
        batches.begin_epoch(epoch)
        network.fit(batches, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0)
        step_done()
