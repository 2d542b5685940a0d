"""The classifier of causes that is shipped, made anew or proved.

``python -m streams.default_causes connectors/data`` simulates, trains and writes it (about ten minutes on one core).
``python -m streams.default_causes`` shows what the shipped one says of beams that it was neither trained nor chosen on:
the proof shapes, with seeds of their own.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from connectors.beam_library import load_beam_shapes
from connectors.cause_data import load_cause_classifier, write_cause_classifier
from connectors.model_files import default_model
from models.causes.cause_classifier import CauseClassifier
from models.simulation.settings import ShapeSet
from models.training.cause_frames import CauseFrameSettings, LabelledFrame, labelled_frames
from models.training.cause_training import CauseTrainingSettings, accuracies, confusion, measure, train_causes
from models.training.unnamed_oddities import Disturbance, disturbed, turned

_LEARNED = CauseFrameSettings(cameras=80, seed=19_600_517)
_HELD_OUT = CauseFrameSettings(cameras=24, seed=19_600_518)
_PROOF = CauseFrameSettings(cameras=24, seed=77_001, shapes=ShapeSet.PROOF, mixed_share=0.0)


def make_default_causes(
    folder: Path,
    *,
    learned: CauseFrameSettings = _LEARNED,
    held_out: CauseFrameSettings = _HELD_OUT,
    training: CauseTrainingSettings | None = None,
) -> CauseClassifier:
    """Simulate odd frames, train on them, and write the classifier's file."""
    training = training or CauseTrainingSettings()
    learned_sample, held_out_sample = measure(_frames(learned)), measure(_frames(held_out))
    classifier = train_causes(learned_sample, held_out_sample, training)
    classifier = replace(
        classifier,
        trained_on={
            "model": default_model().name,
            "learned": asdict(learned),
            "held_out": asdict(held_out),
            "training": asdict(training),
            "learned_frames": len(learned_sample.causes),
            "held_out_frames": len(held_out_sample.causes),
            "held_out_accuracy": accuracies(classifier, held_out_sample),
        },
    )
    write_cause_classifier(folder, classifier)
    return classifier


def _frames(settings: CauseFrameSettings, disturbance: Disturbance = disturbed) -> Iterator[LabelledFrame]:
    model = default_model()
    return labelled_frames(load_beam_shapes(), settings, model.autoencoder(), model.seeds, disturbance)


def _confusion_table(classifier: CauseClassifier, counts: NDArray[np.int64]) -> Table:
    table = Table("cause \\ named", *(name.replace("_", " ") for name in classifier.causes))
    for cause, row in zip(classifier.causes, counts.tolist(), strict=True):
        table.add_row(cause, *(str(count) if count else "" for count in row))
    return table


def main() -> None:
    """Make the shipped classifier, or prove it."""
    console = Console(width=200)
    if len(sys.argv) > 1:
        classifier = make_default_causes(Path(sys.argv[1]))
        console.print(classifier.trained_on["held_out_accuracy"])
        return
    classifier = load_cause_classifier()
    sample = measure(_frames(_PROOF, turned))
    console.print(_confusion_table(classifier, confusion(classifier, sample)))
    console.print(accuracies(classifier, sample))


if __name__ == "__main__":
    main()
