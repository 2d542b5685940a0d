"""The training loop: frames of several cameras in, the weights that did best on later frames out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.state import State
from models.training.batches import Batches, Corruption, relative_error, relative_square
from models.training.network import NEGATIVE_SLOPE, build_network
from models.training.onnx_export import export_onnx
from models.training.settings import TrainingSettings
from models.training.time_split import Images, TimeSplit

_LAST_LEARNING_RATE = 0.01  # of the first

Weights = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """How far a training run is; both errors are as in ``TrainedNetwork``."""

    epoch: int
    epochs: int
    training_error: float
    validation_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """What a training run gave.

    Attributes
    ----------
    onnx
        The network with the best weights.
    epochs
        How many were run, and after which one (``best_epoch``) the weights were best; 0 when the given ones were.
    validation_error
        Of the best weights: the mean, over frames later than all that were trained on, of the root mean square of
        the residual against that of the frame, a part of 1.
    start_error
        The same of the weights that training began with.
    curve
        Every epoch that was run, also before an interruption.
    """

    onnx: bytes
    epochs: int
    best_epoch: int
    validation_error: float
    start_error: float
    training_frames: int
    validation_frames: int
    curve: tuple[EpochReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who is called while a training runs; any of them may end it by raising.

    Attributes
    ----------
    epoch_done
        Called after every epoch, when its state was saved.
    step_done
        Called after every step.
    save
        Called after every epoch with all that is needed to go on from there.
    """

    epoch_done: Callable[[EpochReport], None] = lambda _: None
    step_done: Callable[[], None] = lambda: None
    save: Callable[[State], None] = lambda _: None


def train_network(
    cameras: Sequence[Images],
    settings: TrainingSettings,
    *,
    start_weights: Weights | None = None,
    progress: Callable[[EpochReport], None] = lambda _: None,
    corruption: Corruption | None = None,
) -> TrainedNetwork:
    """Train one network for all cameras, validated on the last frames of each.

    Parameters
    ----------
    cameras
        One array per camera, in the order of time: float32, shape (n, 102, 128), cleaned counts, n >= 2.
    start_weights, progress, corruption
        As for ``fit_network``.

    Raises
    ------
    ValueError
        If no camera has two frames.
    """
    cut = [len(images) - max(int(len(images) * settings.validation_share), 1) for images in cameras]
    split = TimeSplit(
        training=[images[:end] for images, end in zip(cameras, cut, strict=True)],
        validation=[images[end:] for images, end in zip(cameras, cut, strict=True)],
    )
    hooks = Hooks(epoch_done=progress)
    return fit_network(split, settings, start_weights=start_weights, hooks=hooks, corruption=corruption)


def fit_network(
    split: TimeSplit,
    settings: TrainingSettings,
    *,
    start_weights: Weights | None = None,
    resumed: Mapping[str, Any] | None = None,
    hooks: Hooks | None = None,
    corruption: Corruption | None = None,
) -> TrainedNetwork:
    """Train one network for all cameras, and keep the weights that did best on the later frames.

    The error of a frame is relative to its brightness: a dim camera counts as much as a bright one.

    Parameters
    ----------
    start_weights
        Go on from these (``models.training.onnx_export.weights_of``), else start anew.
    resumed
        What ``Hooks.save`` got last of a training with the same frames, settings and start, that was interrupted: the
        result is that of the uninterrupted one.
    corruption
        Spoils the frames that the network sees, earlier and later ones; it is to give back what they were.

    Raises
    ------
    ValueError
        If there is no frame to train on, or none to validate on.
    """
    run = _Run(split, settings, start_weights, hooks or Hooks(), corruption)
    if resumed is None:
        run.begin()
    else:
        run.restore(resumed)
    while not run.ended:
        run.do_epoch()
    return run.result()


