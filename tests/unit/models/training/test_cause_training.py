"""Frames to learn causes from, and what is learned."""

from dataclasses import replace

import numpy as np
import pytest

from connectors.beam_library import load_beam_shapes
from connectors.model_files import default_model
from models.alerts.explanation import UNKNOWN_CAUSE
from models.simulation.settings import ShapeSet
from models.training.cause_frames import IMAGE_CAUSES, CauseFrameSettings, labelled_frames
from models.training.cause_training import (
    CauseSample,
    CauseTrainingSettings,
    accuracies,
    confusion,
    measure,
    train_causes,
)
from models.training.unnamed_oddities import turned

CAUSES = (*(kind.value for kind in IMAGE_CAUSES), UNKNOWN_CAUSE)


def separable(seed: int, frames: int = 480, noise: float = 0.3) -> CauseSample:
    """Each cause lies around its own point in a plane of features; the third feature says nothing."""
    draw = np.random.default_rng(seed)
    numbers = np.arange(frames) % len(CAUSES)
    angle = 2 * np.pi * numbers / len(CAUSES)
    features = np.stack([4 * np.cos(angle), 4 * np.sin(angle), np.zeros(frames)], axis=1)
    return CauseSample(
        feature_names=("one", "two", "three"),
        features=features + noise * draw.standard_normal(features.shape),
        causes=tuple(CAUSES[number] for number in numbers),
        severity=draw.random(frames),
        odd=np.ones(frames, np.bool_),
    )


def test_what_can_be_told_apart_is_learned_reproducibly() -> None:
    settings = CauseTrainingSettings(hidden=12, iterations=150)
    classifier = train_causes(separable(1), separable(2), settings)
    again = train_causes(separable(1), separable(2), settings)
    assert classifier.to_json() == again.to_json()
    fresh = separable(3)
    found = accuracies(classifier, fresh)
    assert min(found["mild"], found["medium"], found["strong"], found["unknown"]) > 0.9
    counts = confusion(classifier, fresh)
    assert counts.sum() == 480
    assert np.trace(counts) > 0.9 * 480


def test_probabilities_are_calibrated_on_what_was_held_out() -> None:
    """Where the causes overlap, the mean probability of the named ones is the part that is right."""
    settings = CauseTrainingSettings(hidden=12, iterations=150, least_probability=0.0)
    classifier = train_causes(separable(1, 2400, noise=1.2), separable(2, 2400, noise=1.2), settings)
    fresh = separable(3, 2400, noise=1.2)
    named = [classifier.classify(dict(zip(fresh.feature_names, row, strict=True))) for row in fresh.features.tolist()]
    right = np.mean([name == cause for (name, _), cause in zip(named, fresh.causes, strict=True)])
    assert np.mean([probability for _, probability in named]) == pytest.approx(right, abs=0.04)


def test_a_cause_that_never_occurs_is_told() -> None:
    sample = separable(1)
    lacking = replace(sample, causes=tuple("hot_spot" if cause == "rings" else cause for cause in sample.causes))
    with pytest.raises(ValueError, match="no frame shows rings"):
        train_causes(lacking, sample, CauseTrainingSettings())


def test_accuracies_count_odd_frames_only() -> None:
    sample = separable(1)
    classifier = train_causes(sample, separable(2), CauseTrainingSettings(hidden=12, iterations=50))
    wrong = replace(sample, causes=tuple(np.roll(sample.causes, 1).tolist()), odd=np.zeros(480, np.bool_))
    assert accuracies(classifier, wrong) == {}


def test_frames_are_those_that_the_watch_finds_odd() -> None:
    model = default_model()
    settings = CauseFrameSettings(cameras=1, seed=11, shapes=ShapeSet.DEFAULT)
    frames = list(labelled_frames(load_beam_shapes(), settings, model.autoencoder(), model.seeds, turned))
    strong = [frame for frame in frames if frame.severity > 2 / 3]
    assert {frame.cause for frame in frames} > {"hot_spot", "fringes", "saturation", UNKNOWN_CAUSE}
    assert all(frame.odd for frame in frames if frame.cause != UNKNOWN_CAUSE)
    assert len(strong) > 30
    sample = measure(frames)
    assert sample.features.shape == (len(frames), len(sample.feature_names))
    assert np.isfinite(sample.features).all()


def test_wrong_settings() -> None:
    with pytest.raises(ValueError, match="cameras"):
        CauseFrameSettings(cameras=0)
    with pytest.raises(ValueError, match="mixed_share"):
        CauseFrameSettings(mixed_share=2.0)
    with pytest.raises(ValueError, match="hidden"):
        CauseTrainingSettings(hidden=0)
    with pytest.raises(ValueError, match="decay"):
        CauseTrainingSettings(decay=-1.0)
