"""Which network ``petawatch train`` makes: known to settings, which the watch reads, without anything of a training."""

from dataclasses import dataclass
from typing import ClassVar

#: Architectures that a model of the watch can have: image in, reconstruction and a latent vector of 32 out.
TRAINABLE = ("strided", "denoising", "pca")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingChoice:
    """What a training makes.

    Attributes
    ----------
    architecture
        One of ``TRAINABLE``; ``petawatch benchmark-models`` compares them.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    architecture: str = "strided"

    def __post_init__(self) -> None:
        check_trainable(self.architecture)


def check_trainable(architecture: str) -> None:
    """Look whether a model of the watch can have this architecture.

    Raises
    ------
    ValueError
        If it can't.
    """
    if architecture not in TRAINABLE:
        raise ValueError(f"architecture must be one of {', '.join(TRAINABLE)}, got {architecture!r}")
