"""A training for eyes: what each camera gave, what was left out, and what a network of its own would gain."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.table import Table

_COLUMNS = (
    "camera",
    "beam",
    "saturated",
    "sampled",
    "judged",
    "unusual",
    "outliers",
    "learned",
    "later",
    "shared",
    "its own",
)


class ShownCounts(Protocol):
    """What became of a camera's frames."""

    @property
    def beam(self) -> int:
        """Frames with beam."""
        ...

    @property
    def saturated(self) -> int:
        """Of those, left out as saturated."""
        ...

    @property
    def sampled(self) -> int:
        """Of the rest, as many as there was room for."""
        ...

    @property
    def judged(self) -> int:
        """Of the sampled, parts of true alerts."""
        ...

    @property
    def unusual(self) -> int:
        """Of the others, unlike their neighbours."""
        ...

    @property
    def outliers(self) -> int:
        """Of the others, odd to the model before."""
        ...


class ShownGain(Protocol):
    """Two errors on the same later frames."""

    @property
    def before(self) -> float:
        """With the shared network."""
        ...

    @property
    def after(self) -> float:
        """With one of its own."""
        ...

    @property
    def standard_error(self) -> float:
        """Of their difference."""
        ...


class ShownCamera(Protocol):
    """One camera's part in a training."""

    @property
    def camera(self) -> str:
        """Its name."""
        ...

    @property
    def counts(self) -> ShownCounts:
        """What became of its frames."""
        ...

    @property
    def learned(self) -> int:
        """Frames learned from."""
        ...

    @property
    def later(self) -> int:
        """Later frames."""
        ...

    @property
    def tuned(self) -> ShownGain | None:
        """The shared network and one of its own."""
        ...


def print_training(cameras: Sequence[ShownCamera], console: Console) -> None:
    """A table on a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        for camera in cameras:
            words = [f"{name} {value}" for name, value in zip(_COLUMNS[1:], _cells(camera)[1:], strict=True) if value]
            console.out(f"{camera.camera}: {', '.join(words)}")
        return
    caption = "shared, its own: error on later frames with the shared network, and with one tuned to the camera alone"
    table = Table(title="Training", caption=caption)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "camera" else "right")
    for camera in cameras:
        table.add_row(*_cells(camera))
    console.print(table)


def _cells(camera: ShownCamera) -> list[str]:
    counts, tuned = camera.counts, camera.tuned
    numbers = (
        counts.beam,
        counts.saturated,
        counts.sampled,
        counts.judged,
        counts.unusual,
        counts.outliers,
        camera.learned,
        camera.later,
    )
    errors = ["", ""] if tuned is None else [f"{tuned.before:.2%}", f"{tuned.after:.2%} ± {tuned.standard_error:.2%}"]
    return [camera.camera, *(f"{number:,}" for number in numbers), *errors]
