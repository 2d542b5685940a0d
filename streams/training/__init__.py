"""Training: from the snapshots of a laser to an installed model, once or while data arrives."""

from streams.training.extra import library_versions, require_training_extra
from streams.training.report import CameraReport, TrainingReport
from streams.training.train import Progress, train_model

__all__ = [
    "CameraReport",
    "Progress",
    "TrainingReport",
    "library_versions",
    "require_training_extra",
    "train_model",
]
