"""A trained model as it is handed from training to the watch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.images.autoencoder import Autoencoder


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBundle:
    """One version of the model: the network, and what was learned with it.

    Attributes
    ----------
    onnx
        The autoencoder's graph (see ``models.images.autoencoder.Autoencoder``).
    seeds
        JSON values: the tails of the scores of a camera that has none of its own yet, by the score's name.
    trained_on
        JSON values: where the frames came from (hashes of the files, or the settings of the simulation), how many,
        and what the training reached.
    library_versions
        The versions that trained and exported it, by package.
    """

    onnx: bytes
    seeds: Mapping[str, Any]
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    library_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's id, ``ae-`` and 12 hexadecimal digits: it changes with the network or the seeds, only then."""
        seeds = json.dumps(dict(self.seeds), sort_keys=True, separators=(",", ":")).encode()
        return f"ae-{hashlib.sha256(hashlib.sha256(self.onnx).digest() + seeds).hexdigest()[:12]}"

    def autoencoder(self) -> Autoencoder:
        """A new instance of the network; make one per thread.

        Raises
        ------
        FatalError
            If the network can't be read or has other shapes.
        """
        return Autoencoder(self.onnx, name=self.name)
