"""What a training tells the registry: how it was made, what it reached, and how its reconstructions look."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.clock import Clock
from connectors.evidence_picture import evidence_png
from connectors.registry.training_record import TrainingRecord, Value
from models.alerts.alert import AlertSource, EvidenceFrame
from models.devices import parse_device
from models.model_bundle import ModelBundle
from streams.model_tracking import record_training
from streams.settings import Settings

#: Cameras of which a sample is shown.
MOST_PICTURES = 12
# In ``ModelBundle.trained_on``: too long for a parameter; a hash stands for it, all of it is in the model's file.
_FILES = "files"
# Keeps a flat residual from dividing by nothing, counts.
_LEAST_SIGMA = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFrame:
    """A frame of a camera, cleaned: float32, shape (102, 128), counts above the pedestal."""

    camera: str
    event_time_ns: int
    cleaned: NDArray[np.float32]


class Epoch(Protocol):
    """What is known after an epoch."""

    @property
    def training_error(self) -> float:
        """On the frames that are learned."""
        ...

    @property
    def validation_error(self) -> float:
        """On later frames."""
        ...


def training_record(
    bundle: ModelBundle,
    *,
    metrics: Mapping[str, float],
    curve: Sequence[Epoch],
    samples: Sequence[SampleFrame],
    recorded_ns: int,
) -> TrainingRecord:
    """The record of a training whose model was installed.

    Parameters
    ----------
    bundle
        Its model; ``trained_on`` and ``library_versions`` become the parameters.
    metrics
        What it reached, besides what the curve says.
    curve
        Every epoch, the first one first.
    samples
        Frames whose reconstructions are shown, each camera's once; of the first ones by name.
    recorded_ns
        Now, ns since 1970.
    """
    parameters = dict(_flat(bundle.trained_on))
    parameters |= {f"library.{name}": found for name, found in bundle.library_versions.items()}
    return TrainingRecord(
        bundle=bundle,
        parameters=parameters,
        metrics={name: value for name, value in metrics.items() if np.isfinite(value)},
        curves={
            "epoch_training_error": [epoch.training_error for epoch in curve],
            "epoch_validation_error": [epoch.validation_error for epoch in curve],
        },
        pictures=_pictures(bundle, sorted(samples, key=lambda sample: sample.camera)[:MOST_PICTURES]),
        recorded_ns=recorded_ns,
        in_use=True,
    )


class Report(Protocol):
    """What is told of a training that was run once (``streams.training.TrainingReport``)."""

    @property
    def bundle(self) -> ModelBundle:
        """Its model, which was installed."""
        ...

    @property
    def start_error(self) -> float:
        """On later frames, with the weights at the start."""
        ...

    @property
    def validation_error(self) -> float:
        """The same with the best weights."""
        ...

    @property
    def curve(self) -> Sequence[Epoch]:
        """Every epoch."""
        ...

    @property
    def samples(self) -> Sequence[SampleFrame]:
        """A frame of each camera."""
        ...


def record_report(state_dir: Path, settings: Settings, report: Report, clock: Clock) -> str:
    """Record a training whose model was installed (``record_training``); returns a sentence."""
    record = training_record(
        report.bundle,
        metrics={"start_error": report.start_error, "validation_error": report.validation_error},
        curve=report.curve,
        samples=report.samples,
        recorded_ns=clock.now_ns(),
    )
    return record_training(state_dir, settings, record)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Value]]:
    found: list[tuple[str, Value]] = []
    for name, value in sorted(values.items()):
        if not prefix and name == _FILES:
            text = json.dumps(value, sort_keys=True).encode()
            found += [("files", len(value)), ("files_sha256", hashlib.sha256(text).hexdigest())]
        elif isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value if isinstance(value, str | int | float) else json.dumps(value)))
    return found


def _pictures(bundle: ModelBundle, samples: Sequence[SampleFrame]) -> dict[str, bytes]:
    if not samples:
        return {}
    cleaned = np.stack([sample.cleaned for sample in samples])
    reconstruction, _ = bundle.autoencoder().reconstruct(cleaned)
    pictures = {}
    for number, sample in enumerate(samples):
        residual = cleaned[number] - reconstruction[number]
        frame = EvidenceFrame(
            alert_id="",
            role="sample",
            event_time_ns=sample.event_time_ns,
            device=parse_device(sample.camera),
            source=AlertSource(file="", sha256="", path=""),
            raw=np.clip(np.rint(cleaned[number]), 0, np.iinfo(np.uint16).max).astype(np.uint16),
            cleaned=cleaned[number],
            reconstruction=reconstruction[number],
            # Of this frame's own residual: the camera's usual one is not known here.
            residual_z=(residual / max(float(residual.std()), _LEAST_SIGMA)).astype(np.float32),
        )
        # The device's name may hold what a file's can't.
        word = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in sample.camera).strip("-")
        pictures[f"{number:02d}-{word}"[:100]] = evidence_png(frame)
    return pictures