class _Run:
    """One training, epoch by epoch, with all that the next epoch depends on."""

    def __init__(
        self,
        split: TimeSplit,
        settings: TrainingSettings,
        start_weights: Weights | None,
        hooks: Hooks,
        corruption: Corruption | None,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._given = None if start_weights is None else list(start_weights)
        self._training = Batches(split.training, settings, shuffle=True, corruption=corruption)
        self._validation = Batches(split.validation, settings, shuffle=False, corruption=corruption)
        if not self._training.frames or not self._validation.frames:
            raise ValueError("training needs at least two frames of one camera, at different times")
        keras.utils.set_random_seed(settings.seed)
        tf.config.experimental.enable_op_determinism()
        self._network = build_network()
        if self._given is not None:
            self._network.set_weights(self._given)
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, settings.epochs * len(self._training), alpha=_LAST_LEARNING_RATE
        )
        self._network.compile(keras.optimizers.Adam(rate), loss=relative_square, metrics=[relative_error])
        self._network.optimizer.build(self._network.trainable_variables)
        self._start_loss = self._start_error = 0.0
        self._best_weights = self._network.get_weights()
        self._best_loss, self._best_epoch = float("inf"), 0
        self._curve: list[EpochReport] = []

    def begin(self) -> None:
        """Measure the weights at the start."""
        start = self._network.evaluate(self._validation, return_dict=True, verbose=0)
        self._start_loss, self._start_error = float(start["loss"]), float(start["relative_error"])

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or the last ones made it no better."""
        done = len(self._curve)
        return done >= self._settings.epochs or done - self._best_epoch >= self._settings.patience_epochs

    def do_epoch(self) -> None:
        """Learn from all training frames once, look at the later ones, save, and tell."""
        done = len(self._curve)
        self._training.begin_epoch(done)
        history = self._network.fit(
            self._training,
            validation_data=self._validation,
            initial_epoch=done,
            epochs=done + 1,
            callbacks=[_StepTeller(self._hooks.step_done)],
            shuffle=False,
            verbose=0,
        ).history
        report = EpochReport(
            epoch=done + 1,
            epochs=self._settings.epochs,
            training_error=float(history["relative_error"][0]),
            validation_error=float(history["val_relative_error"][0]),
        )
        self._curve.append(report)
        loss = float(history["val_loss"][0])
        if loss < self._best_loss:
            self._best_loss, self._best_epoch = loss, report.epoch
            self._best_weights = self._network.get_weights()
        self._hooks.save(self.state())
        self._hooks.epoch_done(report)

    def result(self) -> TrainedNetwork:
        """The best weights; the given ones when no epoch was better."""
        weights, best_epoch = self._best_weights, self._best_epoch
        if self._given is not None and not self._best_loss < self._start_loss:
            weights, best_epoch = self._given, 0
        best_error = self._curve[best_epoch - 1].validation_error if best_epoch else self._start_error
        return TrainedNetwork(
            onnx=export_onnx(weights, negative_slope=NEGATIVE_SLOPE),
            epochs=len(self._curve),
            best_epoch=best_epoch,
            validation_error=best_error,
            start_error=self._start_error,
            training_frames=self._training.frames,
            validation_frames=self._validation.frames,
            curve=tuple(self._curve),
        )

    def state(self) -> State:
        """All that the next epochs depend on, beside the frames and the settings: about 10 MB."""
        return {
            "weights": self._network.get_weights(),
            "optimizer": [variable.numpy() for variable in self._network.optimizer.variables],
            "best_weights": self._best_weights,
            "best_loss": self._best_loss,
            "best_epoch": self._best_epoch,
            "start_loss": self._start_loss,
            "start_error": self._start_error,
            "curve": [[report.training_error, report.validation_error] for report in self._curve],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self._network.set_weights(state["weights"])
        for variable, value in zip(self._network.optimizer.variables, state["optimizer"], strict=True):
            variable.assign(value)
        self._best_weights = list(state["best_weights"])
        self._best_loss, self._best_epoch = float(state["best_loss"]), int(state["best_epoch"])
        self._start_loss, self._start_error = float(state["start_loss"]), float(state["start_error"])
        self._curve = [
            EpochReport(epoch=number, epochs=self._settings.epochs, training_error=training, validation_error=later)
            for number, (training, later) in enumerate(state["curve"], 1)
        ]


class _StepTeller(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, step_done: Callable[[], None]) -> None:
        super().__init__()
        self._step_done = step_done

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - the signature is Keras'
        self._step_done()
