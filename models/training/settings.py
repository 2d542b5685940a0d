"""How a model is trained."""

from dataclasses import dataclass
from typing import ClassVar

from models.training_choice import check_trainable


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Options of a training run.

    Attributes
    ----------
    architecture
        What is trained (``models.training_choice``).
    epochs
        At most this many passes over the training frames.
    patience_epochs
        Training ends when the validation error has not fallen for so many epochs; the best weights are kept.
    batch_frames
        Frames per step.
    learning_rate
        Of Adam at the start; it falls along half a cosine to a hundredth at the last epoch.
    validation_share
        The last part of every camera's frames in time that training never sees.
    gap_s
        Frames of the training part that lie less than this before the validation part are used for neither: the beam
        changes slowly, and a neighbour of a known frame proves nothing. At most a twentieth of the camera's time.
    seed
        The same frames, seed and library versions give the same model.
    frames_per_camera
        At most this many frames of a camera are used.
    frames_in_total
        At most this many frames of all cameras together (52 kB of memory each).
    minimum_frames
        With fewer normal frames there is no training.
    fine_tuning_epochs
        So many epochs on one camera's frames alone are compared with the shared network; 0: it is not measured.
    follow_frames
        While data arrives: so many new beam frames of all cameras together are worth another training.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    architecture: str = "strided"
    epochs: int = 30
    patience_epochs: int = 8
    batch_frames: int = 32
    learning_rate: float = 1e-3
    validation_share: float = 0.2
    gap_s: float = 10.0
    seed: int = 20_220_701
    frames_per_camera: int = 2_000
    frames_in_total: int = 8_000
    minimum_frames: int = 300
    fine_tuning_epochs: int = 3
    follow_frames: int = 20_000

    def __post_init__(self) -> None:
        check_trainable(self.architecture)
        for name in ("epochs", "patience_epochs", "batch_frames", "minimum_frames", "follow_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < 1.0:
            raise ValueError(f"learning_rate must be between 0 and 1, got {self.learning_rate}")
        if not 0.0 < self.validation_share < 1.0:
            raise ValueError(f"validation_share must be between 0 and 1, got {self.validation_share}")
        if not 0.0 <= self.gap_s <= 86_400.0:
            raise ValueError(f"gap_s must be 0 to 86,400, got {self.gap_s}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be 0 to 2^32 - 1, got {self.seed}")
        if not self.minimum_frames <= self.frames_in_total <= 100_000:
            raise ValueError("frames_in_total must be at least minimum_frames and at most 100,000")
        if not 2 <= self.frames_per_camera <= self.frames_in_total:
            raise ValueError("frames_per_camera must be at least 2 and at most frames_in_total")
        if not 0 <= self.fine_tuning_epochs <= 100:
            raise ValueError(f"fine_tuning_epochs must be 0 to 100, got {self.fine_tuning_epochs}")
